"""How foreign an item is: by an ensemble that has learned what is out of scope, before that by how far it lies."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from alcore.checking import require_finite
from alcore.protocols import Floats, Ints
from alcore.scoring import Predicts
from alcore.strategies.geometry import directions_of

ENOUGH = 10  # labels out of scope, from which on a class of its own tells better than a distance
TOLD_OF_CLASS = 5  # labels in scope for each class, after which a class without any is not waited for
NEIGHBORS = 5
MOST_KNOWN = 2_000  # labeled items that distances are measured to: a product of 2 MB with 256 rows of a pool


@dataclass(frozen=True)
class Evened:
    """A trained model as scores see it where out of scope has been answered far more often than any class.

    What a model does not know looks to it like what it has seen most, so that classes without labels would pass for out
    of scope and not be asked. odds: what the odds of out of scope are multiplied by, in (0, 1].
    """

    model: Predicts
    odds: float

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, K + 1), as the model's, evened."""
        return even(self.model.member_probs(features), self.odds, axis=2)

    def predict_probs(self, features: Floats) -> Floats:
        """(items, K + 1), as the model's, evened."""
        return even(self.model.predict_probs(features), self.odds, axis=1)

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, K + 1, draws), as the model's, evened."""
        return even(self.model.draw_probs(features, draws=draws, seed=seed), self.odds, axis=1)


def evened(model: Predicts, labels: Ints, classes: int) -> Predicts:
    """The model as scores are to see it; the model itself while out of scope has fewer than ten labels.

    The odds of out of scope are multiplied by how many labels a class in scope has, over how many are out of scope,
    where those are more: by all of that while `hides_a_class`, by its root from then on. Both were chosen on the
    sets of `benchmarks.outliers --search`, between asking more outliers and learning classes later.

    Args:
        labels: (n,) that it was trained on, `classes` (K) for out of scope.

    Source: after Menon et al. (2021), logit adjustment.
    """
    counts = np.bincount(labels, minlength=classes + 1)
    inside, foreign = counts[:classes], int(counts[classes])
    if foreign < ENOUGH or not inside.any():
        return model
    odds = float(inside[inside > 0].mean() / foreign)
    if odds >= 1:
        return model
    return Evened(model, odds if hides_a_class(labels, classes) else float(np.sqrt(odds)))


def hides_a_class(labels: Ints, classes: int) -> bool:
    """Whether what passes for out of scope may be a class that has no label yet.

    So while a class has none, though no longer than until there are five labels in scope for each class: it may have no
    item at all. labels: (n,), `classes` (K) for out of scope.
    """
    inside = np.bincount(labels, minlength=classes + 1)[:classes]
    return bool((inside == 0).any() and inside.sum() < TOLD_OF_CLASS * classes)


def even(probs: Floats, odds: float, *, axis: int) -> Floats:
    """Probabilities with the odds of the last label along the axis multiplied; sums to 1 as before.

    Raises ValueError where odds are not above 0.
    """
    if not 0 < odds < np.inf:
        raise ValueError(f"odds must be above 0 and finite; they are {odds}.")
    scaled = np.moveaxis(probs.astype(np.float64), axis, -1)
    scaled[..., -1] *= odds
    scaled /= scaled.sum(axis=-1, keepdims=True)
    return np.asarray(np.moveaxis(scaled, -1, axis), dtype=np.float32)


def distance(known: Floats, *, neighbors: int = NEIGHBORS, seed: int = 0) -> Callable[[Floats], Floats]:
    """Measures how far rows lie from what is known to be in scope: (n, D) -> (n,), to the k-th nearest of them.

    Directions alone count: rows are brought to length 1 first. Of many known items a sample is taken by the seed.

    Args:
        known: (items, D), labeled items in scope, at least one. neighbors: k; the farthest where there are fewer.

    Raises ValueError on another shape, NaN or infinity. Source: Sun, Ming, Zhu & Li (2022), deep nearest neighbours.
    """
    if known.ndim != 2 or not len(known) or neighbors < 1:
        raise ValueError(f"known must be (items, D), one item or more, and neighbors 1 or more; found {known.shape}.")
    require_finite("known", known)
    if len(known) > MOST_KNOWN:
        known = known[np.sort(np.random.default_rng([seed, 15]).permutation(len(known))[:MOST_KNOWN])]
    directions, place = directions_of(known), min(neighbors, len(known)) - 1

    def measured(rows: Floats) -> Floats:
        squares = np.maximum(2 - 2 * (directions_of(rows) @ directions.T), 0)
        return np.asarray(np.sqrt(np.partition(squares, place, axis=1)[:, place]), dtype=np.float32)

    return measured


def in_scope_by_distance(distances: Floats, outliers: int, labels: int) -> Floats:
    """The probability that items are in scope, by how far each lies, while outliers are few; (items,).

    The share of outliers among the labels is dealt out to the pool by rank: the farthest item gets twice that share,
    the median item just it, the nearest none. Only ranks count, so no scale has to be known and no item far from all
    others decides for them.

    Args:
        distances: (items,) of the whole pool. outliers, labels: how many labels are out of scope, and how many in all.

    Raises ValueError on NaN or infinity, or where outliers are more than labels.
    """
    require_finite("distances", distances)
    if not 0 <= outliers <= labels:
        raise ValueError(f"outliers must be 0 to the number of labels, {labels}; they are {outliers}.")
    if not len(distances) or not outliers:
        return np.ones(len(distances), dtype=np.float32)
    rank = (rankdata(distances) - 0.5) / len(distances)
    return np.asarray(1 - np.minimum(1, 2 * rank * outliers / labels), dtype=np.float32)
