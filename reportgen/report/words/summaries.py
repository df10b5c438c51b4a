"""The text files and the console summary: the report on one page, and the recommendations."""

import textwrap
from collections.abc import Sequence

from reportgen.analysis.calibration import CalibrationError, TemperatureScaling
from reportgen.analysis.findings import Findings
from reportgen.analysis.metrics import ClassMetrics
from reportgen.analysis.selection import HIGH_CONFIDENCE
from reportgen.cache import EvaluationCache
from reportgen.report.words.notices import list_notices
from reportgen.report.words.phrases import interval_text
from reportgen.report.words.run_facts import check_sentences, maps_text, model_text
from reportgen.report.words.text import (
    count_text,
    number_interval_text,
    number_text,
    percent_interval_text,
    percent_text,
    plural_text,
    points_interval_text,
    points_text,
    value_text,
)
from reportgen.report.words.wording import describe, headline, rules_text

_TEXT_WIDTH = 88
_NUM_LISTED = 10


def console_summary(cache: EvaluationCache, findings: Findings) -> str:
    """The report in a few lines: the headline, accuracy, the five weakest classes, the three most confused pairs."""
    names, top1, top5 = cache.shown_names, findings.overall.top1, findings.overall.top5
    weakest = [
        f"{names[metrics.class_index]} {percent_text(metrics.recall.value)}" for metrics in _weakest_first(findings)[:5]
    ]
    pairs = [
        f"{names[pair.true_index]} → {names[pair.predicted_index]} {pair.share.count} of {pair.share.total}"
        for pair in findings.pairs[:3]
    ]
    rows = [
        (
            "accuracy",
            f"{percent_text(top1.value)} ({interval_text(top1)}, n = {count_text(top1.total)});"
            f" top-5 {percent_text(top5.value)} ({interval_text(top5)})",
        ),
        ("lowest recall", ", ".join(weakest)),
        ("most confused", ", ".join(pairs) or "no errors"),
    ]
    return f"{headline(findings, cache)}\n\n{_table(rows)}"


def analysis_summary(cache: EvaluationCache, findings: Findings) -> str:
    """The report on one page of plain text."""
    sections = [
        _title(headline(findings, cache), "="),
        _run_table(cache, findings),
        _title("Performance"),
        _overall_table(findings),
        _title("Calibration"),
        _calibration_table(findings),
        *_class_sections(cache, findings),
        _title("Most confused pairs"),
        _pair_table(cache, findings),
        *_superclass_section(findings),
        *_slice_sections(findings),
        _title("Findings"),
        "\n".join(
            _wrapped(describe(item, cache, findings).headline, mark="- ")
            for item in findings.recommendations
            if item.fired
        )
        or "No rule fired.",
        _wrapped(
            "Numbers in parentheses are 95% confidence intervals. See recommendations.txt for advice and evidence on"
            " each finding."
        ),
    ]
    return "\n\n".join(sections) + "\n"


def recommendations_text(cache: EvaluationCache, findings: Findings) -> str:
    """The recommendations as plain text: the rules that fired with advice and evidence, then the others."""
    fired = [describe(item, cache, findings) for item in findings.recommendations if item.fired]
    rest = [describe(item, cache, findings) for item in findings.recommendations if not item.fired]
    sections = [
        _title(headline(findings, cache), "="),
        _wrapped(f"{rules_text(findings)} The finding that affects the most images comes first."),
    ]
    for number, text in enumerate(fired, start=1):
        sections += [
            _wrapped(text.headline, mark=f"{number}. ".ljust(3)),
            _wrapped(text.advice, indent="   "),
            _wrapped(f"Evidence: {text.evidence} {text.details}".rstrip(), indent="   "),
        ]
    if rest:
        sections.append(_title("Rules that did not fire"))
        sections += [_wrapped(f"{text.headline} {text.evidence} {text.details}".rstrip(), mark="- ") for text in rest]
    return "\n\n".join(sections) + "\n"


def _run_table(cache: EvaluationCache, findings: Findings) -> str:
    provenance = cache.provenance
    weights = f", weights {provenance.weights_name}" if provenance.weights_name else ""
    rows = [
        ("Model", f"{model_text(cache)}{weights}"),
        (
            "Data",
            f"{provenance.data_name}, {plural_text(cache.num_examples, 'image')} of"
            f" {plural_text(cache.num_classes, 'class', 'classes')}",
        ),
        ("Maps", maps_text(cache)),
        ("Run", ", ".join(filter(None, (provenance.created, provenance.device, provenance.precision)))),
        *[("Check", sentence) for sentence in check_sentences(cache)],
        *[("Note", notice.text) for notice in list_notices(cache, findings)],
    ]
    return _table(rows)


def _overall_table(findings: Findings) -> str:
    overall = findings.overall
    shares = (
        ("Accuracy", overall.top1),
        ("Top-5 accuracy", overall.top5),
        ("Balanced accuracy", overall.balanced_accuracy),
        ("Macro precision", overall.macro_precision),
        ("Macro recall", overall.macro_recall),
        ("Macro F1", overall.macro_f1),
    )
    numbers = (
        ("Matthews correlation", overall.matthews),
        ("Log-loss", overall.log_loss),
        ("Brier score", overall.brier),
    )
    return _table(
        [
            *[(name, percent_text(value.value), f"({percent_interval_text(value)})") for name, value in shares],
            *[(name, number_text(value.value), f"({number_interval_text(value)})") for name, value in numbers],
        ]
    )


def _calibration_table(findings: Findings) -> str:
    calibration, confidence = findings.calibration, findings.overall.mean_confidence
    gap = calibration.gap
    rows = [
        ("Mean confidence", percent_text(confidence.value), f"({percent_interval_text(confidence)})"),
        ("Mean confidence − accuracy", points_text(gap.value), f"({points_interval_text(gap)})"),
        ("Expected calibration error", *_error_cells(calibration.error)),
        ("Adaptive calibration error", *_error_cells(calibration.adaptive_error)),
        (
            f"High-confidence errors (≥ {percent_text(HIGH_CONFIDENCE, digits=0)})",
            count_text(findings.num_confident_errors),
            "",
        ),
    ]
    scaling = calibration.temperature
    if scaling is not None and findings.suggested_order is None:
        rows.append(
            (f"Expected calibration error, T = {number_text(scaling.temperature, digits=2)}", *_scaled_cells(scaling))
        )
    return _table(rows)


def _error_cells(error: CalibrationError) -> tuple[str, str]:
    return percent_text(error.value), f"(calibrated model: up to {percent_text(error.null_high)})"


def _scaled_cells(scaling: TemperatureScaling) -> tuple[str, str]:
    before = percent_text(scaling.before.value)
    return percent_text(scaling.after.value), f"(held-out half; {before} without scaling)"


def _class_sections(cache: EvaluationCache, findings: Findings) -> list[str]:
    """The weakest and the strongest classes, or all of them where they are few."""
    weakest = _weakest_first(findings)
    strongest = sorted(weakest, key=lambda metrics: (-metrics.recall.value, metrics.class_index))
    if len(weakest) <= 2 * _NUM_LISTED:
        parts = [("Classes by recall, lowest first", weakest)]
    else:
        shown = f"({_NUM_LISTED} of {count_text(len(weakest))})"
        parts = [
            (f"Classes with the lowest recall {shown}", weakest[:_NUM_LISTED]),
            (f"Classes with the highest recall {shown}", strongest[:_NUM_LISTED]),
        ]
    return [
        section
        for title, classes in parts
        for section in (_title(title), _table([_class_cells(cache, metrics) for metrics in classes]))
    ]


def _weakest_first(findings: Findings) -> list[ClassMetrics]:
    """The classes with images, by ascending recall; ties by index."""
    measured = [metrics for metrics in findings.classes if metrics.recall.total]
    return sorted(measured, key=lambda metrics: (metrics.recall.value, metrics.class_index))


def _class_cells(cache: EvaluationCache, metrics: ClassMetrics) -> tuple[str, ...]:
    recall, counts = metrics.recall, metrics.mistaken_for
    instead = (
        f"most often predicted as {cache.shown_names[counts[0].class_index]} ({counts[0].count})" if counts else ""
    )
    return (
        cache.shown_names[metrics.class_index],
        percent_text(recall.value),
        f"({percent_interval_text(recall)})",
        f"{count_text(recall.count)} of {count_text(recall.total)}",
        instead,
    )


def _pair_table(cache: EvaluationCache, findings: Findings) -> str:
    if not findings.pairs:
        return "The model makes no errors on this test set."
    return _table(
        [
            (
                f"{cache.shown_names[pair.true_index]} → {cache.shown_names[pair.predicted_index]}",
                percent_text(pair.share.value),
                f"({percent_interval_text(pair.share)})",
                f"{count_text(pair.share.count)} of {count_text(pair.share.total)}",
                f"reverse {count_text(pair.reverse.count)} of {count_text(pair.reverse.total)}",
            )
            for pair in findings.pairs
        ]
    )


def _superclass_section(findings: Findings) -> list[str]:
    found = findings.superclasses
    if found is None:
        return []
    rows = [
        ("Superclass accuracy", percent_text(found.accuracy.value), f"({percent_interval_text(found.accuracy)})"),
        ("Errors within the superclass", percent_text(found.inside.value), f"({percent_interval_text(found.inside)})"),
        ("Expected by chance", percent_text(found.chance), ""),
    ]
    return [_title("Superclasses"), _table(rows)]


def _slice_sections(findings: Findings) -> list[str]:
    """Accuracy by each metadata column, lowest first."""
    return [
        section
        for column in findings.slices
        for section in (
            _title(f"Accuracy by {column.name}"),
            _table(
                [
                    (
                        value_text(found.value),
                        percent_text(found.accuracy.value),
                        f"({percent_interval_text(found.accuracy)})",
                        f"{count_text(found.accuracy.count)} of {count_text(found.accuracy.total)}",
                    )
                    for found in column.slices
                ]
            ),
        )
    ]


def _title(text: str, underline: str = "-") -> str:
    lines = textwrap.wrap(text, _TEXT_WIDTH)
    return "\n".join([*lines, underline * max(map(len, lines))])


def _wrapped(text: str, *, mark: str = "", indent: str = "") -> str:
    """The text wrapped at `_TEXT_WIDTH`, with `mark` before the first line and the others indented."""
    return textwrap.fill(
        text,
        _TEXT_WIDTH,
        initial_indent=mark or indent,
        subsequent_indent=" " * len(mark) or indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: the first to the left; the second to the right where there are more than two."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == 1 and len(row) > 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
