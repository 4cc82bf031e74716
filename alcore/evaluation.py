"""Metrics with intervals: what may be said of a model, and how surely."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from alcore.checking import require_finite, require_shape
from alcore.protocols import Floats, Ints

ENOUGH_TO_SAY = 30  # answers below which no accuracy is told
Z95 = 1.959963984540054


@dataclass(frozen=True)
class AuditEstimate:
    """Accuracy on items that were drawn at random and never trained. low, high: 95 % interval (Wilson)."""

    correct: int
    answered: int
    accuracy: float
    low: float
    high: float

    @property
    def enough(self) -> bool:
        """Whether there are enough answers to say anything."""
        return self.answered >= ENOUGH_TO_SAY


@dataclass(frozen=True)
class Difference:
    """A paired comparison over seeds. mean, low, high: of the differences, 95 % interval. p: paired t test."""

    mean: float
    low: float
    high: float
    p: float
    pairs: int


def wilson(correct: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share; (0, 1) without any observation. Source: Wilson (1927)."""
    if total == 0:
        return 0.0, 1.0
    share = correct / total
    center = (share + Z95**2 / (2 * total)) / (1 + Z95**2 / total)
    half = Z95 * np.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2)) / (1 + Z95**2 / total)
    return float(max(0.0, center - half)), float(min(1.0, center + half))


def audit_estimate(predictions: Ints, answers: Ints) -> AuditEstimate:
    """Compare predictions with people's answers: both (answered,). Raises ValueError on unequal lengths."""
    require_shape("predictions", predictions, answers.shape)
    correct, answered = int((predictions == answers).sum()), len(answers)
    low, high = wilson(correct, answered)
    return AuditEstimate(correct, answered, correct / answered if answered else 0.0, low, high)


def expected_calibration_error(probs: Floats, labels: Ints, *, bins: int = 15) -> float:
    """How far, in the mean over items, the probability of the predicted label is from how often it is right; in [0, 1].

    Args:
        probs: (items, classes), rows sum to 1, of items that the model has not seen. labels: (items,).
        bins: of equal width, by the probability of the predicted label.

    NaN without items. Raises ValueError on unequal lengths.
    Source: Naeini, Cooper & Hauskrecht (2015); Guo et al. (2017).
    """
    require_shape("labels", labels, (len(probs),))
    if not len(probs):
        return float("nan")
    sure, right = probs.max(axis=1).astype(np.float64), probs.argmax(axis=1) == labels
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=right - sure, minlength=bins)
    return float(np.abs(gaps).sum() / len(probs))


def area_under_curve(labels: Floats, accuracy: Floats) -> float:
    """Mean height of the learning curve over the labels spent, by trapezoids; in the unit of accuracy.

    Args:
        labels: (points,), rising. accuracy: (points,).

    Raises ValueError on unequal lengths, NaN, or labels that do not rise.
    """
    require_shape("accuracy", accuracy, labels.shape)
    require_finite("accuracy", accuracy)
    if len(labels) < 2:
        return float(accuracy[0]) if len(accuracy) else float("nan")
    if (np.diff(labels) <= 0).any():
        raise ValueError(f"labels must rise; they are {labels.tolist()}.")
    return float(np.trapezoid(accuracy, labels) / (labels[-1] - labels[0]))


def mean_interval(values: Floats) -> tuple[float, float, float]:
    """Mean, low and high of the 95 % t interval over seeds (values: (seeds,))."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def paired_difference(first: Floats, second: Floats) -> Difference:
    """first - second over the same seeds, both (seeds,), with the paired t interval and test."""
    require_shape("second", second, first.shape)
    change = first - second
    mean, low, high = mean_interval(change)
    spread = len(change) > 1 and float(np.ptp(change)) > 0
    p = float(stats.ttest_rel(first, second).pvalue) if spread else float("nan")
    return Difference(mean, low, high, p, len(change))


def labels_to_reach(labels: Floats, accuracy: Floats, target: float) -> float:
    """Labels at which the curve first reaches the target, between points by a line; NaN if it never does."""
    above = np.flatnonzero(accuracy >= target)
    if not len(above):
        return float("nan")
    first = int(above[0])
    if first == 0:
        return float(labels[0])
    span = accuracy[first] - accuracy[first - 1]
    part = (target - accuracy[first - 1]) / span if span > 0 else 1.0
    return float(labels[first - 1] + part * (labels[first] - labels[first - 1]))
