"""A batch that is worth asking together: high scores, spread over the pool."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite, require_shape
from alcore.protocols import Floats, Ints, Rows
from alcore.strategies.geometry import around_the_mean, draw_by, largest, nearest, require_batch, squared_norms

TARGETS = 1500  # items to be covered, drawn from the pool: cost and memory do not grow with it
CANDIDATES = 600  # the best by score; ten for every place of the batch where that is more
MOST_CANDIDATES = 10_000  # 60 MB of distances to the targets; more only where the batch is larger
LABELED_AT_ONCE = 4096
BANDWIDTH = 0.3  # of the median squared distance; 0.3 and 1 were alike, 0.1 worse, on digits and questions (TREC)


def uncertainty_herding(
    features: Rows, scores: Floats, ranked: Ints, labeled: Floats, *, batch: int, rng: np.random.Generator
) -> Ints:
    """Choose items so that what scores high has a chosen or labeled item nearby; (batch,) indices, best first.

    Greedy maximum of coverage under a Gaussian kernel, each item weighted by its score. Taking the highest scores alone
    fills a batch with near copies of one doubt, which is often worse than asking at random. The order is nested: the
    first half of a batch is what a batch of half the size would have been.

    Args:
        features: (items, D), may be memory-mapped. scores: (items,), not negative. ranked: (candidates,) indices of
        items that may be chosen, best score first. labeled: (n, D), which cover their surroundings already.
        batch: at most as many come back as there are candidates.

    Raises ValueError on unequal lengths, negative scores, NaN or infinity. Source: Bae, Oliveira & Sutherland (2025),
    without their adaptation of temperature and radius.
    """
    require_shape("scores", scores, (len(features),))
    require_finite("scores", scores[ranked])
    if len(ranked) and scores[ranked].min() < 0:
        raise ValueError(f"scores must not be negative; the lowest is {scores[ranked].min()}.")
    candidates = ranked[: max(CANDIDATES, batch, min(10 * batch, MOST_CANDIDATES))]
    targets = np.sort(rng.permutation(ranked)[:TARGETS])
    points, chances = (np.asarray(features[rows], dtype=np.float32) for rows in (targets, candidates))
    distances = squared_distances(points, chances)
    width = _bandwidth(distances)
    covered = np.exp(-_to_nearest(points, labeled) / width)
    return candidates[_cover(np.exp(-distances / width), scores[targets], covered, min(batch, len(candidates)))]


def k_center(features: Floats, batch: int, *, labeled: Floats, rng: np.random.Generator) -> Ints:
    """Choose the item farthest from all labeled and chosen ones, time and again; (batch,) indices in greedy order.

    No item of the pool is then far from an asked one. It seeks outliers and does not look at the model. The order is
    nested. Without any labeled item the first is drawn at random.

    Args:
        features: (items, D), copied once. labeled: (n, D), maybe none. batch: at most all items come back. rng: draws
        the first and breaks ties.

    Raises ValueError on other shapes, NaN, infinity or a negative batch. Source: Sener & Savarese (2018).
    """
    require_batch(batch)
    points, known = around_the_mean(features, labeled)
    order = rng.permutation(len(points))
    return spread(points, known, batch, choose=lambda left, free: largest(left, free, order))


def kmeans_plus_plus(features: Floats, batch: int, *, labeled: Floats, rng: np.random.Generator) -> Ints:
    """Draw items by their squared distance to the nearest labeled or chosen one; (batch,) indices in the order drawn.

    Dense places are covered too, and outliers win less often than in `k_center`. Without any labeled item the first
    is drawn uniformly.

    Args:
        features: (items, D), copied once. labeled: (n, D), maybe none. batch: at most all items come back.

    Raises ValueError on other shapes, NaN, infinity or a negative batch. Source: Arthur & Vassilvitskii (2007).
    """
    require_batch(batch)
    points, known = around_the_mean(features, labeled)
    return spread(points, known, batch, choose=lambda left, free: draw_by(left, free, rng))


def spread(points: Floats, known: Floats, batch: int, *, choose: Callable[[Floats, NDArray[np.bool_]], int]) -> Ints:
    """Choose items in turn by their squared distance to the nearest known or chosen one; (batch,) indices.

    choose: takes these distances, (items,), infinite as long as there is nothing near to, and what is free.
    """
    left, _ = nearest(points, known)
    squares, free = squared_norms(points), np.ones(len(points), dtype=bool)
    chosen = np.empty(min(batch, len(points)), dtype=np.int64)
    for place in range(len(chosen)):
        item = choose(left, free)
        chosen[place], free[item] = item, False
        away = squares + squares[item] - 2 * (points @ points[item])
        left = np.minimum(left, np.maximum(away, 0))
    return chosen


def squared_distances(first: Floats, second: Floats) -> Floats:
    """(n, m) squared Euclidean distances between (n, D) and (m, D)."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2 * first @ second.T
    return np.asarray(np.maximum(squares, 0), dtype=np.float32)


def _bandwidth(distances: Floats) -> float:
    away = distances[distances > 0]
    return BANDWIDTH * float(np.median(away)) if away.size else 1.0


def _to_nearest(points: Floats, labeled: Floats) -> Floats:
    """(points,) squared distance to the nearest labeled item; infinite where there is none."""
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    for start in range(0, len(labeled), LABELED_AT_ONCE):
        some = np.asarray(labeled[start : start + LABELED_AT_ONCE], dtype=np.float32)
        nearest = np.minimum(nearest, squared_distances(points, some).min(axis=1))
    return nearest


def _cover(kernel: Floats, weights: Floats, covered: Floats, batch: int) -> Ints:
    """(batch,) columns of the kernel (targets, candidates), greedily; equal gains go to the earlier column.

    Lazily: a column gains less as others are chosen, so only those whose last gain is still the best are looked at
    again. Source: Minoux (1978).
    """
    columns = np.ascontiguousarray(kernel.T)
    waiting = [(-float(gain), place) for place, gain in enumerate(np.maximum(columns - covered, 0) @ weights)]
    heapify(waiting)
    chosen: list[int] = []
    while len(chosen) < batch:
        _, column = heappop(waiting)
        now = (-float(np.maximum(columns[column] - covered, 0) @ weights), column)
        if waiting and now > waiting[0]:
            heappush(waiting, now)
            continue
        chosen.append(column)
        covered = np.maximum(covered, columns[column])
    return np.array(chosen, dtype=np.int64)
