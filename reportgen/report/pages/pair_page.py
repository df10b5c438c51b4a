"""The page of a confused pair: error rates, map overlap and what it suggests."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reportgen.analysis.confusion import ConfusedPair
from reportgen.analysis.focus import HIGH_OVERLAP_SHARE, MapComparison, MeanMaps, mean_maps
from reportgen.analysis.pair_focus import PairFocus, PairVerdict
from reportgen.report.pages.cards import make_group
from reportgen.report.pages.context import ReportContext, RunContext
from reportgen.report.pages.map_set import MapSet
from reportgen.report.pages.map_sheet import Files
from reportgen.report.pages.mean_maps import make_mean_sheet
from reportgen.report.pages.method_parts import Means, make_controls, make_method_parts
from reportgen.report.pages.page_kind import Need, PageEntry, PageKind
from reportgen.report.pages.sheets import make_sheet
from reportgen.report.pictures.colormaps import DIFFERENCE_COLORMAP, EVIDENCE_COLORMAPS
from reportgen.report.urls import INDEX_PATH, pair_path, pair_stem, relative_url
from reportgen.report.views.pair_view import PairPage
from reportgen.report.views.shared import Fact, Link, SiteFrame
from reportgen.report.words.example_wording import confusion_text, describe_confusions
from reportgen.report.words.phrases import interval_text, number_ci_text
from reportgen.report.words.text import (
    count_text,
    number_text,
    percent_interval_text,
    percent_text,
)

NUM_PAIR_EXAMPLES = 24
"""Errors shown in each direction."""

_LAYERS = (("predicted", "map alone"), ("difference", "difference"), ("none", "photo only"))

VERDICTS = {
    PairVerdict.SAME_PLACE: "The maps of both classes highlight the same region.",
    PairVerdict.ELSEWHERE: "The maps of the two classes highlight different regions.",
    PairVerdict.UNDECIDED: "The maps do not show whether both classes have evidence in the same region.",
}
ADVICE = {
    PairVerdict.SAME_PLACE: "Cropping or hiding the background is unlikely to separate the classes. Try finer features:"
    " higher resolution or a contrastive loss with the other class as hard negative. Ask an expert whether the classes"
    " can be distinguished at this image size.",
    PairVerdict.ELSEWHERE: "The evidence for the predicted class lies elsewhere than the evidence for the true class."
    " Augmentation that keeps the object (CutMix, random crops) and images with other backgrounds may separate the"
    " classes.",
    PairVerdict.UNDECIDED: "Review the examples: in most errors, the maps neither clearly agree nor clearly differ.",
}


def unordered_pairs(context: RunContext) -> list[tuple[ConfusedPair, PairFocus | None]]:
    """The confused pairs that have a page, each once however often its two directions are listed.

    Each comes with the comparison of its maps, if there is one.
    """
    first: dict[frozenset[int], tuple[ConfusedPair, PairFocus | None]] = {}
    looked = context.findings.pair_focus or (None,) * len(context.findings.pairs)
    for pair, focus in zip(context.findings.pairs, looked, strict=True):
        first.setdefault(frozenset((pair.true_index, pair.predicted_index)), (pair, focus))
    return list(first.values())


def pair_link(context: RunContext, true_index: int, predicted_index: int, *, page: str) -> Link:
    """The link to the page of two classes, whichever of them is named first."""
    low, high = sorted((true_index, predicted_index))
    path = pair_path(low, context.file_name(low), high, context.file_name(high))
    text = f"{context.class_name(true_index)} and {context.class_name(predicted_index)}"
    return Link(text=text, url=relative_url(path, page=page))


def make_pair_page(context: RunContext, frame: SiteFrame, place: int) -> tuple[PairPage, Files]:
    """The page of a pair with the sprites that it shows.

    Args:
        context: the report.
        frame: what the page shares with all others.
        place: the pair's place among `unordered_pairs`.
    """
    pairs = unordered_pairs(context)
    pair, focus = pairs[place]
    (low, high) = sorted((pair.true_index, pair.predicted_index))
    names = context.file_name(low), context.file_name(high)
    page = pair_path(low, names[0], high, names[1])
    stem = pair_stem(low, names[0], high, names[1])
    forth = _examples(context, pair.true_index, pair.predicted_index)
    back = _examples(context, pair.predicted_index, pair.true_index)
    sheet = make_sheet(context, [*forth, *back], page=page, stem=f"images/{stem}", every_method=True)

    def make_means(maps: MapSet, suffix: str) -> Means:
        return _means(context, pair, maps, page=page, stem=f"images/{stem}", suffix=suffix)

    means, mean_figures = (None, ()) if context.maps is None else make_means(context.maps, "")
    methods, method_files = make_method_parts(context, sheet, cards=[*forth, *back], items=(), means=make_means)
    neighbors = [
        pair_link(context, other.true_index, other.predicted_index, page=page)
        for other, _ in (pairs[place - 1], pairs[(place + 1) % len(pairs)])
    ]
    true = context.class_link(pair.true_index, page=page)
    predicted = context.class_link(pair.predicted_index, page=page)
    maps_text = _describe_maps(context, focus)
    return (
        PairPage(
            frame=frame,
            sprites=(*sheet.sprites(), *(() if means is None else means.sprites())),
            true=true,
            predicted=predicted,
            position=f"pair {place + 1} of {len(pairs)}",
            previous=neighbors[0],
            following=neighbors[1],
            verdict=maps_text.verdict,
            evidence=maps_text.evidence,
            advice=maps_text.advice,
            facts=(*_facts(pair, true.text, predicted.text), *maps_text.facts),
            means=mean_figures,
            groups=tuple(
                make_group(
                    context,
                    sheet,
                    shown,
                    describe_confusions(label, said, num_shown=len(shown), total=total),
                    anchor=anchor,
                )
                for anchor, label, said, shown, total in (
                    ("forth", true.text, predicted.text, forth, pair.share.count),
                    ("back", predicted.text, true.text, back, pair.reverse.count),
                )
            ),
            missing=context.missing_note,
            maps=make_controls(context, _LAYERS),
            methods=methods,
        ),
        (*sheet.files(), *(() if means is None else means.files()), *method_files),
    )


def _examples(context: RunContext, true_index: int, predicted_index: int) -> list[int]:
    predictions = context.findings.predictions
    is_mistake = (context.cache.labels == true_index) & (predictions.predicted == predicted_index)
    positions = is_mistake.nonzero()[0]
    order = np.argsort(-predictions.confidence[positions], kind="stable")
    shown: list[int] = positions[order][:NUM_PAIR_EXAMPLES].tolist()
    return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class _MapsText:
    """What the maps of a pair's errors show, in words, or why they show nothing."""

    verdict: str
    advice: str
    evidence: str
    facts: tuple[Fact, ...]


def _describe_maps(context: RunContext, focus: PairFocus | None) -> _MapsText:
    found = context.findings.focus
    comparison = None if found is None else found.comparison
    if focus is not None and comparison is not None:
        return _MapsText(
            verdict=VERDICTS[focus.verdict],
            advice=ADVICE[focus.verdict],
            evidence=_evidence(comparison, focus),
            facts=_overlap_facts(comparison, focus),
        )
    why = (
        "There are no maps to compare."
        if context.maps is None
        else f"The maps by {context.maps.words.title} are class-agnostic, so they cannot show whether both classes"
        " draw on the same region."
    )
    return _MapsText(verdict=VERDICTS[PairVerdict.UNDECIDED], advice=why, evidence="", facts=())


def _evidence(found: MapComparison, focus: PairFocus) -> str:
    baseline = (
        f"For comparison, the mean overlap is {number_text(found.overlap_unrelated.value, digits=2)}"
        f" ({number_ci_text(found.overlap_unrelated, digits=2)}) between unrelated images and"
        f" {number_text(found.overlap_misclassified.value, digits=2)} over all errors."
    )
    overlap = focus.overlap
    if overlap is None:
        return f"There are too few errors between the two classes to compare their maps. {baseline}"
    counted = overlap.elsewhere if focus.verdict is PairVerdict.ELSEWHERE else overlap.same_place
    than = (
        "less than in half of unrelated images"
        if focus.verdict is PairVerdict.ELSEWHERE
        else f"more than in {percent_text(HIGH_OVERLAP_SHARE, digits=0)} of unrelated images"
    )
    share = percent_text(counted.value, digits=0)
    return (
        f"In {count_text(counted.count)} of {count_text(counted.total)} errors ({share}; exact 95% CI,"
        " Bonferroni-corrected,"
        f" {percent_interval_text(counted, digits=0)}), the two maps overlap {than}. {baseline}"
    )


def _facts(pair: ConfusedPair, true: str, predicted: str) -> tuple[Fact, ...]:
    return tuple(
        Fact(
            name=confusion_text(label, said),
            value=count_text(share.count),
            detail=f"of {count_text(share.total)}: {percent_text(share.value)} ({interval_text(share)})",
        )
        for label, said, share in ((true, predicted, pair.share), (predicted, true, pair.reverse))
    )


def _overlap_facts(found: MapComparison, focus: PairFocus) -> tuple[Fact, ...]:
    return (
        Fact(
            name="Mean overlap of the two maps",
            value=number_text(focus.both.value, digits=2),
            detail=f"{number_ci_text(focus.both, digits=2)}, n = {count_text(focus.both.n)}",
        ),
        Fact(
            name="Mean overlap, unrelated images",
            value=number_text(found.overlap_unrelated.value, digits=2),
            detail=number_ci_text(found.overlap_unrelated, digits=2),
        ),
        Fact(
            name="Mean overlap, all errors",
            value=number_text(found.overlap_misclassified.value, digits=2),
            detail=number_ci_text(found.overlap_misclassified, digits=2),
        ),
    )


def _means(context: RunContext, pair: ConfusedPair, maps: MapSet, *, page: str, stem: str, suffix: str) -> Means:
    """The mean maps over the mistakes of both directions, for both classes where they differ."""
    if maps.cam.positions is not None:
        return None, ()
    labels, predicted = context.cache.labels, context.findings.predictions.predicted
    shown: list[tuple[MeanMaps, NDArray[np.float64], str, str]] = []
    for label, said in ((pair.true_index, pair.predicted_index), (pair.predicted_index, pair.true_index)):
        mean = mean_maps(maps.cam, np.flatnonzero((labels == label) & (predicted == said)))
        names = context.class_name(label), context.class_name(said)
        over = confusion_text(*names)
        if maps.is_class_agnostic:
            shown.append((mean, mean.true, "for all classes", over))
        else:
            shown += [(mean, mean.true, f"for {names[0]}", over), (mean, mean.predicted, f"for {names[1]}", over)]
    sheet = make_mean_sheet([values for _, values, _, _ in shown], page=page, stem=stem, suffix=suffix)
    figures = (
        sheet.figure(cell, title=title, n=mean.n, over=over) for cell, (mean, _, title, over) in enumerate(shown)
    )
    return sheet, tuple(figures)


def _list_pages(context: ReportContext) -> list[PageEntry]:
    run = context.run
    return [
        PageEntry(
            path=pair_link(run, pair.true_index, pair.predicted_index, page=INDEX_PATH).url,
            description=f"Confusion of {run.class_name(pair.true_index)} and {run.class_name(pair.predicted_index)}",
        )
        for pair, _ in unordered_pairs(run)
    ]


PAIR_PAGES: PageKind[ReportContext] = PageKind(
    name="pair of classes",
    template="pair.html.j2",
    record=PairPage,
    list_pages=_list_pages,
    build=lambda context, frame, place: make_pair_page(context.run, frame, place),
    colormaps=(*EVIDENCE_COLORMAPS, DIFFERENCE_COLORMAP),
    needs=(Need(text="confused pairs", is_met=lambda context: bool(context.run.findings.pairs)),),
)
