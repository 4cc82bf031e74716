"""The first batch, when there is no label and so no model: cover the pool."""

import numpy as np

from alcore.checking import require_finite
from alcore.protocols import Floats, Ints

MOST = 3000  # candidates and targets looked at: the kernel between them is the largest array made (36 MB)


def max_herding(features: Floats, batch: int, *, rng: np.random.Generator) -> Ints:
    """Choose items so that every item of the pool has a chosen one nearby; returns (batch,) indices, best first.

    Greedy maximum of generalized coverage under a Gaussian kernel whose bandwidth is the median distance. Looks at a
    sample of at most 3,000 items, so its cost does not grow with the pool.

    Args:
        features: (items, D). batch: at most as many are returned as there are items.

    Raises ValueError on NaN or infinity. Source: Bae, Noh & Sutherland (2024).
    """
    require_finite("features", features)
    sample = rng.permutation(len(features))[:MOST] if len(features) > MOST else np.arange(len(features))
    kernel = _gaussian(np.asarray(features[np.sort(sample)], dtype=np.float32))
    return np.asarray(np.sort(sample)[_greedy_cover(kernel, min(batch, len(sample)))], dtype=np.int64)


def _gaussian(points: Floats) -> Floats:
    """(n, n) kernel values in (0, 1]."""
    norms = (points**2).sum(axis=1)
    squares = np.maximum(norms[:, None] + norms[None, :] - 2 * points @ points.T, 0)
    away = squares[squares > 0]
    bandwidth = np.median(away) if away.size else 1.0
    return np.asarray(np.exp(-squares / bandwidth), dtype=np.float32)


def _greedy_cover(kernel: Floats, batch: int) -> Ints:
    covered = np.zeros(len(kernel), dtype=np.float32)
    free = np.ones(len(kernel), dtype=bool)
    chosen = []
    for _ in range(batch):
        gain = np.maximum(kernel, covered[:, None]).sum(axis=0)
        best = int(np.argmax(np.where(free, gain, -np.inf)))
        chosen.append(best)
        free[best] = False
        covered = np.maximum(covered, kernel[:, best])
    return np.array(chosen, dtype=np.int64)
