"""A batch spread over the gradients that its items would give the last layer.

The gradient of an item is the outer product of its error a, (labels,), and its features h, (D,). It is never made:
the product of two gradients is (a . a') (h . h').
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_probs, require_shape
from alcore.protocols import Floats, Ints
from alcore.strategies.geometry import (
    ENTRIES,
    draw_by,
    largest,
    no_features,
    on_one_scale,
    require_batch,
    squared_norms,
)

SAME = np.float32(1e-6)  # squared distance, as a share of both squared norms, that is rounding: the same gradient


@dataclass(frozen=True)
class _Gradients:
    """errors: (items, labels). features: (items, D). squares: (items,), squared norms of their outer products."""

    errors: Floats
    features: Floats
    squares: Floats

    def __len__(self) -> int:
        return len(self.squares)

    def squared_to(self, other: "_Gradients", rows: slice) -> Floats:
        """(items, rows) squared distances to some rows of the other."""
        products = self.errors @ other.errors[rows].T
        products *= self.features @ other.features[rows].T
        norms = self.squares[:, None] + other.squares[rows]
        away = norms - 2 * products
        away[away < SAME * norms] = 0
        return away


def badge(features: Floats, probs: Floats, batch: int, *, rng: np.random.Generator) -> Ints:
    """Choose items whose gradients are long and unlike each other; returns (batch,) indices in the order drawn.

    The gradient is that of the last layer if the likeliest label were true, so it is long where the model is unsure.
    The first is the longest; each next is drawn by its squared distance to the nearest chosen (k-means++).

    Args:
        features: (items, D), what the last layer sees: a shortlist, it is copied. probs: (items, labels), rows sum to
        1. batch: at most all items come back.

    Raises ValueError on other shapes, NaN, infinity or a negative batch. Source: Ash et al. (2020).
    """
    require_batch(batch)
    pool, _ = _gradients(features, probs, no_features(features), probs[:0])
    free, left = np.ones(len(pool), dtype=bool), np.full(len(pool), np.inf, dtype=np.float32)
    order = rng.permutation(len(pool))
    chosen = np.empty(min(batch, len(pool)), dtype=np.int64)
    for place in range(len(chosen)):
        item = draw_by(left, free, rng) if place else largest(pool.squares, free, order)
        chosen[place], free[item] = item, False
        left = np.minimum(left, pool.squared_to(pool, slice(item, item + 1))[:, 0])
    return chosen


def lcmd(
    features: Floats,
    probs: Floats,
    batch: int,
    *,
    labeled_features: Floats,
    labeled_probs: Floats,
    rng: np.random.Generator,
) -> Ints:
    """Choose, time and again, the farthest item of the heaviest cluster; returns (batch,) indices in greedy order.

    Labeled and chosen items are the centers, every item belongs to its nearest, and a cluster weighs the sum of its
    squared distances (LCMD-TP). Distances are those of `badge`, so the batch is unsure, diverse and representative.
    The order is nested. Without any labeled item the first is the one with the longest gradient.

    Args:
        features: (items, D). probs: (items, labels), rows sum to 1. labeled_features: (n, D). labeled_probs:
        (n, labels), as the model predicts them. batch: at most all items come back. rng: breaks ties.

    Raises ValueError on other shapes, NaN, infinity or a negative batch. Source: Holzmueller et al. (2023).
    """
    require_batch(batch)
    pool, known = _gradients(features, probs, labeled_features, labeled_probs)
    left, owner = _nearest(pool, known)
    free, order = np.ones(len(pool), dtype=bool), rng.permutation(len(pool))
    chosen = np.empty(min(batch, len(pool)), dtype=np.int64)
    for place in range(len(chosen)):
        item = _next(left, owner, free, order) if place or len(known) else largest(pool.squares, free, order)
        chosen[place], free[item] = item, False
        away = pool.squared_to(pool, slice(item, item + 1))[:, 0]
        closer = away < left
        closer[item] = True
        owner[closer] = len(known) + place
        left = np.minimum(left, away)
        left[item] = 0
    return chosen


def _gradients(features: Floats, probs: Floats, known: Floats, known_probs: Floats) -> tuple[_Gradients, _Gradients]:
    """The gradients of pool and labeled, features on one scale."""
    require_probs("probs", probs, 2)
    require_probs("labeled_probs", known_probs, 2)
    require_shape("probs", probs, (len(features), probs.shape[1]))
    require_shape("labeled_probs", known_probs, (len(known), probs.shape[1]))
    some, others = on_one_scale(features, known)
    return _gradient(some, probs), _gradient(others, known_probs)


def _gradient(features: Floats, probs: Floats) -> _Gradients:
    errors = np.array(probs, dtype=np.float32)
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    return _Gradients(errors, features, squared_norms(errors) * squared_norms(features))


def _nearest(pool: _Gradients, known: _Gradients) -> tuple[Floats, Ints]:
    """(items,) squared distance to the nearest labeled gradient and (items,) which; infinite and 0 without any."""
    left, owner = np.full(len(pool), np.inf, dtype=np.float32), np.zeros(len(pool), dtype=np.int64)
    columns = max(1, ENTRIES // max(1, len(pool)))
    for start in range(0, len(known), columns):
        away = pool.squared_to(known, slice(start, start + columns))
        closest = away.argmin(axis=1)
        squares = away[np.arange(len(pool)), closest]
        closer = squares < left
        owner[closer], left[closer] = start + closest[closer], squares[closer]
    return left, owner


def _next(left: Floats, owner: Ints, free: NDArray[np.bool_], order: Ints) -> int:
    """The farthest free item of the heaviest cluster; any free one where no cluster weighs anything."""
    weights = np.bincount(owner, weights=left)
    heaviest = int(weights.argmax())
    inside = free & (owner == heaviest)
    return largest(left, inside if weights[heaviest] > 0 else free, order)
