"""The command line: options -> settings -> pipeline, and the only place that knows of a console."""

import csv
import dataclasses
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reportgen import __version__
from reportgen.errors import ReportError
from reportgen.settings import (
    AGGREGATES,
    DEFAULT_CACHE_PATH,
    HEAD_FUSIONS,
    METHODS,
    PRECISIONS,
    AnalyzeSettings,
    PreprocessingSettings,
    RenderSettings,
)

if TYPE_CHECKING:
    from reportgen.pipeline import Report

_DEMO_SPEC = "demo"
_DEFAULT_SETTINGS = RenderSettings()


class _ConsoleObserver:
    """Progress with rate and time left on stderr, on a terminal only; remembers how long each stage took."""

    def __init__(self) -> None:
        from rich.console import Console

        self.seconds: dict[str, float] = {}
        self._console = Console(stderr=True)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}")]
        if total is not None:
            columns += [BarColumn(), MofNCompleteColumn(), _RateColumn(), TimeRemainingColumn()]
        started = time.perf_counter()
        with Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        ) as progress:
            task = progress.add_task(name, total=total)
            yield lambda count: progress.update(task, advance=count)
        self.seconds[name] = time.perf_counter() - started

    def say(self, message: str) -> None:
        click.echo(f"note: {message}", err=True)


def _RateColumn() -> Any:  # noqa: N802  stands where a rich column class would
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")

    return RateColumn()


def _parse_numbers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Comma-separated numbers, such as `0.5071,0.4865,0.4409`."""
    try:
        return None if value is None else tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 0.5071,0.4865,0.4409.") from None


def _parse_names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Comma-separated names; one that holds a comma stands in double quotes."""
    rows = csv.reader([value or ""], skipinitialspace=True)
    return tuple(name.strip() for row in rows for name in row if name.strip())


class _Option(click.Option):
    """An option that knows the heading under which the help lists it."""

    def __init__(self, *args: Any, section: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


class _Command(click.Command):
    """A command whose help lists options under headings, in the order in which one needs them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(ctx)
            if record is not None:  # hidden options have none
                sections.setdefault(getattr(parameter, "section", "Other"), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


def _option(*names: str, **attributes: Any) -> Callable[..., Callable[[Any], Any]]:
    return partial(click.option, *names, cls=_Option, **attributes)


def _options(section: str, *options: Callable[..., Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """A decorator that gives a command these options, in this order, under one heading."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(section=section)(command)
        return command

    return decorate


def _path_option(*names: str, metavar: str, **attributes: Any) -> Callable[..., Callable[[Any], Any]]:
    return _option(*names, type=click.Path(path_type=Path), metavar=metavar, **attributes)


def _number_option(*names: str, default: int, metavar: str = "N", **attributes: Any) -> Callable[..., Any]:
    return _option(*names, type=int, default=default, show_default=True, metavar=metavar, **attributes)


_model_options = _options(
    "Model",
    _option(
        "--model",
        default="",
        metavar="SPEC",
        help="FILE.py:factory, package.module:factory, torchvision:NAME, timm:NAME, hf:FOLDER, keras:FILE.keras, "
        "a TorchScript or exported program's file, or demo.",
    ),
    _option(
        "--weights",
        metavar="FILE",
        help="State dict (.pth .pt .th .ckpt .safetensors), or `pretrained` for the weights of the model's library.",
    ),
    _option(
        "--layer",
        "layers",
        metavar="NAME,…",
        callback=_parse_names,
        help="Target layers' dotted names.  [default: one found by probing]",
    ),
    _option(
        "--aggregate",
        type=click.Choice(AGGREGATES),
        default="mean",
        show_default=True,
        help="How the maps of several layers become one.",
    ),
    _option(
        "--method",
        "methods",
        metavar="NAME,…",
        callback=_parse_names,
        default="gradcam",
        show_default=True,
        help=f"Methods of the maps: {', '.join(METHODS)}.",
    ),
    _option(
        "--head-fusion",
        type=click.Choice(HEAD_FUSIONS),
        default="mean",
        show_default=True,
        help="How rollout joins the heads of a layer.",
    ),
    _option(
        "--discard-ratio",
        type=float,
        default=0.0,
        show_default=True,
        metavar="SHARE",
        help="Smallest attentions that rollout leaves out.",
    ),
)

_data_options = _options(
    "Test set",
    _option(
        "--data",
        default="",
        metavar="SPEC",
        help="Image folder (<class>/<image>), .npz (images, labels, class_names), manifest (.csv or .parquet with "
        "path,label), hf:FOLDER, torchvision:NAME, cifar10, cifar100 or demo.",
    ),
    _path_option(
        "--arrays",
        metavar="FILE.npz",
        help="Instead of a model and data: y_true and y_pred_probs or logits of a model that ran elsewhere.",
    ),
    _path_option("--data-root", metavar="DIR", help="Folder of torchvision's copy of the data."),
    _option("--download", is_flag=True, help="Let data and models be fetched."),
    _path_option(
        "--annotations",
        metavar="PATH",
        help="What people marked in the images: LabelMe or COCO JSON, or a folder of LabelMe files or mask pictures.",
    ),
    _path_option(
        "--class-names",
        "class_names_path",
        metavar="FILE",
        help="The model's class names in index order: one a line, or a JSON list.",
    ),
    _path_option(
        "--superclasses",
        "superclasses_path",
        metavar="CSV",
        help="Columns class,superclass. cifar100 and demo know their own.",
    ),
    _option("--limit", type=int, metavar="N", help="Only N examples, spread evenly over the test set."),
)

_preprocessing_options = _options(
    "Preprocessing",
    _option(
        "--mean",
        metavar="R,G,B",
        callback=_parse_numbers,
        help="Channel means of images scaled to [0, 1].  [default: the model's own, or the data set's]",
    ),
    _option("--std", metavar="R,G,B", callback=_parse_numbers, help="Channel standard deviations."),
    _option("--resize", type=int, metavar="PIXELS", help="Resize the shorter side to this."),
    _option("--crop", type=int, metavar="PIXELS", help="Then cut out the centred square of this side."),
)

_device_option = _option(
    "--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps."
)

_pass_options = _options(
    "Pass",
    _device_option,
    _option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="fp32",
        show_default=True,
        help="bf16 runs under autocast.",
    ),
    _number_option("--batch-size", default=256, help="Images per forward."),
    _option("--workers", type=int, metavar="N", help="Processes that load images.  [default: chosen]"),
    _number_option(
        "--faithfulness", default=0, help="Test the maps on N images by removing pixels.  [default: not at all]"
    ),
    _number_option("--thumbnail-size", default=128, metavar="PIXELS", help="Longest side of the stored thumbnails."),
)


def _cache_options(default: Path) -> Callable[[Any], Any]:
    return _options(
        "Cache",
        _path_option(
            "--cache",
            "cache_path",
            metavar="FILE",
            default=default,
            show_default=True,
            help="File that holds what the pass found; while it is valid the model is not run.",
        ),
        _option("--refresh", is_flag=True, help="Ignore a valid cache."),
    )


_content_options = _options(
    "Report",
    _path_option("--out", metavar="DIR", default=_DEFAULT_SETTINGS.out, show_default=True, help="Folder of the site."),
    _option("--title", metavar="TEXT", help="The report's title.  [default: the finding]"),
    _path_option("--notes", metavar="FILE.md", help="A reviewer's text for the first page, in Markdown."),
    _number_option("--worst", "num_worst", default=_DEFAULT_SETTINGS.num_worst, help="Worst examples per class."),
    _number_option("--best", "num_best", default=_DEFAULT_SETTINGS.num_best, help="Best examples per class."),
    _number_option(
        "--mistaken", "num_mistaken", default=_DEFAULT_SETTINGS.num_mistaken, help="Examples mistaken for the class."
    ),
    _number_option("--pairs", "num_pairs", default=_DEFAULT_SETTINGS.num_pairs, help="Most confused pairs."),
    _number_option(
        "--gallery", "num_gallery", default=_DEFAULT_SETTINGS.num_gallery, help="Images in the gallery of a class."
    ),
    _option(
        "--iou-threshold",
        type=float,
        default=_DEFAULT_SETTINGS.iou_threshold,
        show_default=True,
        metavar="SHARE",
        help="Share of its peak from which on a map covers an annotated place.",
    ),
    _option("--keep-label-suspects", is_flag=True, help="Leave examples with doubtful labels among the worst."),
)

_look_options = _options(
    "Look",
    _path_option("--logo", metavar="FILE", help="PNG, JPEG, WebP or SVG for the bar of every page."),
    _path_option("--extra-css", metavar="FILE", help="Style sheet that every page applies last."),
    _path_option("--templates", metavar="DIR", help="Folder whose templates override the built-in ones."),
)

_delivery_options = _options(
    "Delivery",
    _option("--zip", "with_archive", is_flag=True, help="Also pack the site into an archive beside it."),
    _path_option(
        "--single-file", metavar="FILE.html", help="Also write one file to mail: first page, some classes, figures."
    ),
    _option(
        "--classes",
        metavar="NAME,…",
        callback=_parse_names,
        help="Its classes.  [default: ten: the lowest recalls and the top pairs]",
    ),
    _option("--force", is_flag=True, help="Write it even where it is larger than 50 MB."),
)


def _input_options(command: Any) -> Any:
    for options in (_pass_options, _preprocessing_options, _data_options, _model_options):
        command = options(command)
    return command


def _render_options(command: Any) -> Any:
    for options in (_delivery_options, _look_options, _content_options):
        command = options(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="reportgen")
@click.option("-v", "--verbose", is_flag=True, help="Log what is done, on stderr.")
def cli(verbose: bool) -> None:
    """What an image classifier gets wrong, where it was looking, and how sure each number is: as a static site."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr
    )


@cli.command("run", cls=_Command)
@_input_options
@_cache_options(DEFAULT_CACHE_PATH)
@_render_options
def run_command(cache_path: Path, refresh: bool, **options: Any) -> None:
    """Run the model once over a test set, then write the report."""
    names = [field.name for field in dataclasses.fields(RenderSettings)]
    render_settings = RenderSettings(**{name: options.pop(name) for name in names})
    _run(_analyze_settings(options), render_settings, cache_path, refresh)


@cli.command("analyze", cls=_Command)
@_input_options
@_cache_options(DEFAULT_CACHE_PATH)
def analyze_command(cache_path: Path, refresh: bool, **options: Any) -> None:
    """Run the model once over a test set and save the cache alone."""
    from reportgen.pipeline import analyze

    observer = _ConsoleObserver()
    cache = analyze(_analyze_settings(options), cache_path=cache_path, refresh=refresh, observer=observer)
    click.echo(f"{cache.num_examples:,} examples of {cache.num_classes:,} classes in {cache_path}")
    click.echo(_seconds_text(observer.seconds))


@cli.command("render", cls=_Command)
@click.argument("cache_path", type=click.Path(path_type=Path), metavar="CACHE")
@_render_options
def render_command(cache_path: Path, **options: Any) -> None:
    """Write the report from a cache; needs neither the model nor the data."""
    from reportgen.pipeline import render

    observer = _ConsoleObserver()
    report = render(cache_path, RenderSettings(**options), observer=observer)
    _print_summary(report, observer.seconds)


@cli.command("demo", cls=_Command)
@_options("Pass", _device_option)
@_cache_options(Path("demo-cache.npz"))
@_render_options
def demo_command(cache_path: Path, refresh: bool, device: str, **options: Any) -> None:
    """Report on the embedded default: 10,000 two-digit numbers and a small network."""
    settings = AnalyzeSettings(model=_DEMO_SPEC, data=_DEMO_SPEC, device=device)
    _run(settings, RenderSettings(**options), cache_path, refresh)


@cli.command("verify", cls=_Command)
@click.argument("site", type=click.Path(path_type=Path), metavar="SITE")
def verify_command(site: Path) -> None:
    """Check a site's files against what was written: say what was changed, added or lost."""
    from reportgen.report.delivery.verify import raise_unclean, verify_site

    check = verify_site(site)
    for name, paths in (("changed", check.changed), ("added", check.added), ("lost", check.lost)):
        for path in paths:
            click.echo(f"{name:7}  {path}")
    raise_unclean(site, check)
    click.echo(f"{site}: {check.num_files:,} files, all as written.")
    click.echo(f"SHA-256 of its manifest: {check.manifest_digest}")


def _analyze_settings(options: dict[str, Any]) -> AnalyzeSettings:
    preprocessing = PreprocessingSettings(**{name: options.pop(name) for name in ("mean", "std", "resize", "crop")})
    return AnalyzeSettings(preprocessing=preprocessing, **options)


def _run(analyze_settings: AnalyzeSettings, render_settings: RenderSettings, cache_path: Path, refresh: bool) -> None:
    from reportgen.pipeline import run

    observer = _ConsoleObserver()
    report = run(analyze_settings, render_settings, cache_path=cache_path, refresh=refresh, observer=observer)
    _print_summary(report, observer.seconds)


def _print_summary(report: "Report", seconds: dict[str, float]) -> None:
    from reportgen.report.words.summaries import console_summary

    click.echo(console_summary(report.cache, report.findings))
    click.echo(f"\n{report.index_path}  ({report.num_files:,} files, {report.num_bytes / 1e6:.1f} MB)")
    for parcel in report.parcels:
        click.echo(f"{parcel.path}  ({parcel.contents}, {parcel.num_bytes / 1e6:.1f} MB)")
    click.echo(_seconds_text(seconds))


def _seconds_text(seconds: dict[str, float]) -> str:
    stages = " · ".join(f"{name.lower()} {value:.1f} s" for name, value in seconds.items())
    return f"{stages} · in all {sum(seconds.values()):.1f} s"


def main() -> None:
    """Run the command line. Expected problems end in a message and a hint, without a traceback."""
    try:
        code = cli(standalone_mode=False, prog_name="reportgen")
    except ReportError as error:
        click.echo(f"error: {error.message}\nhint:  {error.hint}", err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        click.echo("Interrupted. What was complete before is unchanged.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:  # whoever read the output has enough; nothing more is written, at exit neither
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
