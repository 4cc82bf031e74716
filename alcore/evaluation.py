"""Metrics with intervals: what may be said of a model, and how surely."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from alcore.checking import require_finite, require_shape
from alcore.intervals import wilson
from alcore.protocols import Floats, Ints

ENOUGH_TO_SAY = 30  # answers below which no accuracy is told


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


@dataclass(frozen=True)
class DrawnEstimate:
    """A share over a whole pool, told by what was drawn from it. low, high: 95 % interval. drawn: how many draws."""

    drawn: int
    share: float
    low: float
    high: float

    @property
    def enough(self) -> bool:
        """Whether there are enough draws to say anything."""
        return self.drawn >= ENOUGH_TO_SAY


def audit_estimate(predictions: Ints, answers: Ints) -> AuditEstimate:
    """Compare predictions with people's answers: both (answered,). Raises ValueError on unequal lengths."""
    require_shape("predictions", predictions, answers.shape)
    correct, answered = int((predictions == answers).sum()), len(answers)
    low, high = wilson(correct, answered)
    return AuditEstimate(correct, answered, correct / answered if answered else 0.0, low, high)


def lure_weights(probabilities: Floats, pool: int) -> Floats:
    """What each item taken from a pool weighs, (taken,), so that the mean of weight times loss is the pool's mean loss.

    Unbiased whatever the probabilities, for losses in which the draws have no say: of a model from elsewhere, say. Draw
    m, among the N_m items that are left, tells the sum over the pool as what is known already plus loss / probability;
    the weights are those of a mean of these sums by 1 / (N_m (N_m - 1)). Where every item was drawn this is LURE,
    v_m = 1 + (N - M) / (N - m) * (1 / ((N - m + 1) q_m) - 1), and with equal chances every weight is 1. An item taken
    without a draw, as a strategy takes them, is known from then on.

    Not for the model that these labels train, not even out of fold: a strategy that saw the draws keeps away from them,
    so the members know less beside a drawn item than elsewhere (`benchmarks.draws`: 3.5 points too low with margin).

    Args:
        probabilities: (taken,), in the order taken: of each draw among all that was left at its step, above 0; NaN
        where an item was taken without a draw. pool: N, the items there were before the first was taken.

    Raises ValueError on probabilities outside (0, 1], more items than the pool has, or a pool without a draw.
    Source: Farquhar, Gal & Rainforth (2021); Kossen, Farquhar, Gal & Rainforth (2021). Items taken without a draw are
    our addition.
    """
    share, parts = _draws(probabilities, pool)
    later = np.concatenate([np.cumsum(share[::-1])[::-1][1:], [0.0]])
    return np.asarray(len(share) * (parts + later / pool))


def lure_estimate(losses: Floats, probabilities: Floats, pool: int) -> DrawnEstimate:
    """The pool's mean loss with its interval, from items taken one after another; see `lure_weights` for what model.

    The interval is Wilson's for what the draws tell, at as many draws as equal weights would have been worth
    (Kish 1965); what was taken without a draw is known and adds nothing to it.

    Args:
        losses: (taken,), in [0, 1]; being right, 0 or 1, does as well.
        probabilities, pool: as for `lure_weights`, which says what is refused; losses outside [0, 1] are too.
    """
    require_shape("losses", losses, probabilities.shape)
    require_finite("losses", losses)
    if losses.size and not 0 <= losses.min() <= losses.max() <= 1:
        raise ValueError(f"losses must lie in [0, 1]; they span {losses.min()} to {losses.max()}.")
    _, parts = _draws(probabilities, pool)
    whole = float((lure_weights(probabilities, pool) * losses).mean())
    weight, told = float(parts.sum()), float((parts * losses).sum())
    worth = weight**2 / float(np.square(parts).sum())
    low, high = wilson(min(1.0, told / weight) * worth, worth)
    known = whole - told
    return DrawnEstimate(
        int((~np.isnan(probabilities)).sum()),
        *(min(1.0, max(0.0, s)) for s in (whole, known + weight * low, known + weight * high)),
    )


def _draws(probabilities: Floats, pool: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(taken,) each draw's share in the mean, and what its own loss weighs by itself; 0 where nothing was drawn."""
    drawn = ~np.isnan(probabilities)
    chances = probabilities[drawn]
    if probabilities.ndim != 1 or len(probabilities) > pool or not drawn.any():
        raise ValueError(f"Need a draw, and no more items than the pool's {pool}; found {probabilities.shape}.")
    if chances.min() <= 0 or chances.max() > 1:
        raise ValueError(f"probabilities must lie in (0, 1]; they span {chances.min()} to {chances.max()}.")
    left = pool - np.flatnonzero(drawn).astype(np.float64)
    # the last item of a pool leaves nothing unknown: its sum is exact, and only it counts
    rate = np.where(left == 1, 1.0, 0.0) if left[-1] == 1 else 1 / (left * (left - 1))
    share, parts = np.zeros(len(probabilities)), np.zeros(len(probabilities))
    share[drawn] = rate / rate.sum()
    parts[drawn] = share[drawn] / (chances * pool)
    return share, parts


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


def sign_test(first: NDArray[np.bool_], then: NDArray[np.bool_]) -> float:
    """One-sided p of so many fewer right than before by chance; 1 where the two differ on nothing.

    Args:
        first, then: (n,) whether each item was named rightly, by the one and by the other.
    """
    better, worse = int((then & ~first).sum()), int((first & ~then).sum())
    return float(stats.binom.cdf(better, better + worse, 0.5)) if better + worse else 1.0


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
