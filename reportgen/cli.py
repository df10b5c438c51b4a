"""The command line: options -> settings -> pipeline, and the only place that knows of a console."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reportgen import __version__
from reportgen.errors import ReportError
from reportgen.settings import (
    DEFAULT_CACHE_PATH,
    DEFAULT_SITE_PATH,
    METHODS,
    PRECISIONS,
    AnalyzeSettings,
    PreprocessingSettings,
    RenderSettings,
)

if TYPE_CHECKING:
    from reportgen.pipeline import Report

_DEMO_SPEC = "demo"


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


_PATH = click.Path(path_type=Path)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_input_options = _options(
    click.option(
        "--model",
        required=True,
        metavar="SPEC",
        help="FILE.py:factory, package.module:factory, torchvision:NAME, timm:NAME or demo.",
    ),
    click.option(
        "--weights",
        metavar="FILE",
        help="State dict (.pth .pt .th .ckpt .safetensors), or `pretrained` for the weights of the model's library.",
    ),
    click.option(
        "--data",
        required=True,
        metavar="SPEC",
        help="Image folder (<class>/<image>), .npz (images, labels, class_names), cifar10, cifar100 or demo.",
    ),
    click.option("--data-root", type=_PATH, metavar="DIR", help="Folder of torchvision's copy of cifar10 or cifar100."),
    click.option("--download", is_flag=True, help="Let torchvision fetch cifar10 or cifar100."),
    click.option(
        "--class-names",
        "class_names_path",
        type=_PATH,
        metavar="FILE",
        help="The model's class names in index order: one a line, or a JSON list.",
    ),
    click.option(
        "--superclasses",
        "superclasses_path",
        type=_PATH,
        metavar="CSV",
        help="Columns class,superclass. cifar100 and demo know their own.",
    ),
    click.option("--mean", metavar="R,G,B", callback=_parse_numbers, help="Channel means of images scaled to [0, 1]."),
    click.option("--std", metavar="R,G,B", callback=_parse_numbers, help="Channel standard deviations."),
    click.option("--resize", type=int, metavar="PIXELS", help="Resize the shorter side to this."),
    click.option("--crop", type=int, metavar="PIXELS", help="Then cut out the centred square of this side."),
)

_pass_options = _options(
    click.option("--layer", metavar="NAME", help="Target layer's dotted name.  [default: found by probing]"),
    click.option("--method", type=click.Choice(METHODS), default="gradcam", show_default=True, help="CAM method."),
    click.option("--limit", type=int, metavar="N", help="Only N examples, spread evenly over the test set."),
    click.option(
        "--thumbnail-size",
        type=int,
        default=128,
        show_default=True,
        metavar="PIXELS",
        help="Longest side of the stored thumbnails.",
    ),
    click.option("--batch-size", type=int, default=256, show_default=True, help="Images per forward."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps."),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="fp32",
        show_default=True,
        help="bf16 runs under autocast.",
    ),
    click.option("--workers", type=int, metavar="N", help="Processes that load images.  [default: chosen]"),
    click.option(
        "--cache",
        "cache_path",
        type=_PATH,
        default=DEFAULT_CACHE_PATH,
        show_default=True,
        help="File that holds what the pass found.",
    ),
    click.option("--refresh", is_flag=True, help="Ignore a valid cache."),
)

_render_options = _options(
    click.option("--out", type=_PATH, default=DEFAULT_SITE_PATH, show_default=True, help="Folder of the site."),
    click.option("--title", help="The report's title.  [default: the finding]"),
    click.option("--worst", "num_worst", type=int, default=5, show_default=True, help="Worst examples per class."),
    click.option("--best", "num_best", type=int, default=3, show_default=True, help="Best examples per class."),
    click.option(
        "--mistaken", "num_mistaken", type=int, default=3, show_default=True, help="Examples mistaken for the class."
    ),
    click.option("--pairs", "num_pairs", type=int, default=15, show_default=True, help="Most confused pairs."),
    click.option("--templates", type=_PATH, metavar="DIR", help="Folder whose templates override the built-in ones."),
)

_RENDER_FIELDS = ("out", "title", "num_worst", "num_best", "num_mistaken", "num_pairs", "templates")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="reportgen")
@click.option("-v", "--verbose", is_flag=True, help="Log what is done, on stderr.")
def cli(verbose: bool) -> None:
    """What an image classifier gets wrong, where it was looking, and how sure each number is: as a static site."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr
    )


@cli.command("run")
@_input_options
@_pass_options
@_render_options
def run_command(cache_path: Path, refresh: bool, **options: Any) -> None:
    """Run the model once over a test set, then write the report."""
    render_settings = RenderSettings(**{name: options.pop(name) for name in _RENDER_FIELDS})
    _run(_analyze_settings(options), render_settings, cache_path, refresh)


@cli.command("analyze")
@_input_options
@_pass_options
def analyze_command(cache_path: Path, refresh: bool, **options: Any) -> None:
    """Run the model once over a test set and save the cache alone."""
    from reportgen.pipeline import analyze

    observer = _ConsoleObserver()
    cache = analyze(_analyze_settings(options), cache_path=cache_path, refresh=refresh, observer=observer)
    click.echo(f"{cache.num_examples:,} examples of {cache.num_classes:,} classes in {cache_path}")
    click.echo(_seconds_text(observer.seconds))


@cli.command("render")
@click.argument("cache_path", type=_PATH, metavar="CACHE")
@_render_options
def render_command(cache_path: Path, **options: Any) -> None:
    """Write the report from a cache; needs neither the model nor the data."""
    from reportgen.pipeline import render

    observer = _ConsoleObserver()
    report = render(cache_path, RenderSettings(**options), observer=observer)
    _print_summary(report, observer.seconds)


@cli.command("demo")
@click.option(
    "--cache",
    "cache_path",
    type=_PATH,
    default=Path("demo-cache.npz"),
    show_default=True,
    help="File that holds what the pass found.",
)
@click.option("--refresh", is_flag=True, help="Ignore a valid cache.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@_render_options
def demo_command(cache_path: Path, refresh: bool, device: str, **options: Any) -> None:
    """Report on the embedded default: 10,000 two-digit numbers and a small network."""
    settings = AnalyzeSettings(model=_DEMO_SPEC, data=_DEMO_SPEC, device=device)
    _run(settings, RenderSettings(**options), cache_path, refresh)


def _analyze_settings(options: dict[str, Any]) -> AnalyzeSettings:
    preprocessing = PreprocessingSettings(**{name: options.pop(name) for name in ("mean", "std", "resize", "crop")})
    return AnalyzeSettings(preprocessing=preprocessing, **options)


def _run(analyze_settings: AnalyzeSettings, render_settings: RenderSettings, cache_path: Path, refresh: bool) -> None:
    from reportgen.pipeline import run

    observer = _ConsoleObserver()
    report = run(analyze_settings, render_settings, cache_path=cache_path, refresh=refresh, observer=observer)
    _print_summary(report, observer.seconds)


def _print_summary(report: "Report", seconds: dict[str, float]) -> None:
    from reportgen.report.summaries import console_summary

    click.echo(console_summary(report.cache, report.findings))
    click.echo(f"\n{report.index_path}  ({report.num_files:,} files, {report.num_bytes / 1e6:.1f} MB)")
    click.echo(_seconds_text(seconds))


def _seconds_text(seconds: dict[str, float]) -> str:
    stages = " · ".join(f"{name.lower()} {value:.1f} s" for name, value in seconds.items())
    return f"{stages} · in all {sum(seconds.values()):.1f} s"


def main() -> None:
    """Run the command line. Expected problems end in a message and a hint, without a traceback."""
    try:
        code = cli(standalone_mode=False)
    except ReportError as error:
        click.echo(f"error: {error.message}\nhint:  {error.hint}", err=True)
        sys.exit(1)
    except click.exceptions.Abort:
        click.echo("Interrupted. What was complete before is unchanged.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
