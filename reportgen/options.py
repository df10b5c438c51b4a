"""The options of the command line, in groups. Each group decorates a command and has a heading in its help."""

import csv
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from reportgen.errors import ReportError
from reportgen.inputs.registry import DATA_SOURCES, MODEL_SOURCES, list_usages
from reportgen.methods import METHODS, list_methods
from reportgen.settings import (
    AGGREGATES,
    BAD_IMAGE_ACTIONS,
    DEFAULT_EXPLANATIONS_PATH,
    HEAD_FUSIONS,
    OUTPUTS,
    PRECISIONS,
    WINDOWS,
    RenderSettings,
)

_DEFAULT_SETTINGS = RenderSettings()
_DEVICES = ("auto", "cpu", "cuda", "mps")
_MODEL_WORDS = [*(f"{source.prefix}:" for source in MODEL_SOURCES if source.prefix), "demo"]
_DATA_WORDS = ["hf:", "torchvision:", "cifar10", "cifar100", "demo"]


def _parse_numbers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Comma-separated numbers, such as `0.5071,0.4865,0.4409`."""
    try:
        return None if value is None else tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 0.5071,0.4865,0.4409.") from None


def _parse_integers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Comma-separated whole numbers, such as `1,3`."""
    try:
        return tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of whole numbers such as 1,3.") from None


def _parse_window(context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...] | str | None:
    """Two numbers, such as `0,4095`, or a word."""
    return value if value in WINDOWS else _parse_numbers(context, parameter, value)


def _complete(words: Collection[str], *, is_list: bool = False, is_path: bool = False) -> Any:
    """A function that completes a word, the last of a list, or also the name of a file, in the shell."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",") if is_list else ("", "", incomplete)
        items = [CompletionItem(f"{before}{comma}{word}") for word in words if word.startswith(last)]
        return [*items, CompletionItem(incomplete, type="file")] if is_path else items

    return complete


def _parse_names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Comma-separated names; one that holds a comma stands in double quotes."""
    rows = csv.reader([value or ""], skipinitialspace=True)
    return tuple(name.strip() for row in rows for name in row if name.strip())


class _Option(click.Option):
    """An option with the heading under which the help lists it."""

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
        help=f"Model: {list_usages(MODEL_SOURCES)}.",
        shell_complete=_complete(_MODEL_WORDS, is_path=True),
    ),
    _option(
        "--weights",
        metavar="FILE",
        help="Checkpoint (.pth, .pt, .th, .ckpt or .safetensors), or `pretrained` for the weights of the library.",
        shell_complete=_complete(("pretrained",), is_path=True),
    ),
    _option(
        "--weights-key",
        metavar="NAME",
        help="Entry of a checkpoint with several sets of weights.  [default: the averaged weights, if any]",
    ),
    _path_option(
        "--class-names",
        "class_names_path",
        metavar="FILE",
        help="Class names of the model in index order: one per line, or a JSON list.",
    ),
    _option(
        "--output",
        default="",
        metavar="NAME|INDEX",
        help="Output to read, of a model that returns several.  [default: the logits among them]",
    ),
    _option(
        "--outputs",
        type=click.Choice(OUTPUTS),
        default="auto",
        show_default=True,
        help="What the model's outputs are; auto recognizes it by their values.",
    ),
    _option("--download", is_flag=True, help="Allow downloads of models and data sets."),
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
"""A decorator: the name of the model in the report."""

_map_options = _options(
    "Maps",
    _option(
        "--method",
        "methods",
        metavar="NAME,…",
        callback=_parse_names,
        default="gradcam",
        show_default=True,
        help="Methods of the class activation maps. "
        f"For all images: {', '.join((*list_methods('cam'), *list_methods('attention')))}; "
        f"for the images shown: {', '.join(list_methods('selective'))}.",
        shell_complete=_complete(METHODS, is_list=True),
    ),
    _option(
        "--layer",
        "layers",
        metavar="NAME,…",
        callback=_parse_names,
        help="Target layers by dotted name.  [default: found by probing]",
    ),
    _option(
        "--aggregate",
        type=click.Choice(AGGREGATES),
        default="mean",
        show_default=True,
        help="How to combine the maps of several layers.",
    ),
    _option(
        "--head-fusion",
        type=click.Choice(HEAD_FUSIONS),
        default="mean",
        show_default=True,
        help="How rollout combines the attention heads of a layer.",
    ),
    _option(
        "--discard-ratio",
        type=float,
        default=0.0,
        show_default=True,
        metavar="FRACTION",
        help="Fraction of the smallest attention weights that rollout ignores.",
    ),
    _path_option(
        "--annotations",
        metavar="PATH",
        help="Annotated regions of the images: a file of LabelMe, COCO, Label Studio, VIA or CVAT, or a folder of "
        "these or of masks.",
    ),
    _option(
        "--mask-values",
        metavar="N,…",
        callback=_parse_integers,
        help="Values of masks that mark something.  [default: all but 0]",
    ),
)

_faithfulness_option = _options(
    "Maps",
    _number_option("--faithfulness", default=0, help="Number of images for the faithfulness tests; 0 for no tests."),
)

_data_options = _options(
    "Test set",
    _option(
        "--data",
        default="",
        metavar="SPEC",
        help=f"Test set: {list_usages(DATA_SOURCES)}.",
        shell_complete=_complete(_DATA_WORDS, is_path=True),
    ),
    _path_option(
        "--arrays",
        metavar="FILE.npz",
        help="Outputs of a model that ran elsewhere (y_true and y_pred_probs or logits), instead of --model and "
        "--data.",
    ),
    _path_option("--data-root", metavar="DIR", help="Folder in which torchvision stores data sets.  [default: data]"),
    _path_option(
        "--superclasses",
        "superclasses_path",
        metavar="CSV",
        help="Superclass of each class, in columns class,superclass.  [default: those of cifar100 and demo]",
    ),
    _option(
        "--limit", type=int, metavar="N", help="Number of images, evenly spread over the test set.  [default: all]"
    ),
    _option(
        "--path-column",
        default="",
        metavar="NAME",
        help="Column of image files in a table.  [default: path, or else id]",
    ),
    _option("--label-column", default="", metavar="NAME", help="Column of labels in a table.  [default: label]"),
    _option(
        "--id-column", default="", metavar="NAME", help="Column of example names in a table.  [default: id, if any]"
    ),
    _path_option("--image-root", metavar="DIR", help="Folder of the images of a table.  [default: that of the table]"),
    _option(
        "--suffix",
        "image_suffix",
        default="",
        metavar="TEXT",
        help="What the image names in a table lack, such as .jpg.  [default: found in the folder]",
    ),
    _option(
        "--on-bad-image",
        type=click.Choice(BAD_IMAGE_ACTIONS),
        default="error",
        show_default=True,
        help="What to do about images that cannot be read: stop and list them, or leave them out.",
    ),
)

_preprocessing_options = _options(
    "Preprocessing",
    _option(
        "--mean",
        metavar="R,G,B",
        callback=_parse_numbers,
        help="Channel means of images scaled to [0, 1].  [default: from the model, else from the test set]",
    ),
    _option("--std", metavar="R,G,B", callback=_parse_numbers, help="Channel standard deviations."),
    _option("--resize", type=int, metavar="PIXELS", help="Length of the shorter side after resizing."),
    _option("--crop", type=int, metavar="PIXELS", help="Side of the centered square cut out after resizing."),
    _option(
        "--window",
        default="full",
        show_default=True,
        metavar="LOW,HIGH|auto|full",
        callback=_parse_window,
        help="For images with more than 8 bits: the values shown as black and as white; auto for the range of the "
        "images, full for 0 and 65535.",
        shell_complete=_complete(WINDOWS),
    ),
)

_device_option = _option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Device: auto, cpu, cuda, cuda:1 or mps.",
    shell_complete=_complete(_DEVICES),
)

_pass_options = _options(
    "Pass",
    _device_option,
    _option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="fp32",
        show_default=True,
        help="Floating-point precision; bf16 uses autocast.",
    ),
    _number_option("--batch-size", default=256, help="Images per forward pass."),
)

_loading_options = _options(
    "Pass",
    _option("--workers", type=int, metavar="N", help="Processes that load images.  [default: chosen automatically]"),
    _number_option("--thumbnail-size", default=128, metavar="PIXELS", help="Longest side of the stored thumbnails."),
)


def cache_options(default: Path) -> Callable[[Any], Any]:
    """A decorator: the cache file, and whether a valid one is used."""
    return _options(
        "Cache",
        _path_option(
            "--cache",
            "cache_path",
            metavar="FILE",
            default=default,
            show_default=True,
            help="File with the results of the pass. If it is valid for these options, the model is not run.",
        ),
        _option("--refresh", is_flag=True, help="Run the model even if the cache is valid."),
    )


_content_options = _options(
    "Report",
    _path_option("--out", metavar="DIR", default=_DEFAULT_SETTINGS.out, show_default=True, help="Folder of the site."),
    _option("--title", metavar="TEXT", help="Title of the report.  [default: the main result]"),
    _path_option(
        "--display-names",
        metavar="FILE",
        help="Class names that pages show: CSV with the columns class,name, JSON, or imagenet_class_index.json.",
    ),
    _path_option("--notes", metavar="FILE.md", help="Reviewer's notes for the first page, in Markdown."),
    _number_option(
        "--worst", "num_worst", default=_DEFAULT_SETTINGS.num_worst, help="Number of worst examples per class."
    ),
    _number_option("--best", "num_best", default=_DEFAULT_SETTINGS.num_best, help="Number of best examples per class."),
    _number_option(
        "--mistaken",
        "num_mistaken",
        default=_DEFAULT_SETTINGS.num_mistaken,
        help="Number of examples of other classes that were mistaken for the class.",
    ),
    _number_option("--pairs", "num_pairs", default=_DEFAULT_SETTINGS.num_pairs, help="Number of most confused pairs."),
    _number_option(
        "--gallery", "num_gallery", default=_DEFAULT_SETTINGS.num_gallery, help="Number of images in a class's gallery."
    ),
    _option(
        "--iou-threshold",
        type=float,
        default=_DEFAULT_SETTINGS.iou_threshold,
        show_default=True,
        metavar="FRACTION",
        help="A map covers a pixel if its value reaches this fraction of its peak.",
    ),
    _option(
        "--set-aside-label-issues",
        "--set-aside-label-suspects",
        "set_aside_label_issues",
        is_flag=True,
        help="Leave possible label errors out of the worst examples.",
    ),
    _option(
        "--keep-label-issues",
        "--keep-label-suspects",
        is_flag=True,
        hidden=True,
        expose_value=False,
        help="The default.",
    ),
)

_look_options = _options(
    "Appearance",
    _path_option("--logo", metavar="FILE", help="PNG, JPEG, WebP or SVG image for the bar of every page."),
    _path_option("--extra-css", metavar="FILE", help="Style sheet that every page applies last."),
    _path_option("--templates", metavar="DIR", help="Folder of templates that override the built-in ones."),
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
        help="Folder of the page with its images and metadata.",
    ),
)

_delivery_options = _options(
    "Delivery",
    _option("--zip", "with_archive", is_flag=True, help="Also pack the site into a .zip archive beside it."),
    _path_option(
        "--single-file",
        metavar="FILE.html",
        help="Also write one HTML file for email, with the first page, some classes and the figures.",
    ),
    _option(
        "--classes",
        metavar="NAME,…",
        callback=_parse_names,
        help="Classes in the single file.  [default: ten, with the lowest recall or in the most confused pairs]",
    ),
    _option("--force", is_flag=True, help="Write the single file even if it is larger than 50 MB."),
)

open_option = _options(
    "Delivery",
    _option("--open", "open_page", is_flag=True, help="Open the finished page in the browser."),
)
"""A decorator: whether the finished page is opened."""


def _decorated(command: Any, *groups: Callable[[Any], Any]) -> Any:
    """The command with these groups of options, listed in this order."""
    for options in reversed(groups):
        command = options(command)
    return command


def input_options(command: Any) -> Any:
    """A decorator: the options of the pass."""
    return _decorated(
        command,
        _model_options,
        name_option,
        _data_options,
        _preprocessing_options,
        _map_options,
        _faithfulness_option,
        _pass_options,
        _loading_options,
    )


def explain_options(command: Any) -> Any:
    """A decorator: the options for single images."""
    return _decorated(
        command,
        _model_options,
        name_option,
        _preprocessing_options,
        _map_options,
        _pass_options,
        _explained_options,
        open_option,
    )


def render_options(command: Any) -> Any:
    """A decorator: the options of the site."""
    return _decorated(command, _content_options, _look_options, _delivery_options, open_option)


device_options = _options("Pass", _device_option)
