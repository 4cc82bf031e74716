"""scikit-activeml's pool strategies, with a classifier that knows its answers.

Where a strategy looks at probabilities alone it is given a column of zeros for features, which is cheaper to check.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from skactiveml import pool  # type: ignore[import-not-found]
from skactiveml.base import SkactivemlClassifier  # type: ignore[import-not-found]

from benchmarks.peers.measuring import Arrays, Prepare, Select, main


class Known(SkactivemlClassifier):  # type: ignore[misc]
    """Stands in for a trained classifier. answers: of all items that may be asked."""

    def __init__(self, answers: Any, labels: int = 10) -> None:
        super().__init__(classes=list(range(labels)))
        self.classes_ = np.arange(labels)
        self.answers = answers

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return self

    def predict_proba(self, X: Any) -> Any:
        return self.answers

    def sampled(self, X: Any) -> Any:
        return self.answers


class Linear(Known):
    """A softmax layer's labels. answers: weight and bias."""

    def predict(self, X: Any) -> Any:
        weight, bias = self.answers
        return (X @ weight + bias).argmax(axis=1)


def by_probs(method: str) -> Prepare:
    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        known, (X, y) = Known(arrays["probs"]), nothing_but(len(arrays["probs"]))
        strategy = pool.UncertaintySampling(method=method, random_state=seed)
        return lambda: strategy.query(X, y, clf=known, fit_clf=False, batch_size=batch)

    return prepare


def by_samples(make: Any, samples: Any, **options: Any) -> Prepare:
    """samples: arrays -> (draws, items, labels)."""

    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        found = np.ascontiguousarray(samples(arrays))
        known, (X, y) = Known(found), nothing_but(found.shape[1])
        strategy = make(sample_predictions_method_name="sampled", random_state=seed, **options)
        return lambda: strategy.query(X, y, ensemble=known, fit_ensemble=False, batch_size=batch)

    return prepare


def nothing_but(count: int) -> tuple[Any, Any]:
    return np.zeros((count, 1), dtype=np.float32), np.full(count, np.nan)


def with_labeled(make: Any) -> Prepare:
    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        X = np.concatenate([arrays["features"], arrays["labeled"]])
        y = np.concatenate([np.full(len(arrays["features"]), np.nan), arrays["labels"]])
        strategy = make(random_state=seed)
        return lambda: strategy.query(X, y, batch_size=batch)

    return prepare


def max_herding(arrays: Arrays, batch: int, seed: int) -> Select:
    """With ours' kernel instead of its default, and nothing labeled."""
    X, gamma = arrays["features"], float(arrays["gamma"])
    y = np.full(len(X), np.nan)
    strategy = pool.MaxHerding(normalize_samples=False, metric_dict={"gamma": gamma}, random_state=seed)
    return lambda: strategy.query(X, y, batch_size=batch)


def badge(arrays: Arrays, batch: int, seed: int) -> Select:
    known, (X, y) = Known((arrays["probs"], arrays["features"])), nothing_but(len(arrays["features"]))
    strategy = pool.Badge(random_state=seed)
    return lambda: strategy.query(X, y, clf=known, fit_clf=False, batch_size=batch)


def drop_query(arrays: Arrays, batch: int, seed: int) -> Select:
    X = arrays["features"]
    y = np.full(len(X), np.nan)
    known, seeded = Linear((arrays["weight"], arrays["bias"])), {"random_state": seed}
    strategy = pool.DropQuery(n_dropout_samples=3, cluster_algo_dict=seeded, random_state=seed)
    return lambda: strategy.query(X, y, clf=known, fit_clf=False, batch_size=batch)


def draws(arrays: Arrays) -> Any:
    return np.moveaxis(arrays["draws"], 2, 0)


STRATEGIES: dict[str, Prepare] = {
    "margin": by_probs("margin_sampling"),
    "least_confidence": by_probs("least_confident"),
    "entropy": by_probs("entropy"),
    "bald": by_samples(pool.GreedyBALD, draws),
    "disagreement": by_samples(pool.QueryByCommittee, lambda arrays: arrays["members"], method="KL_divergence"),
    "batch_bald": by_samples(pool.BatchBALD, draws),
    "batch_bald_2000": by_samples(pool.BatchBALD, draws, n_MC_samples=2000),
    "k_center": with_labeled(pool.CoreSet),
    "badge": badge,
    "typiclust": with_labeled(pool.TypiClust),
    "drop_query": drop_query,
    "max_herding": max_herding,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(STRATEGIES)
