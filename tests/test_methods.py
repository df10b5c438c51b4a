import ast
from pathlib import Path

import pytest

from reportgen.evidence.attention.source import ATTENTION_FUNCTIONS
from reportgen.evidence.methods.cam import CAM_FUNCTIONS
from reportgen.evidence.methods.selective_maps import SELECTIVE_FUNCTIONS
from reportgen.methods import LOGIT_UNITS, METHODS, find_method, list_methods

PACKAGE = Path(__file__).resolve().parents[1] / "reportgen"
REGISTRIES = {
    "cam": ("evidence/methods/cam.py", CAM_FUNCTIONS),
    "attention": ("evidence/attention/source.py", ATTENTION_FUNCTIONS),
    "selective": ("evidence/methods/selective_maps.py", SELECTIVE_FUNCTIONS),
}
DEFAULT = "gradcam"


def list_strings(path: Path) -> list[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@pytest.mark.parametrize("family", REGISTRIES)
def test_each_method_of_the_table_has_one_function(family):
    assert tuple(REGISTRIES[family][1]) == list_methods(family)


@pytest.mark.parametrize("name", [name for name in METHODS if name != DEFAULT])
def test_a_method_is_named_in_two_files_its_row_and_its_function(name):
    files = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if name in list_strings(path)}
    assert files == {"methods.py", REGISTRIES[find_method(name).family][0]}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_is_described(method):
    assert method.title != method.name
    assert method.paper
    assert not method.formula.endswith(".")


def test_titles_differ():
    assert len({method.title for method in METHODS.values()}) == len(METHODS)


def test_only_methods_whose_values_are_parts_of_the_logit_have_its_unit():
    in_logits = {name for name, method in METHODS.items() if method.unit == LOGIT_UNITS}
    assert in_logits == {"gradcam", "hirescam", "xgradcam"}
    assert all(METHODS[name].is_signed for name in in_logits)


@pytest.mark.parametrize(
    ("name", "nature"),
    [
        ("gradcam", "signed, in units of the logit"),
        ("layercam", "in arbitrary units"),
        ("rollout", "in arbitrary units, class-agnostic"),
    ],
)
def test_the_nature_of_a_map_takes_a_few_words(name: str, nature: str):
    assert find_method(name).nature == nature


def test_no_formula_is_claimed_for_given_maps_and_unknown_methods():
    assert "not computed by this report" in find_method("given").formula
    assert find_method("saliency").title == "saliency"
    assert find_method("saliency").paper == ""
    assert not find_method("saliency").is_class_agnostic
