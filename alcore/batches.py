"""Batch strategies: from a shortlist to what is worth asking together, all called alike by the catalog."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alcore.protocols import Floats, Ints
from alcore.selection import Pick
from alcore.strategies import clusters, coldstart, diversity, gradients, joint, stochastic

JOINT_DRAWS = 100
DROP_DRAWS = 3  # passes with features dropped (Gupte et al. 2024)
POWER = 4.0  # inside a shortlist; 1 is near to random there
MOST_CENTERS = 2_000  # of what is labeled, for strategies that keep away from it


@dataclass(frozen=True)
class Shortlist:
    """What a batch strategy may look at, best score first.

    items: (m,) indices into the pool. scores: (m,), not negative. features: (m, D). probs: (m, labels + 1), out of
    scope last. draws: count -> (m, labels + 1, count). known, known_probs: features (n, D), probs of labeled items.
    """

    items: Ints
    scores: Floats
    features: Floats
    probs: Floats
    draws: Callable[[int], Floats]
    known: Floats
    known_probs: Floats
    rng: np.random.Generator

    def pick(self, positions: Ints) -> Pick:
        """The items at these positions, in this order."""
        return Pick(self.items[positions])


def batch_bald(short: Shortlist, batch: int) -> Pick:
    """Greedy joint mutual information; see `alcore.strategies.joint`."""
    return short.pick(joint.batch_bald(short.draws(JOINT_DRAWS), batch, rng=short.rng).items)


def power(short: Shortlist, batch: int) -> Pick:
    """Drawn by score to the power of 4; see `alcore.strategies.stochastic`."""
    return _drawn(short, "power", POWER)


def softmax(short: Shortlist, batch: int) -> Pick:
    """Drawn by the exponential of the score; see `alcore.strategies.stochastic`."""
    return _drawn(short, "softmax", 1.0)


def softrank(short: Shortlist, batch: int) -> Pick:
    """Drawn by one over the rank; see `alcore.strategies.stochastic`."""
    return _drawn(short, "softrank", 1.0)


def badge(short: Shortlist, batch: int) -> Pick:
    """k-means++ on gradients; see `alcore.strategies.gradients`."""
    return short.pick(gradients.badge(short.features, short.probs, batch, rng=short.rng))


def lcmd(short: Shortlist, batch: int) -> Pick:
    """The farthest of the heaviest cluster, on gradients; see `alcore.strategies.gradients`."""
    known, probs = _some(short)
    return short.pick(
        gradients.lcmd(short.features, short.probs, batch, labeled_features=known, labeled_probs=probs, rng=short.rng)
    )


def cluster_margin(short: Shortlist, batch: int) -> Pick:
    """The best of every cluster in turn; see `alcore.strategies.clusters`."""
    return short.pick(clusters.cluster_margin(short.features, short.scores, batch, rng=short.rng))


def drop_query(short: Shortlist, batch: int) -> Pick:
    """Middles of clusters of items whose label flips; see `alcore.strategies.clusters`."""
    return short.pick(clusters.drop_query(short.draws(DROP_DRAWS), short.features, batch, rng=short.rng))


def k_center(short: Shortlist, batch: int) -> Pick:
    """Farthest first; see `alcore.strategies.diversity`."""
    return short.pick(diversity.k_center(short.features, batch, labeled=_some(short)[0], rng=short.rng))


def kmeans_plus_plus(short: Shortlist, batch: int) -> Pick:
    """Drawn by squared distance; see `alcore.strategies.diversity`."""
    return short.pick(diversity.kmeans_plus_plus(short.features, batch, labeled=_some(short)[0], rng=short.rng))


def typiclust(short: Shortlist, batch: int) -> Pick:
    """Typical items of clusters without labels; see `alcore.strategies.coldstart`."""
    return short.pick(coldstart.typiclust(short.features, batch, labeled=short.known, rng=short.rng))


def max_herding(short: Shortlist, batch: int) -> Pick:
    """Greedy coverage beside what is labeled; see `alcore.strategies.diversity`, with all items weighing alike."""
    alike, places = np.ones(len(short.items), dtype=np.float32), np.arange(len(short.items))
    cover = diversity.uncertainty_herding
    return short.pick(cover(short.features, alike, places, short.known, batch=batch, rng=short.rng))


def _drawn(short: Shortlist, kind: stochastic.Kind, beta: float) -> Pick:
    return Pick(short.items, stochastic.log_weights(short.scores, kind=kind, beta=beta, rng=short.rng))


def _some(short: Shortlist) -> tuple[Floats, Floats]:
    """Features and probs of at most 2,000 labeled items, drawn by the seed."""
    if len(short.known) <= MOST_CENTERS:
        return short.known, short.known_probs
    rows = np.sort(short.rng.permutation(len(short.known))[:MOST_CENTERS])
    return short.known[rows], short.known_probs[rows]
