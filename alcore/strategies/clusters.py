"""A batch that takes from every cluster of what is worth asking."""

import numpy as np
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from alcore.checking import require_finite, require_probs, require_shape
from alcore.protocols import Floats, Ints
from alcore.strategies.diversity import spread
from alcore.strategies.geometry import around_the_mean, draw_by, nearest, no_features, require_batch

LLOYD_STEPS = 15
PER_PLACE = 10  # items looked at, and items in a mean cluster, for each place of the batch (after Citovsky)
LINKED = 3_000  # items joined into a tree by average linkage, with 36 MB of distances; k-means past that
DROP_CANDIDATES = 25  # for each place of the batch (after Gupte)


def cluster_margin(features: Floats, scores: Floats, batch: int, *, rng: np.random.Generator) -> Ints:
    """Choose the highest scores in turn from every cluster, small clusters first; (batch,) indices in that order.

    Clusters are those of the ten best-scored items for each place of the batch, by average linkage. A round takes one
    from each cluster; the next round goes on with those that have any left.

    Args:
        features: (items, D). scores: (items,), finite; higher is more worth asking, margin in the paper. batch: at
        most all items come back. rng: breaks ties.

    Raises ValueError on other shapes, NaN, infinity or a negative batch. Source: Citovsky et al. (2021).
    """
    require_batch(batch)
    require_shape("scores", scores, (len(features),))
    require_finite("scores", scores)
    count = min(batch, len(features))
    shortlist = np.lexsort((rng.random(len(scores)), -scores))[: PER_PLACE * count]
    points, _ = around_the_mean(np.asarray(features[shortlist]), no_features(features))
    owner = _families(points, -(-len(points) // PER_PLACE), rng)
    return np.asarray(shortlist[_in_turn(owner)[:count]], dtype=np.int64)


def drop_query(draws: Floats, features: Floats, batch: int, *, rng: np.random.Generator) -> Ints:
    """Choose, in each of `batch` clusters of doubtful items, the one nearest the center; (batch,) indices.

    Doubtful is an item whose label differs from that of the mean prediction in more than half of the draws; where
    these are fewer than 25 for each place of the batch, those that differ less often join. Most doubtful first.

    Args:
        draws: (items, labels, draws), sums to 1 over labels. features: (items, D). batch: at most all items come back.

    Raises ValueError on other shapes, NaN, infinity or a negative batch. Source: Gupte et al. (2024).
    """
    require_batch(batch)
    require_probs("draws", draws, 3)
    require_shape("draws", draws, (len(features), *draws.shape[1:]))
    flips, lots = _flips(draws), rng.random(len(features), dtype=np.float32)
    count = min(batch, len(features))
    candidates = _doubtful(flips, draws.shape[2], DROP_CANDIDATES * count, lots)
    points, _ = around_the_mean(np.asarray(features[candidates]), no_features(features))
    chosen = candidates[_central(points, count, rng)]
    order = np.lexsort((lots[chosen], -flips[chosen]))
    spare = candidates[~np.isin(candidates, chosen)]  # for clusters that ended empty, as where features repeat
    return np.concatenate([chosen[order], spare])[:count].astype(np.int64)


def k_means(points: Floats, clusters: int, *, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """(n,) cluster of each point and (clusters, D) centers, by Lloyd's steps from k-means++ centers.

    Args:
        points: (n, D), finite. clusters: at most as many are made as there are points; some may end empty.

    Source: Lloyd (1982); Arthur & Vassilvitskii (2007).
    """
    if not len(points):
        return np.zeros(0, dtype=np.int64), points
    first = spread(points, points[:0], max(1, clusters), choose=lambda left, free: draw_by(left, free, rng))
    centers = points[first]
    _, owner = nearest(points, centers)
    for _ in range(LLOYD_STEPS):
        centers = _means(points, owner, centers)
        _, moved = nearest(points, centers)
        if np.array_equal(moved, owner):
            break
        owner = moved
    return owner, centers


def _means(points: Floats, owner: Ints, centers: Floats) -> Floats:
    """(clusters, D) means of the points of each; an empty one keeps its center."""
    shape = (len(centers), len(points))
    members = sparse.csr_matrix((np.ones(len(points), np.float32), (owner, np.arange(len(points)))), shape=shape)
    sizes = np.bincount(owner, minlength=len(centers))[:, None]
    return np.asarray(np.where(sizes > 0, (members @ points) / np.maximum(sizes, 1), centers), dtype=np.float32)


def _families(points: Floats, clusters: int, rng: np.random.Generator) -> Ints:
    """(n,) cluster of each point."""
    if len(points) < 2:
        return np.zeros(len(points), dtype=np.int64)
    if len(points) > LINKED:
        return k_means(points, clusters, rng=rng)[0]
    return np.asarray(fcluster(linkage(pdist(points), "average"), clusters, criterion="maxclust"), dtype=np.int64)


def _in_turn(owner: Ints) -> Ints:
    """Positions (n,), best first within a cluster, dealt out in rounds; in a round small clusters come first."""
    order = np.argsort(owner, kind="stable")
    _, starts, sizes = np.unique(owner[order], return_index=True, return_counts=True)
    turn, size = np.empty(len(owner), dtype=np.int64), np.empty(len(owner), dtype=np.int64)
    turn[order] = np.arange(len(owner)) - np.repeat(starts, sizes)
    size[order] = np.repeat(sizes, sizes)
    return np.lexsort((np.arange(len(owner)), size, turn))


def _flips(draws: Floats) -> Ints:
    """(items,) in how many draws the label is not that of the mean."""
    mean = draws.mean(axis=2, dtype=np.float64).argmax(axis=1)
    return np.asarray((draws.argmax(axis=1) != mean[:, None]).sum(axis=1))


def _doubtful(flips: Ints, draws: int, wanted: int, lots: Floats) -> Ints:
    """Items that flip in more than half of the draws, or the `wanted` that flip most; equals by `lots` (items,)."""
    count = max(wanted, int((2 * flips > draws).sum()))
    return np.asarray(np.lexsort((lots, -flips))[:count], dtype=np.int64)


def _central(points: Floats, clusters: int, rng: np.random.Generator) -> Ints:
    """The point nearest the center of each cluster, among its own."""
    owner, centers = k_means(points, clusters, rng=rng)
    away = ((points - centers[owner]) ** 2).sum(axis=1)
    order = np.lexsort((away, owner))
    _, firsts = np.unique(owner[order], return_index=True)
    return np.asarray(order[firsts])
