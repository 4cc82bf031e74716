"""What strategies over features share: one scale, distances in blocks, and draws by weight."""

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite
from alcore.protocols import Floats, Ints

ENTRIES = 4_000_000  # in the largest block made: 16 MB


def require_batch(batch: int) -> None:
    """Raises ValueError where a batch is negative."""
    if batch < 0:
        raise ValueError(f"batch must not be negative; it is {batch}.")


def no_features(features: Floats) -> Floats:
    """(0, D), as wide as the features: what is labeled where nothing is."""
    return np.zeros((0, features.shape[-1]), dtype=np.float32)


def on_one_scale(features: Floats, labeled: Floats) -> tuple[Floats, Floats]:
    """Both divided by the largest magnitude in either, in float32, so that no square overflows.

    Args:
        features: (items, D). labeled: (n, D).

    Raises ValueError on other shapes, unequal widths, NaN or infinity.
    """
    for name, array in (("features", features), ("labeled", labeled)):
        if array.ndim != 2:
            raise ValueError(f"{name} must have 2 axes; its shape is {array.shape}.")
        require_finite(name, array)
    if features.shape[1] != labeled.shape[1]:
        raise ValueError(f"labeled must be as wide as features, {features.shape}; its shape is {labeled.shape}.")
    largest = max(float(max(array.max(initial=0), -array.min(initial=0))) for array in (features, labeled))
    scale = largest or 1.0
    return np.asarray(features / scale, dtype=np.float32), np.asarray(labeled / scale, dtype=np.float32)


def around_the_mean(features: Floats, labeled: Floats) -> tuple[Floats, Floats]:
    """As `on_one_scale`, then the features' mean taken off both: distances stay and lose fewer digits."""
    points, known = on_one_scale(features, labeled)
    if not len(points):
        return points, known
    mean = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    return points - mean, known - mean


def squared_norms(points: Floats) -> Floats:
    """(n,) squared lengths of (n, D), without a copy of them."""
    return np.asarray(np.einsum("nd,nd->n", points, points), dtype=np.float32)


def nearest(points: Floats, centers: Floats) -> tuple[Floats, Ints]:
    """(n,) squared distance to the nearest center and (n,) which one; infinite and -1 where there is none."""
    squares, owner = np.full(len(points), np.inf, dtype=np.float32), np.full(len(points), -1, dtype=np.int64)
    if not len(centers):
        return squares, owner
    own, theirs = squared_norms(points), squared_norms(centers)
    rows = max(1, ENTRIES // len(centers))
    for start in range(0, len(points), rows):
        block = slice(start, start + rows)
        away = theirs - 2 * (points[block] @ centers.T)
        owner[block] = away.argmin(axis=1)
        squares[block] = np.maximum(own[block] + away.min(axis=1), 0)
    return squares, owner


def draw_by(weights: Floats, free: NDArray[np.bool_], rng: np.random.Generator) -> int:
    """One of the free items, by its weight; any of them alike where none weighs anything or some weigh infinitely."""
    chances = np.where(free, weights, 0).astype(np.float64)
    total = chances.sum()
    if not 0 < total < np.inf:
        return int(rng.choice(np.flatnonzero(free)))
    return int(rng.choice(len(chances), p=chances / total))


def largest(values: Floats, free: NDArray[np.bool_], order: Ints) -> int:
    """The free item with the largest value, not negative; of equals the first in `order` (items,)."""
    return int(order[np.argmax(np.where(free, values, -1)[order])])


def directions_of(points: Floats) -> Floats:
    """The rows at length 1, by 64 bits; those without a length stay 0."""
    wide = points.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(norms > 0, norms, 1), dtype=np.float32)
