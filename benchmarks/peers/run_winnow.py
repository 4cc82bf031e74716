"""Winnow's own strategies, called as any library would call them."""

from __future__ import annotations

from typing import Any

import numpy as np

from alcore.scoring import best_first
from alcore.strategies import bayesian, clusters, coldstart, diversity, gradients, joint, uncertainty
from benchmarks.peers.measuring import Arrays, Prepare, Select, main

DROPPED, PASSES = 0.75, 3


def by_score(function: Any, name: str) -> Prepare:
    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        values = arrays[name]

        def select() -> Any:
            scores = function(values)
            return best_first(scores, np.arange(len(scores)), batch, np.random.default_rng(seed))[:batch]

        return select

    return prepare


def k_center(arrays: Arrays, batch: int, seed: int) -> Select:
    rows, known = arrays["features"], arrays["labeled"]
    return lambda: diversity.k_center(rows, batch, labeled=known, rng=np.random.default_rng(seed))


def badge(arrays: Arrays, batch: int, seed: int) -> Select:
    rows, probs = arrays["features"], arrays["probs"]
    return lambda: gradients.badge(rows, probs, batch, rng=np.random.default_rng(seed))


def typiclust(arrays: Arrays, batch: int, seed: int) -> Select:
    rows, known = arrays["features"], arrays["labeled"]
    return lambda: coldstart.typiclust(rows, batch, labeled=known, rng=np.random.default_rng(seed))


def max_herding(arrays: Arrays, batch: int, seed: int) -> Select:
    """As the first batch of a project takes it."""
    rows = arrays["features"]
    return lambda: coldstart.max_herding(rows, batch, rng=np.random.default_rng(seed))


def max_herding_later(arrays: Arrays, batch: int, seed: int) -> Select:
    """As the catalog's strategy takes it in later rounds: few candidates by chance, wide ones a part of the pool."""
    rows = arrays["features"]

    def select() -> Any:
        rng = np.random.default_rng(seed)
        alike, ranked = np.ones(len(rows), dtype=np.float32), rng.permutation(len(rows))
        return diversity.uncertainty_herding(rows, alike, ranked, rows[:0], batch=batch, rng=rng)

    return select


def drop_query(arrays: Arrays, batch: int, seed: int) -> Select:
    """Dropping features and predicting anew is part of it, as it is of scikit-activeml's."""
    rows, weight, bias = arrays["features"], arrays["weight"], arrays["bias"]

    def select() -> Any:
        rng = np.random.default_rng(seed)
        logits = [
            np.where(rng.random(rows.shape, dtype=np.float32) < DROPPED, 0, rows) @ weight + bias for _ in range(PASSES)
        ]
        chances = np.exp(np.stack(logits, axis=2) - np.max(logits, axis=(0, 2))[:, None, None])
        draws = (chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)
        return clusters.drop_query(draws, rows, batch, rng=rng)

    return select


def batch_bald(arrays: Arrays, batch: int, seed: int) -> Select:
    draws = arrays["draws"]
    return lambda: joint.batch_bald(draws, batch, rng=np.random.default_rng(seed)).items


STRATEGIES: dict[str, Prepare] = {
    "margin": by_score(uncertainty.margin, "probs"),
    "least_confidence": by_score(uncertainty.least_confidence, "probs"),
    "entropy": by_score(uncertainty.entropy, "probs"),
    "bald": by_score(bayesian.bald, "draws"),
    "disagreement": by_score(bayesian.disagreement, "members"),
    "k_center": k_center,
    "badge": badge,
    "typiclust": typiclust,
    "drop_query": drop_query,
    "max_herding": max_herding,
    "max_herding_later": max_herding_later,
    "batch_bald": batch_bald,
}

if __name__ == "__main__":
    main(STRATEGIES)
