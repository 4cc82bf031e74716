"""small-text's query strategies, with a classifier that knows its answers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import small_text  # type: ignore[import-not-found]
from small_text.integrations.pytorch.query_strategies.strategies import BADGE  # type: ignore[import-not-found]

from benchmarks.peers.measuring import Arrays, Prepare, Select, main


class Known:
    """Stands in for a trained classifier. answers: of all items that may be asked."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers

    def predict_proba(self, _dataset: Any, **_options: Any) -> Any:
        return self.answers


def by_confidence(make: Any) -> Prepare:
    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        known, items, none = Known(arrays["probs"]), np.arange(len(arrays["probs"])), np.arange(0)
        return lambda: make().query(known, items, items, none, none, n=batch)

    return prepare


def bald(arrays: Arrays, batch: int, seed: int) -> Select:
    draws = np.ascontiguousarray(np.swapaxes(arrays["draws"], 1, 2))
    known, items, none = Known(draws), np.arange(len(draws)), np.arange(0)
    strategy = small_text.BALD(dropout_samples=draws.shape[1])
    return lambda: strategy.query(known, items, items, none, none, n=batch)


def k_center(arrays: Arrays, batch: int, seed: int) -> Select:
    """Without the normalising that is its default, so that distances are those of the others."""
    strategy = small_text.GreedyCoreset(distance_metric="euclidean", normalize=False)
    return on_embeddings(strategy, arrays, batch)


def badge(arrays: Arrays, batch: int, seed: int) -> Select:
    return on_embeddings(BADGE(num_classes=arrays["probs"].shape[1]), arrays, batch)


def on_embeddings(strategy: Any, arrays: Arrays, batch: int) -> Select:
    count = len(arrays["features"])
    both = np.concatenate([arrays["features"], arrays["labeled"]])
    items, known, labels = np.arange(len(both)), Known(arrays["probs"]), arrays["labels"]
    return lambda: strategy.query(known, items, items[:count], items[count:], labels, n=batch, embeddings=both)


STRATEGIES: dict[str, Prepare] = {
    "margin": by_confidence(small_text.BreakingTies),
    "least_confidence": by_confidence(small_text.LeastConfidence),
    "entropy": by_confidence(small_text.PredictionEntropy),
    "bald": bald,
    "k_center": k_center,
    "badge": badge,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(STRATEGIES)
