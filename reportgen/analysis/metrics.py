"""How good the model is, over all examples and class by class."""

from dataclasses import dataclass

from reportgen.analysis.intervals import Estimate, Proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class OverallMetrics:
    """The headline numbers. Names and definitions are scikit-learn's.

    Attributes:
        top1: examples whose predicted class is the true one.
        top5: examples whose true class is among the five largest logits (all K where K < 5).
        balanced_accuracy: mean recall over the classes with support.
        macro_precision: mean precision over all classes with support or predictions; an undefined precision counts as 0.
        macro_recall: mean recall over the same classes; an undefined recall counts as 0.
        macro_f1: mean F1 over the same classes.
        matthews: multi-class Matthews correlation (Gorodkin 2004).
        log_loss: mean log-loss in nats.
        brier: mean Brier score, in [0, 2].
        mean_confidence: mean confidence, in [0, 1].
        num_undefined_precision: number of classes that are never predicted.
        num_without_support: number of classes without a test example.
    """

    top1: Proportion
    top5: Proportion
    balanced_accuracy: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    macro_f1: Estimate
    matthews: Estimate
    log_loss: Estimate
    brier: Estimate
    mean_confidence: Estimate
    num_undefined_precision: int
    num_without_support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """A number of examples that involve another class."""

    class_index: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """One class.

    Attributes:
        class_index: index of the class.
        recall: its examples that are predicted as it, out of its support.
        precision: the same out of all examples predicted as it.
        f1: harmonic mean of both; the interval is that of the Jaccard index J = TP / (TP + FP + FN), F1 = 2J / (1 + J).
        mean_confidence: mean confidence over its examples.
        mean_confidence_right: the same over those predicted right.
        mean_confidence_wrong: the same over those predicted wrong.
        recall_rank: 1 for the highest recall; equal recalls share the lowest rank; 0 where the class has no support.
        num_confident_errors: its mistakes with a confidence of at least `HIGH_CONFIDENCE`.
        mistaken_for: what its examples are mistaken for: predicted class and count, falling, ties by index.
        mistaken_by: whose examples are mistaken for it: true class and count, falling, ties by index.
    """

    class_index: int
    recall: Proportion
    precision: Proportion
    f1: Estimate
    mean_confidence: Estimate
    mean_confidence_right: Estimate
    mean_confidence_wrong: Estimate
    recall_rank: int
    num_confident_errors: int
    mistaken_for: tuple[ClassCount, ...]
    mistaken_by: tuple[ClassCount, ...]
