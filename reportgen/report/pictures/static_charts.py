"""Charts for documents: the confusion matrix with all names, and the most confused pairs, as PNG.

Both consist of rectangles and text on whole pixels, which Pillow draws in a tenth of the time that matplotlib needs to
start.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import without_diagonal
from reportgen.analysis.findings import Findings
from reportgen.analysis.intervals import Proportion
from reportgen.cache import EvaluationCache
from reportgen.report.pictures.canvas import Canvas, TextStyle, class_name, rgb, source_text, text_width, wrap_text
from reportgen.report.pictures.colormaps import color_levels
from reportgen.report.pictures.images import confusion_levels
from reportgen.report.pictures.palette import BAND, INK, MUTED, PANEL, QUIET, RULE, WRONG
from reportgen.report.words.text import count_text, percent_text, plural_text

_MARGIN = 40
_TITLE = TextStyle(size=30, face="Serif-Bold")
_SUBTITLE = TextStyle(size=16, color=QUIET.light)
_BODY = TextStyle(size=16)
_SMALL = TextStyle(size=14, color=QUIET.light)

# The matrix.
_LARGEST_SIDE = 4000  # pixels that the cells of many classes may take
_MAX_NAME_WIDTH = 190
_RECALL_WIDTH = 110
_MAX_GLANCE = 40
_GAP = 10


def confusion_matrix_figure(cache: EvaluationCache, findings: Findings) -> bytes:
    """The errors between all classes, with every name on both axes and recall in the margin.

    Cells shrink as classes get many; with more than about 300 classes, rows are thinner than text and only
    the names that fit are set, those of the classes with the most errors first. With up to 20 classes, cells show their
    counts.

    Returns:
        A PNG; with 100 classes about 2400 pixels wide.
    """
    order = findings.class_order.tolist()
    errors = without_diagonal(findings.confusion)[np.ix_(order, order)]
    names = [class_name(cache, class_index) for class_index in order]
    cell = _cell_side(len(order))
    label = TextStyle(size=min(16, max(12, cell - 4)))
    named = _choose_names(errors, cell, label.size + 1)
    blocks = _superclass_blocks(cache, order)
    frame = _MatrixFrame.around(len(order), cell, names, blocks, label)

    canvas = Canvas(frame.width, frame.height)
    _write_matrix_title(canvas, frame, cache, findings)
    _draw_cells(canvas, frame, confusion_levels(errors))
    _draw_blocks(canvas, frame, blocks)
    for row in named:
        middle = frame.top + row * cell + cell // 2
        canvas.write(
            frame.left - 6, middle + label.size // 3, names[row], label, align="right", max_width=_MAX_NAME_WIDTH
        )
        column_middle = frame.left + row * cell + cell // 2 + label.size // 3
        canvas.write_upward(column_middle, frame.top - 6, names[row], label, max_width=_MAX_NAME_WIDTH)
        if frame.has_lower_names:
            canvas.write_upward(
                column_middle, frame.bottom + 6, names[row], label, align="right", max_width=_MAX_NAME_WIDTH
            )
    if cell >= 32:
        _write_counts(canvas, frame, errors)
    _draw_recalls(canvas, frame, [findings.classes[class_index].recall for class_index in order])
    _draw_count_legend(canvas, int(errors.max()))
    return canvas.png()


@dataclass(frozen=True, slots=True, kw_only=True)
class _MatrixFrame:
    """Where the parts of the matrix figure lie, in pixels."""

    left: int
    top: int
    cell: int
    size: int
    width: int
    height: int

    @staticmethod
    def around(
        size: int, cell: int, names: Sequence[str], blocks: Sequence[tuple[str, int]], label: TextStyle
    ) -> "_MatrixFrame":
        longest = min(_MAX_NAME_WIDTH, math.ceil(max(text_width(name, label) for name in names)))
        left = _MARGIN + longest + 12
        top = _MARGIN + 160 + longest
        block_width = max((math.ceil(text_width(name, _SMALL)) + 24 for name, _ in blocks), default=0)
        return _MatrixFrame(
            left=left,
            top=top,
            cell=cell,
            size=size,
            width=max(left + size * cell + _GAP + _RECALL_WIDTH + block_width + _MARGIN, 900),
            height=top + size * cell + _MARGIN + (longest + 20 if size > _MAX_GLANCE else 0),
        )

    @property
    def has_lower_names(self) -> bool:
        """Whether there are so many rows that the columns are named below as well."""
        return self.size > _MAX_GLANCE

    @property
    def side(self) -> int:
        return self.size * self.cell

    @property
    def right(self) -> int:
        return self.left + self.side

    @property
    def bottom(self) -> int:
        return self.top + self.side


def _cell_side(num_classes: int) -> int:
    """Side of a cell in pixels: room for a name up to 300 classes, less for more."""
    if num_classes <= 10:
        return 56
    if num_classes <= 20:
        return 40
    if num_classes <= 50:
        return 24
    if num_classes <= 150:
        return 18
    return max(1, min(14, _LARGEST_SIDE // num_classes))


def _choose_names(errors: NDArray[np.int64], cell: int, line_height: int) -> list[int]:
    """Rows with a name: all if there is room, else those with the most errors, far enough apart."""
    if cell >= line_height:
        return list(range(len(errors)))
    distance = math.ceil(line_height / cell)
    is_free = np.ones(len(errors), bool)
    chosen = []
    for row in np.argsort(-(errors.sum(axis=0) + errors.sum(axis=1)), kind="stable").tolist():
        if is_free[row]:
            chosen.append(row)
            is_free[max(0, row - distance + 1) : row + distance] = False
    return sorted(chosen)


def _superclass_blocks(cache: EvaluationCache, order: Sequence[int]) -> list[tuple[str, int]]:
    """Superclass names with their numbers of rows, from the top; none if superclasses are unknown."""
    group = cache.superclasses
    if group is None:
        return []
    runs = groupby(order, key=lambda class_index: int(group.superclass_of[class_index]))
    return [(group.names[index], len(list(members))) for index, members in runs]


def _write_matrix_title(canvas: Canvas, frame: _MatrixFrame, cache: EvaluationCache, findings: Findings) -> None:
    top1 = findings.overall.top1
    how = "in blocks of superclasses" if cache.superclasses else "similar classes side by side"
    title = f"{plural_text(top1.total - top1.count, 'error')} on {plural_text(top1.total, 'image')}"
    source = source_text(cache)
    right = frame.width - _MARGIN
    canvas.write(_MARGIN, _MARGIN + 28, title, _TITLE)
    canvas.write(right, _MARGIN + 28, source, _SMALL, align="right")
    note = (
        f"Rows are true classes, columns predicted classes, {how}. The diagonal (correct predictions) is left out;"
        " the margin shows recall with its 95% CI."
    )
    for line, text in enumerate(wrap_text(note, _SUBTITLE, right - _MARGIN)):
        canvas.write(_MARGIN, _MARGIN + 58 + 22 * line, text, _SUBTITLE)


def _draw_cells(canvas: Canvas, frame: _MatrixFrame, levels: NDArray[np.uint8]) -> None:
    colors = color_levels("counts-light")[levels]
    colors[levels == 0] = 255
    diagonal = np.arange(frame.size)
    colors[diagonal, diagonal] = rgb(BAND.light)
    canvas.picture(frame.left, frame.top, colors.repeat(frame.cell, axis=0).repeat(frame.cell, axis=1))
    for x, y, width, height in (
        (frame.left - 1, frame.top - 1, frame.side + 2, 1),
        (frame.left - 1, frame.bottom, frame.side + 2, 1),
        (frame.left - 1, frame.top - 1, 1, frame.side + 2),
        (frame.right, frame.top - 1, 1, frame.side + 2),
    ):
        canvas.fill(x, y, width, height, RULE.light)


def _draw_blocks(canvas: Canvas, frame: _MatrixFrame, blocks: Sequence[tuple[str, int]]) -> None:
    x, start = frame.right + _GAP + _RECALL_WIDTH, 0
    next_free = -math.inf
    for name, length in blocks:
        y = frame.top + start * frame.cell
        if start:
            canvas.fill(frame.left, y, frame.side, 1, RULE.light)
            canvas.fill(frame.left + start * frame.cell, frame.top, 1, frame.side, RULE.light)
        canvas.fill(x, y + 2, 2, length * frame.cell - 4, MUTED)
        baseline = y + length * frame.cell // 2 + 5
        if baseline - _SMALL.size >= next_free:
            canvas.write(x + 10, baseline, name, _SMALL)
            next_free = baseline + 2
        start += length


def _write_counts(canvas: Canvas, frame: _MatrixFrame, errors: NDArray[np.int64]) -> None:
    levels = confusion_levels(errors)
    for row, column in np.argwhere(errors > 0).tolist():
        count = int(errors[row, column])
        style = TextStyle(size=14, color=PANEL.light if levels[row, column] > 160 else INK.light)
        middle = frame.left + column * frame.cell + frame.cell / 2
        baseline = frame.top + row * frame.cell + frame.cell // 2 + 5
        canvas.write(middle, baseline, count_text(count), style, align="center")


def _draw_recalls(canvas: Canvas, frame: _MatrixFrame, recalls: Sequence[Proportion]) -> None:
    """A bar with its interval for each row; the whole width stands for 100%."""
    left, width = frame.right + _GAP, _RECALL_WIDTH - 50
    thickness = max(1, frame.cell - max(1, frame.cell // 4))
    has_numbers = frame.cell >= _SMALL.size
    canvas.write(left, frame.top - 10, "Recall", _SMALL)
    for row, recall in enumerate(recalls):
        if not recall.total:
            continue
        y = frame.top + row * frame.cell + (frame.cell - thickness) // 2
        canvas.fill(left, y, width, thickness, BAND.light)
        canvas.fill(left, y, width * recall.value, thickness, MUTED)
        if has_numbers:
            middle = frame.top + row * frame.cell + frame.cell // 2
            canvas.fill(left + width * recall.low, middle, width * (recall.high - recall.low), 1, INK.light)
            canvas.write(left + width + 6, middle + 5, percent_text(recall.value, digits=0), _SMALL)


def _draw_count_legend(canvas: Canvas, most: int) -> None:
    """The colors of the counts, on the square-root scale of the cells."""
    if not most:
        return
    x, y, width = _MARGIN, _MARGIN + 100, 256
    bar = np.broadcast_to(color_levels("counts-light"), (12, width, 3))
    canvas.picture(x, y, np.ascontiguousarray(bar))
    for tick in sorted({1, *(round(most * share) for share in (0.1, 0.3, 0.6)), most} - {0}):
        at = x + math.sqrt(tick / most) * (width - 1)
        canvas.fill(at, y + 12, 1, 4, QUIET.light)
        canvas.write(at, y + 32, count_text(tick), _SMALL, align="center")
    canvas.write(x + width + 14, y + 12, "images per cell", _SMALL)


def top_confused_pairs_figure(cache: EvaluationCache, findings: Findings) -> bytes:
    """The most confused pairs as bars, in both directions, with their intervals. A PNG."""
    pairs = findings.pairs
    names = [f"{class_name(cache, pair.true_index)} → {class_name(cache, pair.predicted_index)}" for pair in pairs]
    name_width = min(380, math.ceil(max((text_width(name, _BODY) for name in names), default=0)))
    left, top, plot_width, row_height = _MARGIN + name_width + 18, _MARGIN + 136, 520, 46
    counts_left = left + plot_width + 24
    right = counts_left + 96
    bottom = top + row_height * max(1, len(pairs))
    canvas = Canvas(right + _MARGIN, bottom + 40)
    canvas.write(_MARGIN, _MARGIN + 28, "Most confused pairs", _TITLE)
    canvas.write(right, _MARGIN + 28, source_text(cache), _SMALL, align="right")
    canvas.write(
        _MARGIN,
        _MARGIN + 58,
        "Fraction of a class's images that are predicted as the other class, with 95% CI",
        _SUBTITLE,
        max_width=right - _MARGIN,
    )
    if not pairs:
        canvas.write(_MARGIN, top + 20, "No class is confused with another.", _BODY)
        return canvas.png()
    bounds = [pair.share.high for pair in pairs] + [pair.reverse.high for pair in pairs if pair.reverse.total]
    step = _tick_step(max(bounds))
    reach = step * math.ceil(max(bounds) / step)
    for tick in range(round(reach / step) + 1):
        x = left + tick * step / reach * plot_width
        canvas.fill(x, top - 6, 1, bottom - top + 6, RULE.light)
        canvas.write(x, top - 12, percent_text(tick * step, digits=0), _SMALL, align="center")
    _write_bar_key(canvas, left, _MARGIN + 92)
    for row, (pair, name) in enumerate(zip(pairs, names, strict=True)):
        y = top + row * row_height
        canvas.write(left - 14, y + 22, name, _BODY, align="right", max_width=name_width)
        for share, offset, style, color in ((pair.share, 8, _BODY, WRONG.light), (pair.reverse, 25, _SMALL, MUTED)):
            if share.total:
                _draw_share(canvas, left, y + offset, share, scale=plot_width / reach, color=color)
                canvas.write(
                    counts_left, y + offset + 12, f"{count_text(share.count)} of {count_text(share.total)}", style
                )
    return canvas.png()


def _write_bar_key(canvas: Canvas, left: float, baseline: int) -> None:
    for color, text in ((WRONG.light, "first predicted as second"), (MUTED, "in reverse")):
        canvas.fill(left, baseline - 11, 12, 12, color)
        left = canvas.write(left + 20, baseline, text, _SMALL) + 28


def _draw_share(canvas: Canvas, left: int, top: int, share: Proportion, *, scale: float, color: str) -> None:
    """A bar, 14 pixels thick, with its interval; `scale` pixels stand for 100%."""
    if share.count:
        canvas.fill(left, top, share.value * scale, 14, color)
    low, high = left + share.low * scale, left + share.high * scale
    canvas.fill(low, top + 6, high - low, 2, INK.light)


def _tick_step(reach: float) -> float:
    """A round step that makes three to seven ticks."""
    return next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if reach / step <= 6 or step == 0.2)
