"""The confusion matrix's picture, its frame, and the numbers that its script gets."""

import dataclasses
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from reportgen.analysis.findings import Findings, compute_findings
from reportgen.analysis.intervals import Proportion
from reportgen.cache import EvaluationCache, Superclasses
from reportgen.report.pages.context import RunContext, make_run_context
from reportgen.report.pages.matrices import make_class_matrix, make_superclass_matrix, superclass_order
from reportgen.report.pages.matrix_data import matrix_script, order_by_name, pack_cells
from reportgen.report.pages.matrix_frame import MAX_NAMES, frame_matrix, scale_ticks, spread


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


# ---- The frame


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=6).map(sorted),
    st.floats(1, 30),
)
def test_labels_stand_as_near_to_what_they_name_as_their_distance_allows(middles: list[float], spacing: float):
    placed = spread(middles, spacing, 100.0)
    step = min(spacing, 100 / len(middles))
    assert (np.diff(placed) >= step - 1e-9).all()
    assert placed[0] >= step / 2 - 1e-9
    assert placed[-1] <= 100 - step / 2 + 1e-9
    # The problem is a quadratic one with linear bounds: a solver that knows nothing of it finds nothing better.
    reference = minimize(
        lambda places: ((places - middles) ** 2).sum(),
        x0=placed,
        method="SLSQP",
        bounds=[(step / 2, 100 - step / 2)] * len(middles),
        constraints=[
            {"type": "ineq", "fun": lambda places, i=i: places[i + 1] - places[i] - step}
            for i in range(len(middles) - 1)
        ],
    )
    assert ((placed - middles) ** 2).sum() <= reference.fun + 1e-3


def test_labels_with_room_stand_in_the_middle_of_their_rows():
    assert spread([10.0, 50.0, 90.0], 14, 100).tolist() == [10.0, 50.0, 90.0]
    assert spread([], 14, 100).tolist() == []


@pytest.mark.parametrize("max_count", [1, 2, 7, 25, 100, 12_345])
def test_marks_of_the_scale_stand_at_the_root_of_their_count(max_count: int):
    ticks = scale_ticks(max_count)
    counts = [int(tick.text.replace(",", "")) for tick in ticks]
    positions = [float(tick.position.removesuffix("%")) for tick in ticks]
    assert counts[-1] == max_count
    assert positions == pytest.approx([100 * (count / max_count) ** 0.5 for count in counts], abs=0.06)
    assert all(later - earlier >= 8 for earlier, later in pairwise(positions))


def test_a_matrix_without_mistakes_has_no_mark():
    assert scale_ticks(0) == ()


def test_frame_follows_blocks_and_recalls():
    frame = frame_matrix(
        url="x.png",
        alt="a matrix",
        blocks=[("cats", 2), ("a single one", 1), ("n" * 60, 3)],
        recalls=[
            Proportion(count=count, total=total) for count, total in ((1, 2), (0, 5), (3, 3), (0, 0), (1, 3), (2, 3))
        ],
        max_count=9,
    )
    assert frame.outlines == "M0 0h2v2h-2zM3 3h3v3h-3z"
    assert frame.brackets == "M.5 0.2v1.6M.5 3.2v2.6"
    assert frame.bars == "M0 0.5h50M0 1.5h0M0 2.5h100M0 4.5h33.3M0 5.5h66.7"
    assert [name.y for name in frame.names] == ["16.67%", "41.67%", "75.00%"]
    assert frame.names[2].text == "n" * 31 + "…"
    assert not frame.is_large


def test_a_matrix_larger_than_a_screen_is_scaled_smoothly():
    recalls = [Proportion(count=1, total=2)] * 700
    assert frame_matrix(url="x.png", alt="", blocks=[], recalls=recalls, max_count=1).is_large


# ---- The choices


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
    assert "superclasses" in matrix.picture_note
    assert [name.text for name in matrix.picture.names] == ["others", "things & <such>"]


def test_similarity_comes_first_without_superclasses(plain_context: RunContext):
    matrix = make_class_matrix(plain_context)
    assert [choice.value for choice in matrix.orders if choice.is_chosen] == ["similarity"]
    assert matrix.levels == ()
    ordered = [plain_context.cache.class_names[index] for index in plain_context.findings.class_order]
    assert [name.text for name in matrix.picture.names] == ordered
    assert matrix.picture.outlines == ""


def test_too_many_classes_are_not_named(small_cache: EvaluationCache):
    matrix = make_class_matrix(context_of(small_cache, MAX_NAMES + 1, None))
    assert matrix.picture.names == ()
    assert matrix.picture.size == str(MAX_NAMES + 1)


def test_with_hundreds_of_classes_a_reader_starts_with_the_superclasses(small_cache: EvaluationCache):
    groups = Superclasses(names=("one", "two"), superclass_of=np.arange(320) % 2)
    matrix = make_class_matrix(context_of(small_cache, 320, groups))
    assert [choice.value for choice in matrix.levels if choice.is_chosen] == ["superclasses"]


def test_the_alternative_text_counts_classes_and_mistakes(context: RunContext, small_findings: Findings):
    num_mistakes = int(small_findings.confusion.sum() - np.trace(small_findings.confusion))
    alt = make_class_matrix(context).picture.alt
    assert re.match(rf"Confusion matrix of 6 classes, {num_mistakes} mistakes", alt)


def test_the_matrix_of_superclasses_stands_in_the_order_of_the_blocks(context: RunContext, small_findings: Findings):
    assert superclass_order(context).tolist() == [0, 1]
    found = small_findings.superclasses
    picture = make_superclass_matrix(context, found)
    assert picture.size == "2"
    assert picture.bars == "".join(f"M0 {row}.5h{100 * recall.value:.3g}" for row, recall in enumerate(found.recall))
