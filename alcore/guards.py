"""What keeps a strategy from spending labels badly; each guard is a function on arrays and goes with any strategy."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite, require_probs, require_shape
from alcore.protocols import Floats, Ints
from alcore.strategies.diversity import kmeans_plus_plus
from alcore.strategies.geometry import directions_of, no_features, require_batch

ROOM = 3  # batches that must fit into what is clipped: less is about what one batch would have asked
UNSURE_MEAN, STEADY = 0.25, 0.15  # below both, over the epochs, an item's label was never learned
CONFIDENT = 500  # items that tell which classes the model already knows (Lyu et al.)
TILT = 0.1  # weight of a class that the confident ones are of (Lyu et al.)
ROWS = 4_096  # items of a pool held at once
LEAST_SUBSET = 10_000  # items: scoring so many takes a fraction of a second


@dataclass(frozen=True)
class DataMap:
    """How an item's own label fared over the epochs. All arrays: (items,).

    confidence: mean of its probability. variability: standard deviation. unlearnable: both low, a collective outlier.
    """

    confidence: Floats
    variability: Floats
    unlearnable: NDArray[np.bool_]


def clip_most_uncertain(scores: Floats, *, share: float = 0.05, batch: int) -> Floats:
    """Put the highest scores of a pool last, as most of them cannot be learned; returns the new scores, (items,).

    At most that share is given the lowest score; of items equal at its edge all keep theirs. Nothing changes where
    the share holds less than three batches, for then it would be most of what is worth asking.

    Args:
        scores: (items,) of the whole pool, finite; higher is more worth asking. share: in [0, 1).

    Raises ValueError on another shape or share, NaN, infinity or a negative batch. Source: Gonsior et al. (2024).
    """
    require_batch(batch)
    _require_scores(scores)
    if not 0 <= share < 1:
        raise ValueError(f"share must lie in [0, 1); it is {share}.")
    most = int(share * len(scores))
    if most == 0 or most < ROOM * batch:
        return scores.copy()
    edge = np.partition(scores, len(scores) - most - 1)[len(scores) - most - 1]
    return np.where(scores > edge, scores.min(), scores)


def unlearnable(label_probs: Floats, *, mean_below: float = UNSURE_MEAN, deviation_below: float = STEADY) -> DataMap:
    """Map labeled items by how their label was learned: whose probability stayed low is a collective outlier.

    Args:
        label_probs: (epochs, items), the probability of each item's own label after each epoch, best out of fold.
        mean_below, deviation_below: an item under both is flagged.

    Raises ValueError on another shape, no epoch, NaN, infinity, or values outside [0, 1].
    Source: Swayamdipta et al. (2020); Karamcheti et al. (2021).
    """
    if label_probs.ndim != 2 or not len(label_probs):
        raise ValueError(f"label_probs must be (epochs, items), 1 epoch or more; its shape is {label_probs.shape}.")
    if label_probs.size:
        require_probs("label_probs", label_probs, 2)
    mean, deviation = label_probs.mean(axis=0, dtype=np.float64), label_probs.std(axis=0, dtype=np.float64)
    flags = (mean < mean_below) & (deviation < deviation_below)
    return DataMap(mean.astype(np.float32), deviation.astype(np.float32), flags)


def unlearnable_pool(features: Floats, labeled_features: Floats, labeled_flags: NDArray[np.bool_]) -> Floats:
    """The probability that each item of a pool is unlearnable, (items,); multiply scores by one minus it.

    By logistic regression on labeled features. Where all flags are alike there is nothing to tell apart: every item
    gets their share, 0 without any.

    Args:
        features: (items, D), may be memory-mapped. labeled_features: (n, D). labeled_flags: (n,), of `unlearnable`.

    Raises ValueError on other shapes, NaN or infinity. Source: after Karamcheti et al. (2021).
    """
    _require_pair(features, labeled_features)
    chance = unlearnable_chance(labeled_features, labeled_flags)
    chances = np.empty(len(features), dtype=np.float32)
    for start in range(0, len(features), ROWS):
        block = features[start : start + ROWS]
        require_finite("features", block)
        chances[start : start + ROWS] = chance(block)
    return chances


def unlearnable_chance(labeled_features: Floats, labeled_flags: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """What `unlearnable_pool` says of a block of a pool: (items, D) -> (items,). Arguments and errors as there."""
    from sklearn.linear_model import LogisticRegression

    require_finite("labeled_features", labeled_features)
    require_shape("labeled_flags", labeled_flags, (len(labeled_features),))
    if labeled_flags.all() or not labeled_flags.any():
        alike = bool(labeled_flags.any())
        return lambda block: np.full(len(block), alike, dtype=np.float32)
    scale = float(np.abs(labeled_features).max()) or 1.0
    model = LogisticRegression(max_iter=500).fit(labeled_features.astype(np.float64) / scale, labeled_flags)
    return lambda block: np.asarray(model.predict_proba(block.astype(np.float64) / scale)[:, 1], dtype=np.float32)


def balance_quotas(ranked: Ints, predicted: Ints, counts: Ints, batch: int) -> Ints:
    """Fill a batch class by class, the rarest first; returns (batch,) entries of `ranked`, first to ask first.

    Every place goes to the best-ranked candidate of the class with the fewest labels, picks so far counted as what
    they are predicted to be. A class without candidates left, as one that the model never predicts, is passed over
    for the next rarest: if it were waited for, nothing would be balanced.

    Args:
        ranked: (candidates,) items, best first. predicted: (candidates,) the label predicted for each of them.
        counts: (labels,) labels there are of each class. batch: at most all candidates come back.

    Raises ValueError on unequal lengths, labels outside counts or a negative batch.
    Source: after Bang, Ahn & Lee (2024), PCB, who draw within a class.
    """
    require_batch(batch)
    require_shape("predicted", predicted, ranked.shape)
    if len(predicted) and not 0 <= predicted.min() <= predicted.max() < len(counts):
        raise ValueError(f"predicted must lie in 0 to {len(counts) - 1}; it spans {predicted.min()}-{predicted.max()}.")
    queues = [np.flatnonzero(predicted == label).tolist()[::-1] for label in range(len(counts))]
    spent, places = counts.copy(), []
    for _ in range(min(batch, len(ranked))):
        rarest = min((spent[label], queue[-1], label) for label, queue in enumerate(queues) if queue)[2]
        places.append(queues[rarest].pop())
        spent[rarest] += 1
    return np.asarray(ranked[np.array(places, dtype=np.int64)])


def contrastive(probs: Floats, previous: Floats, *, alpha: float = 0.03) -> Floats:
    """Score items by how persistently they confuse the model, tilted to classes it is not sure of; in [0, 1].

    The margin of probs + alpha * (probs - previous), against the largest margin, weighs ten times as much as how
    often the item's label is found among the 500 surest. Higher is more worth asking.

    Args:
        probs, previous: (items, labels), of this round's and the last round's model for the same items; rows sum to 1.

    Raises ValueError on other or unequal shapes, NaN, infinity or values outside [0, 1].
    Source: Lyu et al. (2024), LFTL.
    """
    return persistent(*moved_margins(probs, previous, alpha=alpha))


def moved_margins(probs: Floats, previous: Floats, *, alpha: float = 0.03) -> tuple[Floats, Ints]:
    """The first half of `contrastive`, which may go chunk by chunk: margins and labels, (items,), of what has moved on.

    Arguments and errors as there.
    """
    require_probs("probs", probs, 2)
    require_probs("previous", previous, 2)
    require_shape("previous", previous, probs.shape)
    if probs.shape[1] == 1:  # a single label leaves nothing to be confused about
        return np.ones(len(probs), dtype=np.float32), np.zeros(len(probs), dtype=np.int64)
    moved = probs + alpha * (probs.astype(np.float64) - previous)
    best = np.partition(moved, -2, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0], dtype=np.float32), moved.argmax(axis=1)


def persistent(margins: Floats, labels: Ints) -> Floats:
    """The second half of `contrastive`, on the whole pool: its scores, (items,), from its margins and labels."""
    if not len(margins):
        return np.zeros(0, dtype=np.float32)
    surest = np.argsort(-margins, kind="stable")[:CONFIDENT]
    known = np.bincount(labels[surest], minlength=int(labels.max()) + 1)
    easy = margins / (margins.max() or 1.0) + TILT * known[labels] / known.max()
    return np.asarray(1 - easy / (1 + TILT), dtype=np.float32)


def per_cost(scores: Floats, costs: Floats, *, power: float = 1.0) -> Floats:
    """Scores per unit of cost, (items,): divided by (cost / median cost)**power.

    Args:
        scores: (items,), not negative. costs: (items,), of asking each, in any unit, more than 0. power: 0 ignores
        costs.

    Raises ValueError on unequal shapes, negative scores, costs not above 0, NaN or infinity.
    Source: Settles, Craven & Friedland (2008).
    """
    _require_scores(scores)
    require_shape("costs", costs, scores.shape)
    require_finite("costs", costs)
    if not len(scores):
        return scores.astype(np.float32)
    if scores.min() < 0 or costs.min() <= 0:
        raise ValueError(f"scores must be 0 or more and costs above; the lowest are {scores.min()}, {costs.min()}.")
    logs = np.log(costs.astype(np.float64))
    with np.errstate(over="ignore"):
        worth = scores * np.exp(-power * (logs - np.median(logs)))
    return np.asarray(np.minimum(worth, np.finfo(np.float32).max), dtype=np.float32)


def pool_subset(
    open_items: NDArray[np.bool_],
    *,
    batch: int,
    share_rule: int = 200,
    least: int = LEAST_SUBSET,
    rng: np.random.Generator,
) -> Ints:
    """Draw the part of a pool that a round looks at: 200 items for each place of the batch, in rising order.

    Such a part holds about nine tenths of what the whole pool has to gain; draw anew each round. It misses classes
    rarer than a hundredth: join it with `anchors`.

    Args:
        open_items: (items,), True where an item may be asked. share_rule: items per place. least: items at least.

    Raises ValueError on another shape or a negative number. Source: Atighehchian et al. (2020).
    """
    if open_items.ndim != 1 or min(batch, share_rule, least) < 0:
        raise ValueError(f"open_items must have 1 axis and numbers be 0 or more; found {open_items.shape}, {batch}.")
    pool = np.flatnonzero(open_items)
    size = max(share_rule * batch, least)
    return pool if size >= len(pool) else np.sort(rng.choice(pool, size, replace=False, shuffle=False))


def anchors(
    features: Floats,
    labeled: Floats,
    labels: Ints,
    *,
    per_class: int = 10,
    neighbors: int = 50,
    rng: np.random.Generator,
) -> Ints:
    """The neighborhood of every class, however rare, as a part of the pool to score: indices, most similar first.

    Anchors are drawn from each class's labeled items by k-means++; each brings its nearest items of the pool by
    cosine, which rank by their mean similarity to the anchors that brought them.

    Args:
        features: (items, D) of the pool, may be memory-mapped. labeled: (n, D). labels: (n,).
        per_class: anchors of a class. neighbors: items that one anchor brings.

    Raises ValueError on other shapes, negative numbers, NaN or infinity. Source: Lesci & Vlachos (2024).
    """
    _require_pair(features, labeled)
    require_shape("labels", labels, (len(labeled),))
    if min(per_class, neighbors) < 0:
        raise ValueError(f"per_class and neighbors must be 0 or more; they are {per_class}, {neighbors}.")
    chosen = [np.zeros(0, dtype=np.int64)]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        nothing = no_features(labeled)
        chosen.append(rows[kmeans_plus_plus(labeled[rows], per_class, labeled=nothing, rng=rng)])
    similarity, items = _most_similar(features, labeled[np.concatenate(chosen)], neighbors)
    found, where = np.unique(items, return_inverse=True)
    mean = np.bincount(where.ravel(), weights=similarity.ravel(), minlength=len(found)) / np.maximum(
        np.bincount(where.ravel(), minlength=len(found)), 1
    )
    return found[np.argsort(-mean, kind="stable")]


def _require_scores(scores: Floats) -> None:
    if scores.ndim != 1:
        raise ValueError(f"scores must have 1 axis; its shape is {scores.shape}.")
    require_finite("scores", scores)


def _require_pair(features: Floats, labeled: Floats) -> None:
    if features.ndim != 2 or labeled.ndim != 2 or features.shape[1] != labeled.shape[1]:
        raise ValueError(f"features and labeled must be (n, D) of one D; found {features.shape}, {labeled.shape}.")
    require_finite("labeled", labeled)


def _most_similar(features: Floats, queries: Floats, count: int) -> tuple[Floats, Ints]:
    """(queries, count) cosines and indices of the nearest items, in no order, a block of the pool at a time."""
    directions = directions_of(queries)
    best, items = np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    for start in range(0, len(features), ROWS):
        block = np.asarray(features[start : start + ROWS])
        require_finite("features", block)
        close = directions @ directions_of(block).T
        best = np.concatenate([best, close], axis=1)
        rows = np.arange(start, start + close.shape[1])
        items = np.concatenate([items, np.broadcast_to(rows, close.shape)], axis=1)
        keep = np.argpartition(-best, count - 1, axis=1)[:, :count] if count < best.shape[1] else slice(None)
        if not isinstance(keep, slice):
            best, items = np.take_along_axis(best, keep, axis=1), np.take_along_axis(items, keep, axis=1)
    return best, items
