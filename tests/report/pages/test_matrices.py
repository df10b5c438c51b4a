"""The confusion matrix's picture, its frame, and the numbers that its script gets."""

import dataclasses
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.cache import EvaluationCache, Superclasses
from reportgen.report.pages.context import RunContext, make_run_context
from reportgen.report.pages.matrices import make_class_matrix, make_superclass_matrix, superclass_order
from reportgen.report.pages.matrix_data import matrix_script, order_by_name, pack_cells
from reportgen.report.pictures.diagrams.confusion_frame import MAX_NAMES
from reportgen.report.views.index_view import ClassMatrix


@pytest.fixture
def context(small_cache: EvaluationCache, small_findings: Findings) -> RunContext:
    return make_run_context(small_cache, small_findings)


@pytest.fixture
def plain_context(small_cache: EvaluationCache) -> RunContext:
    """The same without superclasses."""
    cache = dataclasses.replace(small_cache, superclasses=None)
    return make_run_context(cache, compute_findings(cache))


def context_of(cache: EvaluationCache, num_classes: int, superclasses: Superclasses | None) -> RunContext:
    """The small cache with more classes, which have no image."""
    extra = num_classes - cache.num_classes
    cache = dataclasses.replace(
        cache,
        logits=np.pad(cache.logits, ((0, 0), (0, extra)), constant_values=-30),
        class_names=(*cache.class_names, *(f"class {i}" for i in range(extra))),
        superclasses=superclasses,
    )
    return make_run_context(cache, compute_findings(cache))


def read_script(script: bytes) -> dict:
    text = script.decode()
    assert text.startswith("window.reportgenMatrix = ")
    return json.loads(text.removeprefix("window.reportgenMatrix = ").removesuffix(";\n"))


def unpack(packed: dict[str, str], size: int) -> np.ndarray:
    cells = np.zeros(size * size, np.int64)
    for count, letters in packed.items():
        place = 0
        for gap in re.findall("[a-z]*[A-Z]", letters):
            digits = [ord(letter) - ord("a") for letter in gap.lower()]
            place += sum(digit * 26**power for power, digit in enumerate(reversed(digits)))
            cells[place] += int(count)
    return cells.reshape(size, size)


# ---- The data


@given(
    st.integers(1, 9).flatmap(lambda size: st.lists(st.integers(0, 5) | st.just(0), min_size=size**2, max_size=size**2))
)
def test_packed_cells_are_the_matrix(counts: list[int]):
    size = round(len(counts) ** 0.5)
    confusion = np.array(counts).reshape(size, size)
    packed = pack_cells(confusion)
    np.testing.assert_array_equal(unpack(packed, size), confusion)
    assert list(packed) == [str(count) for count in sorted({*counts} - {0})]


def test_gaps_are_written_in_letters_of_which_the_last_is_a_capital():
    confusion = np.zeros((60, 60), np.int64)
    confusion.ravel()[[0, 25, 51, 51 + 26 * 26 + 1]] = 7
    assert pack_cells(confusion) == {"7": "AZbAbaB"}


def test_a_sparse_matrix_of_a_thousand_classes_takes_few_characters_a_cell():
    rng, size = np.random.default_rng(0), 1000
    confusion = np.zeros((size, size), np.int64)
    np.add.at(confusion, (rng.integers(0, size, 15_000), rng.integers(0, size, 15_000)), 1)
    packed = json.dumps(pack_cells(confusion))
    assert len(packed) < 2.5 * np.count_nonzero(confusion)


def test_the_script_holds_cells_orders_and_superclasses(context: RunContext, small_findings: Findings):
    data = read_script(matrix_script(context))
    np.testing.assert_array_equal(unpack(data["cells"], data["size"]), small_findings.confusion)
    assert data["z"] == pytest.approx(1.959963984540054, abs=1e-15)
    assert sorted(data["orders"]["similarity"]) == sorted(data["orders"]["name"]) == list(range(6))
    assert data["superclasses"]["names"] == ["others", "things & <such>"]
    assert data["superclasses"]["of"] == [1, 1, 1, 0, 0, 0]
    assert data["superclasses"]["orders"] == {"similarity": [0, 1], "name": [0, 1]}


def test_the_script_does_without_superclasses(plain_context: RunContext):
    data = read_script(matrix_script(plain_context))
    assert data["superclasses"] is None
    assert data["orders"]["similarity"] == plain_context.findings.class_order.tolist()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("pear", "Apple", "fig"), ["Apple", "fig", "pear"]),
        (("class 10", "class 9", "class 010"), ["class 9", "class 10", "class 010"]),
        (("10", "b", "9", "a1", "a"), ["9", "10", "a", "a1", "b"]),
        (("²", "a", "٣"), ["a", "²", "٣"]),
        (("x", "X", "x"), ["x", "X", "x"]),
        (("", "a"), ["", "a"]),
    ],
)
def test_names_are_ordered_as_people_order_them(names: tuple[str, ...], expected: list[str]):
    order = order_by_name(names)
    assert sorted(order) == list(range(len(names)))
    assert [names[index] for index in order] == expected


# ---- The choices


def names_of(matrix: ClassMatrix) -> list[str]:
    return re.findall(r'<text x="100%"[^>]*>(.*?)</text>', matrix.picture)


def test_superclasses_come_first_where_they_are_known(context: RunContext):
    matrix = make_class_matrix(context)
    assert [(choice.value, choice.is_chosen) for choice in matrix.orders] == [
        ("superclass", True),
        ("similarity", False),
        ("name", False),
    ]
    assert [(choice.text, choice.is_chosen) for choice in matrix.levels] == [
        ("6 classes", True),
        ("2 superclasses", False),
    ]
    assert "by superclass" in matrix.picture_note
    assert names_of(matrix) == ["others", "things &amp; &lt;such&gt;"]


def test_similarity_comes_first_without_superclasses(plain_context: RunContext):
    matrix = make_class_matrix(plain_context)
    assert [choice.value for choice in matrix.orders if choice.is_chosen] == ["similarity"]
    assert matrix.levels == ()
    ordered = [plain_context.cache.class_names[index] for index in plain_context.findings.class_order]
    assert names_of(matrix) == [str(escape(name)) for name in ordered]
    assert "cm-outlines" not in matrix.picture


def test_too_many_classes_are_not_named(small_cache: EvaluationCache):
    matrix = make_class_matrix(context_of(small_cache, MAX_NAMES + 1, None))
    assert names_of(matrix) == []
    assert f'width="{MAX_NAMES + 1}" height="{MAX_NAMES + 1}"' in matrix.picture


def test_with_hundreds_of_classes_a_reader_starts_with_the_superclasses(small_cache: EvaluationCache):
    groups = Superclasses(names=("one", "two"), superclass_of=np.arange(320) % 2)
    matrix = make_class_matrix(context_of(small_cache, 320, groups))
    assert [choice.value for choice in matrix.levels if choice.is_chosen] == ["superclasses"]


def test_the_alternative_text_counts_classes_and_mistakes(context: RunContext, small_findings: Findings):
    num_mistakes = int(small_findings.confusion.sum() - np.trace(small_findings.confusion))
    picture = make_class_matrix(context).picture
    assert re.search(rf'aria-label="Confusion matrix of 6 classes, {num_mistakes} errors', picture)


def test_the_matrix_of_superclasses_stands_in_the_order_of_the_blocks(context: RunContext, small_findings: Findings):
    assert superclass_order(context).tolist() == [0, 1]
    found = small_findings.superclasses
    picture = make_superclass_matrix(context, found)
    assert 'src="images/confusion-superclasses.png" alt="" width="2" height="2"' in picture
    assert 'aria-label="Confusion matrix of 2 superclasses' in picture
