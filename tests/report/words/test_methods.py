import pytest

from reportgen.report.words.methods import LOGIT_UNITS, describe_method
from reportgen.settings import CLASS_AGNOSTIC_METHODS, METHODS


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_words_of_its_own(method: str):
    words = describe_method(method)
    assert words.name != method
    assert words.source
    assert not words.formula.endswith(".")
    assert words.is_class_agnostic == (method in CLASS_AGNOSTIC_METHODS)


def test_names_differ():
    assert len({describe_method(method).name for method in METHODS}) == len(METHODS)


def test_only_methods_whose_values_are_parts_of_the_logit_are_said_to_be_in_its_units():
    in_logits = {method for method in METHODS if describe_method(method).unit == LOGIT_UNITS}
    assert in_logits == {"gradcam", "hirescam", "xgradcam"}
    assert all(describe_method(method).is_signed for method in in_logits)


@pytest.mark.parametrize(
    ("method", "nature"),
    [
        ("gradcam", "signed, in units of the logit"),
        ("layercam", "in its own units"),
        ("rollout", "in its own units, the same for every class"),
    ],
)
def test_the_nature_of_a_map_is_said_in_a_few_words(method: str, nature: str):
    assert describe_method(method).nature == nature


def test_given_maps_and_unknown_methods_are_not_claimed():
    assert "did not compute" in describe_method("given").formula
    assert describe_method("saliency").name == "saliency"
    assert describe_method("saliency").source == ""
