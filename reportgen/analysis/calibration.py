"""Is it sure when it shouldn't be: reliability, calibration error, and what one temperature would repair."""

from dataclasses import dataclass

from reportgen.analysis.intervals import Estimate, Proportion

NUM_BINS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """The examples whose confidence lies in (low, high]; the first bin includes 0.

    Attributes:
        low: lower edge.
        high: upper edge.
        accuracy: right answers out of the bin's examples.
        mean_confidence: their mean confidence; NaN in an empty bin.
    """

    low: float
    high: float
    accuracy: Proportion
    mean_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationError:
    """An expected calibration error (Guo et al. 2017) beside what chance alone would show.

    Attributes:
        value: sum over bins of their share of examples times |accuracy - mean confidence|.
        null_high: value that a perfectly calibrated model with these confidences exceeds in 5 % of test sets.
        n: number of examples.
    """

    value: float
    null_high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureScaling:
    """One temperature, fitted by log-loss on one half of the examples; its effect measured on the other half.

    Attributes:
        temperature: the logits' divisor; above 1 where the model is too sure of itself.
        num_fitted: examples it was fitted on.
        before: calibration error of the other half as it is.
        after: the same with the temperature applied.
        log_loss_before: mean log-loss of the other half as it is.
        log_loss_after: the same with the temperature applied.
        log_loss_change: mean paired difference, after - before.
    """

    temperature: float
    num_fitted: int
    before: CalibrationError
    after: CalibrationError
    log_loss_before: Estimate
    log_loss_after: Estimate
    log_loss_change: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How confidence and accuracy agree.

    Attributes:
        bins: the `NUM_BINS` equal-width bins of top-label confidence.
        error: expected calibration error over those bins.
        adaptive_error: the same over `NUM_BINS` bins of equal numbers of examples.
        gap: mean of confidence - correctness; positive where the model is too sure of itself.
        temperature: temperature scaling; `None` where a half holds fewer than 2 examples.
    """

    bins: tuple[ReliabilityBin, ...]
    error: CalibrationError
    adaptive_error: CalibrationError
    gap: Estimate
    temperature: TemperatureScaling | None
