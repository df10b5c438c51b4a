"""The options of the command line, in groups. Each group decorates a command and has a heading in its help."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from reportgen.command import (
    complete,
    number_option,
    option,
    options,
    parse_integers,
    parse_names,
    parse_numbers,
    path_option,
)
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


def _parse_window(context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...] | str | None:
    """Two numbers, such as `0,4095`, or a word."""
    return value if value in WINDOWS else parse_numbers(context, parameter, value)


_model_options = options(
    "Model",
    option(
        "--model",
        default="",
        metavar="SPEC",
        help=f"Model: {list_usages(MODEL_SOURCES)}.",
        shell_complete=complete(_MODEL_WORDS, is_path=True),
    ),
    option(
        "--weights",
        metavar="FILE",
        help="Checkpoint (.pth, .pt, .th, .ckpt or .safetensors), or `pretrained` for the weights of the library.",
        shell_complete=complete(("pretrained",), is_path=True),
    ),
    option(
        "--weights-key",
        metavar="NAME",
        help="Entry of a checkpoint with several sets of weights.  [default: the averaged weights, if any]",
    ),
    path_option(
        "--class-names",
        "class_names_path",
        metavar="FILE",
        help="Class names of the model in index order: one per line, or a JSON list.",
    ),
    option(
        "--output",
        default="",
        metavar="NAME|INDEX",
        help="Output to read, of a model that returns several.  [default: the logits among them]",
    ),
    option(
        "--outputs",
        type=click.Choice(OUTPUTS),
        default="auto",
        show_default=True,
        help="What the model's outputs are; auto recognizes it by their values.",
    ),
    option("--download", is_flag=True, help="Allow downloads of models and data sets."),
)

name_option = options(
    "Model",
    option(
        "--model-name",
        default="",
        metavar="TEXT",
        help="Name of the model in the report.  [default: the network's class or factory]",
    ),
)
"""A decorator: the name of the model in the report."""

_map_options = options(
    "Maps",
    option(
        "--method",
        "methods",
        metavar="NAME,…",
        callback=parse_names,
        default="gradcam",
        show_default=True,
        help="Methods of the class activation maps. "
        f"For all images: {', '.join((*list_methods('cam'), *list_methods('attention')))}; "
        f"for the images shown: {', '.join(list_methods('selective'))}.",
        shell_complete=complete(METHODS, is_list=True),
    ),
    option(
        "--layer",
        "layers",
        metavar="NAME,…",
        callback=parse_names,
        help="Target layers by dotted name.  [default: found by probing]",
    ),
    option(
        "--aggregate",
        type=click.Choice(AGGREGATES),
        default="mean",
        show_default=True,
        help="How to combine the maps of several layers.",
    ),
    option(
        "--head-fusion",
        type=click.Choice(HEAD_FUSIONS),
        default="mean",
        show_default=True,
        help="How rollout combines the attention heads of a layer.",
    ),
    option(
        "--discard-ratio",
        type=float,
        default=0.0,
        show_default=True,
        metavar="FRACTION",
        help="Fraction of the smallest attention weights that rollout ignores.",
    ),
    path_option(
        "--annotations",
        metavar="PATH",
        help="Annotated regions of the images: a file of LabelMe, COCO, Label Studio, VIA or CVAT, or a folder of "
        "these or of masks.",
    ),
    option(
        "--mask-values",
        metavar="N,…",
        callback=parse_integers,
        help="Values of masks that mark something.  [default: all but 0]",
    ),
)

_faithfulness_option = options(
    "Maps",
    number_option("--faithfulness", default=0, help="Number of images for the faithfulness tests; 0 for no tests."),
)

_data_options = options(
    "Test set",
    option(
        "--data",
        default="",
        metavar="SPEC",
        help=f"Test set: {list_usages(DATA_SOURCES)}.",
        shell_complete=complete(_DATA_WORDS, is_path=True),
    ),
    path_option(
        "--arrays",
        metavar="FILE.npz",
        help="Outputs of a model that ran elsewhere (y_true and y_pred_probs or logits), instead of --model and "
        "--data.",
    ),
    path_option("--data-root", metavar="DIR", help="Folder in which torchvision stores data sets.  [default: data]"),
    path_option(
        "--superclasses",
        "superclasses_path",
        metavar="CSV",
        help="Superclass of each class, in columns class,superclass.  [default: those of cifar100 and demo]",
    ),
    option("--limit", type=int, metavar="N", help="Number of images, evenly spread over the test set.  [default: all]"),
    option(
        "--path-column",
        default="",
        metavar="NAME",
        help="Column of image files in a table.  [default: path, or else id]",
    ),
    option("--label-column", default="", metavar="NAME", help="Column of labels in a table.  [default: label]"),
    option(
        "--id-column", default="", metavar="NAME", help="Column of example names in a table.  [default: id, if any]"
    ),
    path_option("--image-root", metavar="DIR", help="Folder of the images of a table.  [default: that of the table]"),
    option(
        "--suffix",
        "image_suffix",
        default="",
        metavar="TEXT",
        help="What the image names in a table lack, such as .jpg.  [default: found in the folder]",
    ),
    option(
        "--on-bad-image",
        type=click.Choice(BAD_IMAGE_ACTIONS),
        default="error",
        show_default=True,
        help="What to do about images that cannot be read: stop and list them, or leave them out.",
    ),
)

_preprocessing_options = options(
    "Preprocessing",
    option(
        "--mean",
        metavar="R,G,B",
        callback=parse_numbers,
        help="Channel means of images scaled to [0, 1].  [default: from the model, else from the test set]",
    ),
    option("--std", metavar="R,G,B", callback=parse_numbers, help="Channel standard deviations."),
    option("--resize", type=int, metavar="PIXELS", help="Length of the shorter side after resizing."),
    option("--crop", type=int, metavar="PIXELS", help="Side of the centered square cut out after resizing."),
    option(
        "--window",
        default="full",
        show_default=True,
        metavar="LOW,HIGH|auto|full",
        callback=_parse_window,
        help="For images with more than 8 bits: the values shown as black and as white; auto for the range of the "
        "images, full for 0 and 65535.",
        shell_complete=complete(WINDOWS),
    ),
)

_device_option = option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Device: auto, cpu, cuda, cuda:1 or mps.",
    shell_complete=complete(_DEVICES),
)

_pass_options = options(
    "Pass",
    _device_option,
    option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default="fp32",
        show_default=True,
        help="Floating-point precision; bf16 uses autocast.",
    ),
    number_option("--batch-size", default=256, help="Images per forward pass."),
)

_loading_options = options(
    "Pass",
    option("--workers", type=int, metavar="N", help="Processes that load images.  [default: chosen automatically]"),
    number_option("--thumbnail-size", default=128, metavar="PIXELS", help="Longest side of the stored thumbnails."),
)


def cache_options(default: Path) -> Callable[[Any], Any]:
    """A decorator: the cache file, and whether a valid one is used."""
    return options(
        "Cache",
        path_option(
            "--cache",
            "cache_path",
            metavar="FILE",
            default=default,
            show_default=True,
            help="File with the results of the pass. If it is valid for these options, the model is not run.",
        ),
        option("--refresh", is_flag=True, help="Run the model even if the cache is valid."),
    )


_display_names_option = path_option(
    "--display-names",
    metavar="FILE",
    help="Class names that pages show: CSV with the columns class,name, JSON, or imagenet_class_index.json.",
)

_content_options = options(
    "Report",
    path_option("--out", metavar="DIR", default=_DEFAULT_SETTINGS.out, show_default=True, help="Folder of the site."),
    option("--title", metavar="TEXT", help="Title of the report.  [default: the main result]"),
    _display_names_option,
    path_option("--notes", metavar="FILE.md", help="Reviewer's notes for the first page, in Markdown."),
    number_option(
        "--worst", "num_worst", default=_DEFAULT_SETTINGS.num_worst, help="Number of worst examples per class."
    ),
    number_option("--best", "num_best", default=_DEFAULT_SETTINGS.num_best, help="Number of best examples per class."),
    number_option(
        "--mistaken",
        "num_mistaken",
        default=_DEFAULT_SETTINGS.num_mistaken,
        help="Number of examples of other classes that were mistaken for the class.",
    ),
    number_option("--pairs", "num_pairs", default=_DEFAULT_SETTINGS.num_pairs, help="Number of most confused pairs."),
    number_option(
        "--gallery", "num_gallery", default=_DEFAULT_SETTINGS.num_gallery, help="Number of images in a class's gallery."
    ),
    option(
        "--iou-threshold",
        type=float,
        default=_DEFAULT_SETTINGS.iou_threshold,
        show_default=True,
        metavar="FRACTION",
        help="A map covers a pixel if its value reaches this fraction of its peak.",
    ),
    option(
        "--set-aside-label-issues",
        "--set-aside-label-suspects",
        "set_aside_label_issues",
        is_flag=True,
        help="Leave possible label errors out of the worst examples.",
    ),
    option(
        "--keep-label-issues",
        "--keep-label-suspects",
        is_flag=True,
        hidden=True,
        expose_value=False,
        help="The default.",
    ),
)

_look_options = options(
    "Appearance",
    path_option("--logo", metavar="FILE", help="PNG, JPEG, WebP or SVG image for the bar of every page."),
    path_option("--extra-css", metavar="FILE", help="Style sheet that every page applies last."),
    path_option("--templates", metavar="DIR", help="Folder of templates that override the built-in ones."),
    option("--trust-templates", is_flag=True, help="Run these templates without a sandbox, with all of Python."),
)

_explained_options = options(
    "Explanations",
    option(
        "--class",
        "classes",
        metavar="NAME|INDEX",
        multiple=True,
        help="Class to explain; repeat for several.  [default: the predicted class]",
    ),
    _display_names_option,
    path_option(
        "--out",
        metavar="DIR",
        default=DEFAULT_EXPLANATIONS_PATH,
        show_default=True,
        help="Folder of the page with its images and metadata.",
    ),
)

_delivery_options = options(
    "Delivery",
    option("--zip", "with_archive", is_flag=True, help="Also pack the site into a .zip archive beside it."),
    path_option(
        "--single-file",
        metavar="FILE.html",
        help="Also write one HTML file for email, with the first page, some classes and the figures.",
    ),
    option(
        "--classes",
        metavar="NAME,…",
        callback=parse_names,
        help="Classes in the single file.  [default: ten, with the lowest recall or in the most confused pairs]",
    ),
    option("--force", is_flag=True, help="Write the single file even if it is larger than 50 MB."),
)

open_option = options(
    "Delivery",
    option("--open", "open_page", is_flag=True, help="Open the finished page in the browser."),
)
"""A decorator: whether the finished page is opened."""


def _decorated(command: Any, *groups: Callable[[Any], Any]) -> Any:
    """The command with these groups of options, listed in this order."""
    for group in reversed(groups):
        command = group(command)
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


device_options = options("Pass", _device_option)
