"""Scoring in chunks, the best first, BALD by cascade."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import scoring
from alcore.scoring import Scorer, best_first, rows_of
from models_zoo.heads import Ensemble
from tests.alcore.arrays import digits_round


def trained(seed: int = 0) -> tuple[np.ndarray, np.ndarray, Ensemble]:
    data, _ = digits_round(items=900, labeled=80, seed=seed)
    model = Ensemble()
    features = np.asarray(data.features)
    labeled = data.vote_item
    even = np.ones(len(labeled), dtype=np.float32)
    model.fit(features[labeled], data.vote_label, even, data.folds[labeled], classes=11, seed=seed)
    return features, np.flatnonzero(data.open), model


def scorer(features: np.ndarray, pool: np.ndarray, model: Ensemble, keep: int = 50) -> Scorer:
    return Scorer(features, pool, model, 3, keep, lambda step, share: None)


@pytest.mark.parametrize("key", ["margin", "disagreement", "bald", "epig"])
def test_chunks_change_nothing(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features, pool, model = trained()
    whole = scorer(features, pool, model).score(key)
    monkeypatch.setattr(scoring, "MOST_ROWS", 64)
    parts = scorer(features, pool, model).score(key)
    assert parts.scores == pytest.approx(whole.scores, abs=1e-5)
    assert len(set(parts.order[:50]) & set(whole.order[:50])) >= 48


def test_order_holds_the_whole_pool_once_with_the_best_in_front() -> None:
    features, pool, model = trained()
    scored = scorer(features, pool, model).score("entropy")
    assert sorted(scored.order) == pool.tolist()
    head = scored.scores[scored.order[:50]]
    assert (np.diff(head) <= 0).all()
    assert head[-1] >= scored.scores[scored.order[50:]].max()


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), max_size=40), st.integers(0, 45), st.integers(0, 3))
def test_best_first_is_exact(values: list[float], count: int, seed: int) -> None:
    scores = np.array(values, dtype=np.float32)
    items = np.arange(len(scores))
    order = best_first(scores, items, count, np.random.default_rng(seed))
    assert sorted(order) == items.tolist()
    assert scores[order[:count]].tolist() == sorted(values, reverse=True)[:count]


def test_equal_scores_come_in_random_order() -> None:
    orders = {tuple(best_first(np.ones(9), np.arange(9), 4, np.random.default_rng(s))[:4]) for s in range(40)}
    assert len(orders) > 30


def test_the_cascade_finds_what_many_draws_find(monkeypatch: pytest.MonkeyPatch) -> None:
    features, pool, model = trained()
    monkeypatch.setattr(scoring, "CASCADE", ((500, 10**9), (500, 10**6)))
    exact = scorer(features, pool, model).score("bald").order[:20]
    monkeypatch.setattr(scoring, "CASCADE", ((10, 10**9), (100, 200), (500, 60)))
    found = scorer(features, pool, model).score("bald").order[:20]
    assert len(set(found) & set(exact)) >= 18


def test_following_rows_are_read_as_a_slice() -> None:
    features = np.arange(40, dtype=np.float32).reshape(10, 4)
    assert rows_of(features, np.arange(3, 8)).base is not None
    assert rows_of(features, np.array([3, 5, 4])).tolist() == features[[3, 5, 4]].tolist()
    assert rows_of(features, np.array([3, 3, 5])).tolist() == features[[3, 3, 5]].tolist()
    assert len(rows_of(features, np.zeros(0, dtype=np.int64))) == 0


def test_what_may_be_in_scope_or_not_is_a_doubt_worth_asking() -> None:
    """An item in scope that the model takes for out of scope is asked, not buried."""

    class Doubtful:
        def predict_probs(self, rows: np.ndarray) -> np.ndarray:
            return np.array([[0.45, 0.05, 0.5], [0.8, 0.1, 0.1], [0.01, 0.01, 0.98]], dtype=np.float32)[: len(rows)]

    scored = scorer(np.zeros((3, 2), dtype=np.float32), np.arange(3), Doubtful()).score("margin")
    assert scored.order.tolist() == [0, 1, 2]
