"""Figures for documents: a class with its examples, or a confused pair, as PNG.

Pillow composes them: matplotlib takes two seconds for one figure of overlays, and a report has one for each class.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import ConfusedPair
from reportgen.analysis.findings import Findings
from reportgen.analysis.metrics import ClassMetrics
from reportgen.cache import EvaluationCache
from reportgen.methods import LOGIT_UNITS, find_method
from reportgen.report.pictures.canvas import Canvas, TextStyle, class_name, source_text, text_width, wrap_text
from reportgen.report.pictures.colormaps import DEFAULT_COLORMAP, color_levels
from reportgen.report.pictures.example_pictures import ExamplePictures, has_pictures, make_pictures, picture_size
from reportgen.report.pictures.palette import INK, QUIET, RIGHT, RULE, WRONG
from reportgen.report.words.example_wording import (
    GroupWording,
    confidence_text,
    describe_best,
    describe_confusions,
    describe_worst,
    outcome_text,
    true_class_text,
)
from reportgen.report.words.run_facts import grid_text, no_maps_text
from reportgen.report.words.text import count_text, peak_text, percent_interval_text, percent_text, plural_text

NUM_WORST = 5
NUM_BEST = 3
NUM_OF_PAIR = 4
NUM_COUNTS = 5

_MAX_THREADS = 4
_MOST_PANELS = 4

_MARGIN = 40
_COLUMN_GAP = 56
_PANEL_GAP = 10
_CARD_GAP = 22
_GROUP_HEIGHT = 44
_HEADING_HEIGHT = 26
_CAPTION_HEIGHT = 40
_EMPTY_HEIGHT = 40
_LIST_TITLE_HEIGHT = 34
_LIST_ROW_HEIGHT = 24
_LIST_GAP = 14
_FOOTER_HEIGHT = 72
_FOOTER_LINE_HEIGHT = 19
_NARROWEST_SLOT = 112
_NARROWEST_COLUMN = 460  # room for the text of a card that has few pictures

_HIGHER_PEAK = "the higher peak of the two maps"

_TITLE = TextStyle(size=34, face="Serif-Bold")
_SUBTITLE = TextStyle(size=16, color=QUIET.light)
_GROUP = TextStyle(size=18, face="Sans-Bold")
_NOTE = TextStyle(size=15, color=QUIET.light)
_VERDICT = TextStyle(size=16, face="Sans-Bold")
_REST = TextStyle(size=16, color=INK.light)
_LIST_TITLE = TextStyle(size=15, face="Sans-Bold")
_CAPTION = TextStyle(size=14, face="Sans-Bold")
_DETAIL = TextStyle(size=14, color=QUIET.light)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Panel:
    """A picture with its two lines of caption."""

    pixels: NDArray[np.uint8]
    title: str
    detail: str
    is_named_by_file: bool = False


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Card:
    """One example: its prediction and its pictures."""

    verdict: str
    rest: str
    color: str
    panels: tuple[_Panel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CountList:
    """Names with numbers of images, drawn as bars."""

    title: str
    rows: tuple[tuple[str, int], ...]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class _Column:
    """Examples under one heading, and numbers below them."""

    words: GroupWording
    cards: tuple[_Card, ...]
    num_panels: int
    lists: tuple[_CountList, ...] = ()


def class_figures(cache: EvaluationCache, findings: Findings) -> Iterator[bytes]:
    """The figure of every class in index order, as `class_figure` draws it; none if there are neither images nor maps.

    Threads draw a few figures ahead: most of the time goes into compression, which releases the interpreter lock.
    """
    if not has_pictures(cache):
        return
    num_threads = max(1, min(_MAX_THREADS, os.cpu_count() or 1))
    ahead: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(num_threads, thread_name_prefix="figures") as pool:
        for class_index in range(cache.num_classes):
            ahead.append(pool.submit(class_figure, cache, findings, class_index))
            if len(ahead) > 2 * num_threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def class_figure(cache: EvaluationCache, findings: Findings, class_index: int) -> bytes:
    """A class's worst and best examples with their maps, under its recall and precision.

    Returns:
        A PNG, about 1100 pixels wide for thumbnails of 32 pixels.
    """
    metrics = findings.classes[class_index]
    selection = findings.selections[class_index]
    name = class_name(cache, class_index)
    shown = selection.worst[:NUM_WORST]
    num_correct = int(np.count_nonzero(findings.predictions.is_correct[list(shown)]))
    worst = _Column(
        words=describe_worst(
            name,
            metrics.recall,
            num_errors=len(shown) - num_correct,
            num_correct=num_correct,
            num_set_aside=selection.num_worst_set_aside,
        ),
        cards=_make_cards(cache, findings, shown),
        num_panels=_num_panels(cache, is_correct=metrics.recall.count == metrics.recall.total),
    )
    best = _Column(
        words=describe_best(name, metrics.recall, num_shown=len(selection.best[:NUM_BEST])),
        cards=_make_cards(cache, findings, selection.best[:NUM_BEST]),
        num_panels=_num_panels(cache, is_correct=True),
        lists=tuple(
            _CountList(
                title=title,
                rows=tuple((class_name(cache, other.class_index), other.count) for other in counts[:NUM_COUNTS]),
            )
            for title, counts in (
                ("Predicted as", metrics.mistaken_for),
                ("Mistaken for this class", metrics.mistaken_by),
            )
            if counts
        ),
    )
    return _compose(cache, name, _class_sentence(metrics), (worst, best))


def confused_pair_figure(cache: EvaluationCache, findings: Findings, pair: ConfusedPair) -> bytes:
    """The most confident errors of a confused pair, in both directions, with their maps. A PNG."""
    true, predicted = class_name(cache, pair.true_index), class_name(cache, pair.predicted_index)
    columns = tuple(
        _Column(
            words=describe_confusions(first, second, num_shown=min(count, NUM_OF_PAIR), total=count),
            cards=_make_cards(cache, findings, _select_confused(cache, findings, first_index, second_index)),
            num_panels=_num_panels(cache, is_correct=False),
        )
        for first, second, first_index, second_index, count in (
            (true, predicted, pair.true_index, pair.predicted_index, pair.share.count),
            (predicted, true, pair.predicted_index, pair.true_index, pair.reverse.count),
        )
    )
    sentence = (
        f"{count_text(pair.share.count)} of {plural_text(pair.share.total, 'image')} of {true} are predicted as"
        f" {predicted}: {percent_text(pair.share.value)} ({percent_interval_text(pair.share)}); in reverse"
        f" {count_text(pair.reverse.count)} of {count_text(pair.reverse.total)}:"
        f" {percent_text(pair.reverse.value)} ({percent_interval_text(pair.reverse)})"
    )
    return _compose(cache, f"{true} → {predicted}", sentence, columns)


def _compose(cache: EvaluationCache, title: str, sentence: str, columns: Sequence[_Column]) -> bytes:
    """Columns of cards under a title, above a legend."""
    cell_width, cell_height = picture_size(cache)
    slot_width = max(cell_width, _NARROWEST_SLOT)
    narrowest = 0 if _num_panels(cache, is_correct=False) == _MOST_PANELS else _NARROWEST_COLUMN
    widths = [max(column.num_panels * (slot_width + _PANEL_GAP) - _PANEL_GAP, narrowest) for column in columns]
    inner_width = sum(widths) + _COLUMN_GAP * (len(columns) - 1)
    lines = wrap_text(sentence, _SUBTITLE, inner_width)
    top = _MARGIN + 66 + 24 * len(lines)
    card_height = _HEADING_HEIGHT + cell_height + _CAPTION_HEIGHT
    bottom = top + _GROUP_HEIGHT + max(_column_height(column, card_height) for column in columns)
    legend = wrap_text(_legend_text(cache), _DETAIL, inner_width)
    canvas = Canvas(inner_width + 2 * _MARGIN, bottom + _FOOTER_HEIGHT + _FOOTER_LINE_HEIGHT * len(legend))

    source = source_text(cache)
    room = inner_width - text_width(source, _NOTE) - 24
    canvas.write(_MARGIN, _MARGIN + 30, title, _TITLE, max_width=room)
    canvas.write(_MARGIN + inner_width, _MARGIN + 30, source, _NOTE, align="right")
    for row, line in enumerate(lines):
        canvas.write(_MARGIN, _MARGIN + 62 + 24 * row, line, _SUBTITLE)

    left = _MARGIN
    for column, width in zip(columns, widths, strict=True):
        canvas.fill(left, top - 12, width, 1, RULE.light)
        _draw_heading(canvas, left, top + 20, width, column)
        for row, card in enumerate(column.cards):
            y = top + _GROUP_HEIGHT + row * (card_height + _CARD_GAP)
            _draw_card(canvas, card, left, y, width=width, slot_width=slot_width)
        y = top + _GROUP_HEIGHT + _cards_height(column, card_height)
        most = max((count for counts in column.lists for _, count in counts.rows), default=1)
        for counts in column.lists:
            y = _draw_list(canvas, left, y, width, counts, most=most)
        left += width + _COLUMN_GAP
    _draw_legend(canvas, bottom + 16, inner_width, legend, _legend_ends(cache))
    return canvas.png()


def _column_height(column: _Column, card_height: int) -> int:
    lists = sum(_LIST_TITLE_HEIGHT + _LIST_ROW_HEIGHT * len(counts.rows) + _LIST_GAP for counts in column.lists)
    return _cards_height(column, card_height) + lists


def _cards_height(column: _Column, card_height: int) -> int:
    return len(column.cards) * (card_height + _CARD_GAP) if column.cards else _EMPTY_HEIGHT


def _draw_list(canvas: Canvas, left: int, top: int, width: int, counts: _CountList, *, most: int) -> int:
    """The list from `top` on, its longest bar for a count of `most`; returns where the next list starts."""
    canvas.write(left, top + 15, counts.title, _LIST_TITLE, max_width=width)
    count_right, bar_left = left + width * 0.5, left + width * 0.5 + 14
    y = top + _LIST_TITLE_HEIGHT
    for name, count in counts.rows:
        canvas.write(left, y + 12, name, _NOTE, max_width=width * 0.5 - 52)
        canvas.write(count_right, y + 12, count_text(count), _REST, align="right")
        canvas.fill(bar_left, y + 2, (left + width - bar_left) * count / most, 10, WRONG.light)
        y += _LIST_ROW_HEIGHT
    return y + _LIST_GAP


def _draw_heading(canvas: Canvas, left: int, baseline: int, width: int, column: _Column) -> None:
    note = column.words.short_note
    end = canvas.write(left, baseline, column.words.title, _GROUP, max_width=width - text_width(note, _NOTE) - 12)
    if column.cards:
        canvas.write(end + 12, baseline, note, _NOTE)
    else:
        canvas.write(left, baseline + 34, column.words.empty_text, _NOTE, max_width=width)


def _draw_card(canvas: Canvas, card: _Card, left: int, top: int, *, width: int, slot_width: int) -> None:
    end = canvas.write(left, top + 15, card.verdict, _VERDICT.colored(card.color), max_width=width * 0.6)
    canvas.write(end, top + 15, card.rest, _REST, max_width=left + width - end)
    x, y = left, top + _HEADING_HEIGHT
    for panel in card.panels:
        canvas.picture(x, y, panel.pixels)
        caption = y + panel.pixels.shape[0] + 18
        room = left + width - x if panel is card.panels[-1] else slot_width
        canvas.write(x, caption, panel.title, _CAPTION, max_width=room)
        canvas.write(x, caption + 18, panel.detail, _DETAIL, max_width=room, keep_end=panel.is_named_by_file)
        x += slot_width + _PANEL_GAP


def _draw_legend(canvas: Canvas, top: int, width: int, lines: Sequence[str], ends: tuple[str, str] | None) -> None:
    """The color scale of the maps, if there are any, with the meaning of its ends, above lines of text."""
    canvas.fill(_MARGIN, top - 6, width, 1, RULE.light)
    if ends is not None:
        x = canvas.write(_MARGIN, top + 22, ends[0], _NOTE) + 10
        bar = np.broadcast_to(color_levels(DEFAULT_COLORMAP), (12, 256, 3))
        canvas.picture(round(x), top + 11, bar)
        canvas.write(x + 266, top + 22, ends[1], _NOTE)
    for row, line in enumerate(lines):
        canvas.write(_MARGIN, top + 46 + _FOOTER_LINE_HEIGHT * row, line, _DETAIL)


def _legend_ends(cache: EvaluationCache) -> tuple[str, str] | None:
    cam = next(iter(cache.cams.values()), None)
    if cam is None:
        return None
    return ("zero", "the peak of the map") if cam.is_class_agnostic else ("no evidence", _HIGHER_PEAK)


def _legend_text(cache: EvaluationCache) -> str:
    if not cache.cams:
        return no_maps_text(cache)
    method, cam = next(iter(cache.cams.items()))
    words = find_method(method)
    unit = f"in {LOGIT_UNITS}" if words.unit == LOGIT_UNITS else "in the method’s own units"
    scale = (
        f"Maps are class-agnostic; each is scaled from zero to its own peak, {unit}."
        if cam.is_class_agnostic
        else f"Both maps of an image share one scale, from zero to the higher of their peaks, {unit}."
    )
    layer = f" at {cache.provenance.target_layer}" if cache.provenance.target_layer else ""
    return f"{scale} {words.title[0].upper()}{words.title[1:]}{layer}, {grid_text(cam)} cells, upsampled bilinearly."


def _num_panels(cache: EvaluationCache, *, is_correct: bool) -> int:
    """Number of pictures on a card: the photo, the maps over it where they differ, and the map alone."""
    cam, has_photo = next(iter(cache.cams.values()), None), cache.thumbnails is not None
    if cam is None:
        return 1
    num_maps = 1 if is_correct or cam.is_class_agnostic else 2
    return num_maps + 2 if has_photo else num_maps


def _make_cards(cache: EvaluationCache, findings: Findings, positions: Sequence[int]) -> tuple[_Card, ...]:
    """The cards of the examples at these positions of the cache."""
    return tuple(
        _make_card(cache, findings, position, pictures)
        for position, pictures in zip(positions, make_pictures(cache, positions), strict=True)
    )


def _make_card(cache: EvaluationCache, findings: Findings, position: int, pictures: ExamplePictures) -> _Card:
    predictions = findings.predictions
    true = class_name(cache, int(cache.labels[position]))
    predicted = class_name(cache, int(predictions.predicted[position]))
    is_correct = bool(predictions.is_correct[position])
    confidence = f" ({confidence_text(findings, position)})"
    return _Card(
        verdict=outcome_text(findings, position, predicted=predicted),
        rest=confidence if is_correct else f"{confidence}. {true_class_text(findings, position, true=true)}",
        color=RIGHT.light if is_correct else WRONG.light,
        panels=tuple(_make_panels(cache, position, pictures, true, predicted, is_correct=is_correct)),
    )


def _make_panels(
    cache: EvaluationCache, position: int, pictures: ExamplePictures, true: str, predicted: str, *, is_correct: bool
) -> Iterator[_Panel]:
    """The available pictures of one example, with their captions."""
    if pictures.photo is not None:
        name = str(cache.example_id[position])
        yield _Panel(pixels=pictures.photo, title="photo", detail=name, is_named_by_file=True)
    over_true, over_predicted, alone = pictures.true_overlay, pictures.predicted_overlay, pictures.predicted_map
    if over_true is None or over_predicted is None or alone is None:
        return
    detail = _peak_detail(pictures.predicted_peak)
    is_agnostic = next(iter(cache.cams.values())).is_class_agnostic
    if not is_correct and not is_agnostic:
        yield _Panel(pixels=over_true, title=f"for {true}", detail=_peak_detail(pictures.true_peak))
    target = "map" if is_agnostic else f"for {predicted}"
    yield _Panel(pixels=over_predicted, title=target, detail=detail)
    if pictures.photo is not None:
        whose = "class-agnostic" if is_agnostic else f"for {predicted}"
        yield _Panel(pixels=alone, title="map alone", detail=whose if pictures.predicted_peak else detail)


def _peak_detail(peak: float) -> str:
    return f"peak {peak_text(peak)}" if peak else "no evidence"


def _select_confused(
    cache: EvaluationCache, findings: Findings, true_index: int, predicted_index: int
) -> tuple[int, ...]:
    """The most confident examples of one class that are predicted as the other; ties by position."""
    predictions = findings.predictions
    found = np.flatnonzero((cache.labels == true_index) & (predictions.predicted == predicted_index))
    order = np.argsort(-predictions.confidence[found], kind="stable")
    return tuple(found[order][:NUM_OF_PAIR].tolist())


def _class_sentence(metrics: ClassMetrics) -> str:
    recall, precision = metrics.recall, metrics.precision
    if not recall.total:
        return "No image of this class in the test set"
    sentence = (
        f"Recall {percent_text(recall.value)} ({percent_interval_text(recall)}), {count_text(recall.count)} of"
        f" {plural_text(recall.total, 'image')}"
    )
    if not precision.total:
        return f"{sentence} · never predicted"
    return (
        f"{sentence} · precision {percent_text(precision.value)} ({percent_interval_text(precision)}),"
        f" {count_text(precision.count)} of {count_text(precision.total)}"
    )
