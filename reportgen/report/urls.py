"""The paths of a site's files: relative, POSIX, lower-case ASCII, safe on every file system and server."""

import re
import unicodedata

MAX_SLUG_LENGTH = 60

INDEX_PATH = "index.html"
HOW_PATH = "how-to-read.html"
LABEL_ISSUES_PATH = "label-issues.html"
CLASS_ORDER_CSV_PATH = "data/class_order.csv"
LABEL_ISSUES_CSV_PATH = "data/label_issues.csv"
SKIPPED_CSV_PATH = "data/skipped.csv"
ANNOTATIONS_CSS_PATH = "assets/annotations.css"
EXTRA_CSS_PATH = "assets/extra.css"
VARIANTS_CSS_PATH = "assets/variants.css"

EXTERNAL_REL = "external noreferrer"
"""The `rel` of links out of the site, which only a reviewer's notes may contain."""


def make_slug(name: str) -> str:
    """A name in lower-case ASCII letters, digits and single hyphens; empty if nothing remains.

    >>> make_slug("Ünïcode & <tag>")
    'unicode-tag'
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name.lower())[:MAX_SLUG_LENGTH].strip("-")


def method_slug(method: str) -> str:
    """The name of a method in paths and ids: `gradcam++` is `gradcam-plus-plus`, and not `gradcam`."""
    return make_slug(method.replace("+", " plus "))


def class_stem(class_index: int, class_name: str) -> str:
    """`042-leopard`. The index distinguishes names that differ in case only, and replaces names without a slug."""
    slug = make_slug(class_name)
    return f"{class_index:03d}-{slug}" if slug else f"{class_index:03d}"


def class_path(class_index: int, class_name: str) -> str:
    """The path of a class page."""
    return f"classes/{class_stem(class_index, class_name)}.html"


def class_figure_path(class_index: int, class_name: str) -> str:
    """The path of the figure of a class."""
    return f"figures/classes/class_{class_stem(class_index, class_name).replace('-', '_')}.png"


def pair_stem(low_index: int, low_name: str, high_index: int, high_name: str) -> str:
    """`047-maple-tree--052-oak-tree`, the lower class index first."""
    return f"{class_stem(low_index, low_name)}--{class_stem(high_index, high_name)}"


def pair_path(low_index: int, low_name: str, high_index: int, high_name: str) -> str:
    """The path of a pair's page."""
    return f"pairs/{pair_stem(low_index, low_name, high_index, high_name)}.html"


def pair_figure_path(rank: int, true_name: str, predicted_name: str) -> str:
    """The path of the figure of a confused pair; `rank` counts from 1."""
    names = (make_slug(name).replace("-", "_") or "class" for name in (true_name, predicted_name))
    return f"figures/confused_pair_{rank}_{'_to_'.join(names)}.png"


def relative_url(path: str, *, page: str) -> str:
    """The link from a page to a path, both relative to the site's root."""
    return root_url(page) + path


def root_url(page: str) -> str:
    """The link from a page to the site's root: empty, or `../`."""
    return "../" * page.count("/")
