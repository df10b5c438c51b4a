"""The page of two classes that are taken for each other: how often, where the model looked, and what that suggests."""

import numpy as np

from reportgen.analysis.attention import HIGH_OVERLAP_SHARE
from reportgen.analysis.confusion import ConfusedPair
from reportgen.analysis.pair_attention import PairAttention, PairVerdict
from reportgen.report.pages.cards import make_group
from reportgen.report.pages.context import ReportContext
from reportgen.report.pages.mean_maps import MeanSheet, make_mean_sheet
from reportgen.report.pages.sheets import Files, make_sheet
from reportgen.report.urls import pair_path, pair_stem, relative_url
from reportgen.report.views.pair_view import PairPage
from reportgen.report.views.shared import Fact, Link, MeanMapFigure, SiteFrame
from reportgen.report.words.text import (
    count_text,
    number_interval_text,
    number_text,
    percent_interval_text,
    percent_text,
    plural_text,
)

NUM_PAIR_EXAMPLES = 24
"""Mistakes shown in each direction."""

VERDICTS = {
    PairVerdict.SAME_PLACE: "It looked at the same place and read it differently.",
    PairVerdict.ELSEWHERE: "It looked elsewhere.",
    PairVerdict.UNDECIDED: "Whether it looked at the same place is open.",
}
ADVICE = {
    PairVerdict.SAME_PLACE: "The evidence for both classes lies on the same spot, so cropping and hiding the background"
    " will not part them. Finer features will: more pixels, a contrastive loss with the other class as hard negative,"
    " or an expert’s look at whether the labels can be told apart at this size.",
    PairVerdict.ELSEWHERE: "What speaks for the true class lies elsewhere than what the model went by. Augmentation"
    " that centres on the object (CutMix, random crops) and images with other backgrounds or companions may part them.",
    PairVerdict.UNDECIDED: "Look at the examples: neither kind of mistake is proven to be the majority.",
}


def unordered_pairs(context: ReportContext) -> list[tuple[ConfusedPair, PairAttention]]:
    """The confused pairs that have a page, each once however often its two directions are listed."""
    first: dict[frozenset[int], tuple[ConfusedPair, PairAttention]] = {}
    for pair, attention in zip(context.findings.pairs, context.findings.pair_attention, strict=True):
        first.setdefault(frozenset((pair.true_index, pair.predicted_index)), (pair, attention))
    return list(first.values())


def pair_link(context: ReportContext, true_index: int, predicted_index: int, *, page: str) -> Link:
    """The link to the page of two classes, whichever of them is named first."""
    low, high = sorted((true_index, predicted_index))
    path = pair_path(low, context.class_name(low), high, context.class_name(high))
    text = f"{context.class_name(true_index)} and {context.class_name(predicted_index)}"
    return Link(text=text, url=relative_url(path, page=page))


def make_pair_page(context: ReportContext, frame: SiteFrame, place: int) -> tuple[PairPage, Files]:
    """The page of a pair with the sprites that it shows.

    Args:
        context: the report.
        frame: what the page shares with all others.
        place: the pair's place among `unordered_pairs`.
    """
    pairs = unordered_pairs(context)
    pair, attention = pairs[place]
    (low, high) = sorted((pair.true_index, pair.predicted_index))
    names = context.class_name(low), context.class_name(high)
    page = pair_path(low, names[0], high, names[1])
    stem = pair_stem(low, names[0], high, names[1])
    forth = _examples(context, pair.true_index, pair.predicted_index)
    back = _examples(context, pair.predicted_index, pair.true_index)
    sheet = make_sheet(context, [*forth, *back], page=page, stem=f"images/{stem}", with_differences=True)
    means = make_mean_sheet(
        [maps for mean in (attention.forth_maps, attention.back_maps) for maps in (mean.true, mean.predicted)],
        page=page,
        stem=f"images/{stem}",
    )
    neighbours = [
        pair_link(context, other.true_index, other.predicted_index, page=page)
        for other, _ in (pairs[place - 1], pairs[(place + 1) % len(pairs)])
    ]
    true = context.class_link(pair.true_index, page=page)
    predicted = context.class_link(pair.predicted_index, page=page)
    return (
        PairPage(
            frame=frame,
            sprites=(*sheet.sprites(), *means.sprites()),
            true=true,
            predicted=predicted,
            position=f"pair {place + 1} of {len(pairs)}",
            previous=neighbours[0],
            following=neighbours[1],
            verdict=VERDICTS[attention.verdict],
            evidence=_evidence(context, attention),
            advice=ADVICE[attention.verdict],
            facts=_facts(context, pair, attention, true.text, predicted.text),
            means=_mean_figures(means, attention, true.text, predicted.text),
            groups=tuple(
                make_group(
                    context,
                    sheet,
                    tuple(shown),
                    anchor=anchor,
                    title=f"{a} called {b}",
                    note=f"{count_text(len(shown))} of {plural_text(total, 'image')}, by falling confidence.",
                    empty_text=f"No image of {a} is called {b}.",
                )
                for anchor, a, b, shown, total in (
                    ("forth", true.text, predicted.text, forth, pair.share.count),
                    ("back", predicted.text, true.text, back, pair.reverse.count),
                )
            ),
            grid_note=context.maps.grid_note,
        ),
        (*sheet.files(), *means.files()),
    )


def _examples(context: ReportContext, true_index: int, predicted_index: int) -> list[int]:
    predictions = context.findings.predictions
    is_mistake = (context.cache.labels == true_index) & (predictions.predicted == predicted_index)
    positions = is_mistake.nonzero()[0]
    order = np.argsort(-predictions.confidence[positions], kind="stable")
    shown: list[int] = positions[order][:NUM_PAIR_EXAMPLES].tolist()
    return shown


def _evidence(context: ReportContext, attention: PairAttention) -> str:
    found = context.findings.attention
    baseline = (
        f"Two unrelated images’ maps overlap by {number_text(found.overlap_unrelated.value, digits=2)}"
        f" ({number_interval_text(found.overlap_unrelated, digits=2)}), those of all mistakes by"
        f" {number_text(found.overlap_mistakes.value, digits=2)}."
    )
    overlap = attention.overlap
    if overlap is None:
        return f"The mistakes between them are too few to tell. {baseline}"
    counted = overlap.elsewhere if attention.verdict is PairVerdict.ELSEWHERE else overlap.same_place
    than = (
        "less than half of all unrelated pairs of images do"
        if attention.verdict is PairVerdict.ELSEWHERE
        else f"more than {percent_text(HIGH_OVERLAP_SHARE, digits=0)} of unrelated pairs of images do"
    )
    share = percent_text(counted.value, digits=0)
    return (
        f"In {count_text(counted.count)} of {count_text(counted.total)} mistakes ({share}; exact interval for all pairs"
        f" together {percent_interval_text(counted, digits=0)}) the maps of both classes overlap {than}. {baseline}"
    )


def _facts(
    context: ReportContext, pair: ConfusedPair, attention: PairAttention, true: str, predicted: str
) -> tuple[Fact, ...]:
    found = context.findings.attention
    return (
        Fact(
            name=f"{true} called {predicted}",
            value=count_text(pair.share.count),
            detail=f"of {count_text(pair.share.total)}: {percent_text(pair.share.value)}"
            f" ({percent_interval_text(pair.share)})",
        ),
        Fact(
            name=f"{predicted} called {true}",
            value=count_text(pair.reverse.count),
            detail=f"of {count_text(pair.reverse.total)}: {percent_text(pair.reverse.value)}"
            f" ({percent_interval_text(pair.reverse)})",
        ),
        Fact(
            name="Overlap of their maps",
            value=number_text(attention.both.value, digits=2),
            detail=f"{number_interval_text(attention.both, digits=2)}, n = {count_text(attention.both.n)}",
        ),
        Fact(
            name="Overlap of unrelated images",
            value=number_text(found.overlap_unrelated.value, digits=2),
            detail=number_interval_text(found.overlap_unrelated, digits=2),
        ),
        Fact(
            name="Overlap in all mistakes",
            value=number_text(found.overlap_mistakes.value, digits=2),
            detail=number_interval_text(found.overlap_mistakes, digits=2),
        ),
    )


def _mean_figures(means: MeanSheet, attention: PairAttention, true: str, predicted: str) -> tuple[MeanMapFigure, ...]:
    directions = ((true, predicted, attention.forth_maps.n), (predicted, true, attention.back_maps.n))
    return tuple(
        means.figure(2 * place + offset, title=f"for {target}", n=n, over=f"{label} called {said}")
        for place, (label, said, n) in enumerate(directions)
        for offset, target in enumerate((label, said))
    )
