"""The first batch, when there is no label and so no model: cover the pool."""

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite
from alcore.protocols import Floats, Ints
from alcore.strategies.clusters import k_means
from alcore.strategies.geometry import around_the_mean, require_batch, squared_norms

MOST = 3000  # candidates and targets looked at: the kernel between them is the largest array made (36 MB)
TYPICAL_MOST = 10_000  # items clustered by typiclust, and as many labeled ones at most
MOST_CLUSTERS = 500
NEIGHBORS = 20
SMALL = 5  # a cluster of so many or fewer is noise while there are others
BLOCK = 4_000_000  # distances held at once: 16 MB


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


def typiclust(features: Floats, batch: int, *, labeled: Floats, rng: np.random.Generator) -> Ints:
    """Choose the most typical item of every cluster without labels; returns (batch,) indices, best first.

    Typical is what lies close to its neighbors: one over the mean distance to the nearest 20 of its cluster, or half
    of the cluster where that is less, labeled ones included. There are as many clusters as there will be labels, 500
    at most; those with fewest labels come first, then the largest. Looks at a sample of at most 10,000 items.

    Args:
        features: (items, D), may be memory-mapped. labeled: (n, D), maybe none. batch: at most as many are returned
        as there are items in the sample. rng: draws samples and the first centers, and breaks ties.

    Raises ValueError on other shapes, NaN, infinity or a negative batch. Source: Hacohen, Dekel & Weinshall (2022).
    """
    require_batch(batch)
    sample, known = (rng.permutation(len(rows))[:TYPICAL_MOST] for rows in (features, labeled))
    points, others = around_the_mean(np.asarray(features[sample]), np.asarray(labeled[known]))
    count = min(batch, len(points))
    both = np.concatenate([points, others])
    owner, _ = k_means(both, min(len(labeled) + count, MOST_CLUSTERS), rng=rng)
    order = _cluster_order(owner, len(points))
    turns = [_by_typicality(both, owner == cluster, len(points)) for cluster in order[:count]]
    chosen = _dealt(turns, count)
    spare = rng.permutation(np.setdiff1d(np.arange(len(points)), chosen))  # when clusters were left out as noise
    return np.asarray(sample[np.concatenate([chosen, spare])[:count].astype(np.int64)], dtype=np.int64)


def _cluster_order(owner: Ints, items: int) -> Ints:
    """Clusters with an item in them: fewest labels first, then largest; small ones only where there are no others."""
    clusters, sizes = np.unique(owner, return_counts=True)
    own = np.array([(owner[:items] == cluster).sum() for cluster in clusters], dtype=np.int64)
    useful = (own > 0) & (sizes > SMALL)
    useful = useful if useful.any() else own > 0
    order = np.lexsort((-sizes, sizes - own))
    return np.asarray(clusters[order[useful[order]]])


def _by_typicality(points: Floats, inside: NDArray[np.bool_], items: int) -> Ints:
    """The cluster's items (indices below `items`), most typical first; of equals the first."""
    members = np.flatnonzero(inside)
    cluster = points[members]
    neighbors = max(1, min(NEIGHBORS, len(members) // 2))
    candidates = int(np.searchsorted(members, items))
    apart = np.empty(candidates, dtype=np.float32)
    norms, rows = squared_norms(cluster), max(1, BLOCK // len(members))
    for start in range(0, candidates, rows):
        block = slice(start, min(start + rows, candidates))
        squares = norms[block, None] + norms - 2 * cluster[block] @ cluster.T
        squares[np.arange(len(squares)), np.arange(start, start + len(squares))] = np.inf
        apart[block] = _mean_of_least(squares, neighbors)
    return np.asarray(members[np.argsort(apart, kind="stable")])


def _mean_of_least(squares: Floats, count: int) -> Floats:
    """(rows,) mean distance to the `count` nearest; a row's own entry is infinite."""
    if squares.shape[1] < 2:
        return np.zeros(len(squares), dtype=np.float32)
    least = np.partition(squares, count - 1, axis=1)[:, :count]
    return np.asarray(np.sqrt(np.maximum(least, 0)).mean(axis=1), dtype=np.float32)


def _dealt(turns: list[Ints], count: int) -> Ints:
    """The first of every list, then the second of every list, and so on; `count` of them where there are as many."""
    depth = max((len(turn) for turn in turns), default=0)
    rounds = (turn[place] for place in range(depth) for turn in turns if place < len(turn))
    return np.fromiter((int(item) for item, _ in zip(rounds, range(count), strict=False)), dtype=np.int64)


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
