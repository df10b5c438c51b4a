"""The command line's options, in groups: each decorates a command, under one heading of its help."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from reportgen.errors import ReportError
from reportgen.methods import list_methods
from reportgen.settings import (
    AGGREGATES,
    DEFAULT_EXPLANATIONS_PATH,
    HEAD_FUSIONS,
    PRECISIONS,
    RenderSettings,
)

_DEFAULT_SETTINGS = RenderSettings()


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


class ReportFailure(click.ClickException):
    """A `ReportError` in the words of the command line: message and hint name options."""

    def __init__(self, error: ReportError, ctx: click.Context) -> None:
        names = _option_names(ctx)
        message, self.hint = error.with_names(lambda setting: names.get(setting, setting))
        super().__init__(message)

    def show(self, file: Any = None) -> None:  # noqa: ARG002  always stderr
        """Print message and hint on stderr."""
        click.echo(f"error: {self.message}\nhint:  {self.hint}", err=True)


def _option_names(ctx: click.Context) -> dict[str, str]:
    """What the command line calls each setting: in this command, else in any other."""
    group = ctx.find_root().command
    others = group.commands.values() if isinstance(group, click.Group) else ()
    names = {option.name: option.opts[0] for command in others for option in command.params if option.opts[0][0] == "-"}
    names |= {own.name: own.metavar or own.opts[0] for own in ctx.command.params if isinstance(own, click.Argument)}
    names |= {own.name: own.opts[0] for own in ctx.command.params if isinstance(own, click.Option)}
    return {name: spelling for name, spelling in names.items() if name}


class Command(click.Command):
    """A command whose help groups options under headings."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a `ReportError` becomes a message in the words of the command line."""
        try:
            return super().invoke(ctx)
        except ReportError as error:
            raise ReportFailure(error, ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options' help, group by group."""
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
        help="FILE.py:factory, package.module:factory, torchvision:NAME, timm:NAME, hf:FOLDER (or a hub id), "
        "keras:FILE.keras, a TorchScript or exported program (.pt .pts .ts .torchscript .pt2), or demo.",
    ),
    _option(
        "--weights",
        metavar="FILE",
        help="State dict (.pth .pt .th .ckpt .safetensors), or `pretrained` for the weights of the model's library.",
    ),
    _path_option(
        "--class-names",
        "class_names_path",
        metavar="FILE",
        help="The model's class names in index order: one a line, or a JSON list.",
    ),
    _option("--download", is_flag=True, help="Let data sets and models of the hub be fetched."),
)

name_option = _options(
    "Model",
    _option(
        "--model-name",
        default="",
        metavar="TEXT",
        help="Name of the model in the report.  [default: the network's class or factory]",
    ),
)
"""A decorator: what the report calls the model."""

_map_options = _options(
    "Maps",
    _option(
        "--method",
        "methods",
        metavar="NAME,…",
        callback=_parse_names,
        default="gradcam",
        show_default=True,
        help=f"Of every image: {', '.join((*list_methods('cam'), *list_methods('attention')))}; of the shown ones: "
        f"{', '.join(list_methods('selective'))}.",
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
    _path_option(
        "--annotations",
        metavar="PATH",
        help="Annotations of the images: LabelMe or COCO JSON, or a folder of LabelMe files or mask pictures.",
    ),
)

_faithfulness_option = _options(
    "Maps",
    _number_option(
        "--faithfulness", default=0, help="Test the maps on N images by removing pixels; 0 leaves them untested."
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
    _option("--crop", type=int, metavar="PIXELS", help="Then crop the center square of this side."),
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
)

_loading_options = _options(
    "Pass",
    _option("--workers", type=int, metavar="N", help="Processes that load images.  [default: chosen]"),
    _number_option("--thumbnail-size", default=128, metavar="PIXELS", help="Longest side of the stored thumbnails."),
)


def cache_options(default: Path) -> Callable[[Any], Any]:
    """A decorator: where the cache lies, and whether it counts."""
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
        help="Fraction of its peak above which a map counts as covering a pixel.",
    ),
    _option(
        "--keep-label-issues",
        "--keep-label-suspects",
        "keep_label_issues",
        is_flag=True,
        help="Leave examples with doubtful labels among the worst.",
    ),
)

_look_options = _options(
    "Look",
    _path_option("--logo", metavar="FILE", help="PNG, JPEG, WebP or SVG for the bar of every page."),
    _path_option("--extra-css", metavar="FILE", help="Style sheet that every page applies last."),
    _path_option("--templates", metavar="DIR", help="Folder whose templates override the built-in ones."),
)

_explained_options = _options(
    "Explanations",
    _option(
        "--class",
        "classes",
        metavar="NAME|INDEX",
        multiple=True,
        help="Class to explain; repeat for several.  [default: the predicted class]",
    ),
    _path_option(
        "--out",
        metavar="DIR",
        default=DEFAULT_EXPLANATIONS_PATH,
        show_default=True,
        help="Folder of the pictures, the metadata and the page.",
    ),
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


def _decorated(command: Any, *groups: Callable[[Any], Any]) -> Any:
    """The command with these groups of options, listed in this order."""
    for options in reversed(groups):
        command = options(command)
    return command


def input_options(command: Any) -> Any:
    """A decorator: everything that decides what the one pass computes."""
    return _decorated(
        command,
        _model_options,
        name_option,
        _map_options,
        _faithfulness_option,
        _data_options,
        _preprocessing_options,
        _pass_options,
        _loading_options,
    )


def explain_options(command: Any) -> Any:
    """A decorator: everything that decides how single images are explained."""
    return _decorated(
        command,
        _model_options,
        name_option,
        _map_options,
        _explained_options,
        _preprocessing_options,
        _pass_options,
    )


def render_options(command: Any) -> Any:
    """A decorator: everything that decides what the site shows."""
    return _decorated(command, _content_options, _look_options, _delivery_options)


device_options = _options("Pass", _device_option)
