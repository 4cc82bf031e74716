"""What each guard changes, and what it leaves alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alcore import guards

RNG = np.random.default_rng(0)
some_scores = arrays(np.float32, st.integers(0, 60), elements=st.floats(0, width=32, allow_infinity=False))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_clipping_puts_the_most_uncertain_share_last() -> None:
    scores = rng().permutation(200).astype(np.float32)
    clipped = guards.clip_most_uncertain(scores, batch=3)
    assert sorted(scores[clipped != scores]) == list(range(190, 200))
    assert (clipped[scores >= 190] == 0).all()


def test_clipping_leaves_a_pool_alone_that_is_small_for_its_batch() -> None:
    scores = rng().permutation(200).astype(np.float32)
    assert guards.clip_most_uncertain(scores, batch=4).tolist() == scores.tolist()
    assert guards.clip_most_uncertain(scores, batch=4) is not scores


def test_clipping_leaves_constant_scores_alone() -> None:
    assert (guards.clip_most_uncertain(np.ones(500, dtype=np.float32), batch=1) == 1).all()


@given(some_scores, st.floats(0, 0.99))
def test_clipping_takes_no_more_than_the_share(scores: np.ndarray, share: float) -> None:
    clipped = guards.clip_most_uncertain(scores, share=share, batch=0)
    assert (clipped != scores).sum() <= share * len(scores)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    scores = np.array([0.5, bad], dtype=np.float32)
    with pytest.raises(ValueError, match="finite"):
        guards.clip_most_uncertain(scores, batch=1)
    with pytest.raises(ValueError, match="finite"):
        guards.per_cost(scores, np.ones(2, dtype=np.float32))


def test_what_is_never_learned_is_flagged_and_what_wavers_is_not() -> None:
    learned, never, late = [0.2, 0.9, 0.95], [0.05, 0.1, 0.08], [0.0, 0.0, 0.6]
    found = guards.unlearnable(np.array([learned, never, late], dtype=np.float32).T)
    assert found.unlearnable.tolist() == [False, True, False]
    assert found.confidence == pytest.approx(np.mean([learned, never, late], axis=1))
    assert found.variability == pytest.approx(np.std([learned, never, late], axis=1))


def test_a_map_needs_epochs() -> None:
    for bad in (np.zeros((0, 3)), np.zeros(3), np.full((2, 3), np.nan), np.full((2, 3), 1.5)):
        with pytest.raises(ValueError, match="label_probs"):
            guards.unlearnable(bad.astype(np.float32))
    assert len(guards.unlearnable(np.zeros((4, 0), dtype=np.float32)).unlearnable) == 0


def test_what_lies_near_the_unlearnable_is_likely_so(monkeypatch: pytest.MonkeyPatch) -> None:
    features = rng().normal(size=(400, 2)).astype(np.float32)
    chances = guards.unlearnable_pool(features, features[:200], features[:200, 0] > 0.5)
    assert chances[200:][features[200:, 0] > 1].min() > chances[200:][features[200:, 0] < 0].max()
    monkeypatch.setattr(guards, "ROWS", 7)
    assert guards.unlearnable_pool(features, features[:200], features[:200, 0] > 0.5) == pytest.approx(chances)


@pytest.mark.parametrize("flag", [True, False])
def test_flags_that_are_all_alike_tell_nothing_apart(flag: bool) -> None:
    features = np.ones((4, 2), dtype=np.float32)
    assert guards.unlearnable_pool(features, features, np.full(4, flag)).tolist() == [flag] * 4
    assert guards.unlearnable_pool(features, features[:0], np.zeros(0, dtype=bool)).tolist() == [0] * 4


def test_extreme_features_do_not_spoil_the_chances() -> None:
    features = np.array([[1e38], [-1e38], [3e38], [1e-45]], dtype=np.float32)
    chances = guards.unlearnable_pool(features, features, np.array([True, False, True, False]))
    assert np.isfinite(chances).all()
    tiny = np.array([[1e-45], [0.0]], dtype=np.float32)
    assert np.isfinite(guards.unlearnable_pool(features, tiny, np.array([True, False]))).all()


def test_places_go_to_the_class_with_fewest_labels() -> None:
    ranked = np.array([10, 11, 12, 13, 14, 15])
    predicted = np.array([0, 0, 0, 1, 1, 2])
    assert guards.balance_quotas(ranked, predicted, np.array([5, 1, 0]), 4).tolist() == [15, 13, 14, 10]


def test_a_class_that_is_never_predicted_does_not_end_the_balance() -> None:
    ranked, predicted = np.arange(6), np.array([0, 0, 0, 0, 1, 1])
    assert guards.balance_quotas(ranked, predicted, np.array([9, 2, 0]), 2).tolist() == [4, 5]


def test_tied_classes_are_filled_best_rank_first() -> None:
    assert guards.balance_quotas(np.arange(4), np.array([2, 0, 1, 2]), np.zeros(3, int), 3).tolist() == [0, 1, 2]


@given(st.lists(st.integers(0, 3), max_size=20), st.integers(0, 25))
def test_quotas_choose_each_candidate_once(predicted: list[int], batch: int) -> None:
    ranked = np.arange(len(predicted)) + 100
    counts = np.array([3, 0, 7, 0])
    chosen = guards.balance_quotas(ranked, np.array(predicted, dtype=np.int64), counts, batch)
    assert len(set(chosen.tolist())) == len(chosen) == min(batch, len(ranked))
    assert counts.tolist() == [3, 0, 7, 0]


def test_quotas_refuse_labels_that_are_not_counted() -> None:
    with pytest.raises(ValueError, match="predicted"):
        guards.balance_quotas(np.arange(2), np.array([0, 3]), np.zeros(3, int), 1)


def test_what_stays_confusing_scores_above_what_has_become_clear() -> None:
    now = np.array([[0.5, 0.5], [0.6, 0.4], [0.6, 0.4], [0.99, 0.01]], dtype=np.float32)
    before = np.array([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.9, 0.1]], dtype=np.float32)
    scores = guards.contrastive(now, before, alpha=0.5)
    assert scores[0] > scores[1] > scores[2] > scores[3]


def test_classes_that_the_sure_ones_lack_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "CONFIDENT", 2)
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]], dtype=np.float32)
    scores = guards.contrastive(probs, probs)
    assert scores[3] > scores[2]


@pytest.mark.parametrize("labels", [1, 2, 150])
def test_contrastive_scores_lie_in_0_to_1(labels: int) -> None:
    now, before = (RNG.dirichlet(np.full(labels, 0.1), 600).astype(np.float32) for _ in range(2))
    scores = guards.contrastive(now, before)
    assert scores.min() >= -1e-6
    assert scores.max() <= 1
    flat = np.full((5, labels), 1 / labels, dtype=np.float32)
    assert len(set(guards.contrastive(flat, flat).tolist())) == 1
    assert len(guards.contrastive(now[:0], now[:0])) == 0


def test_contrastive_refuses_predictions_of_other_items() -> None:
    with pytest.raises(ValueError, match="previous"):
        guards.contrastive(np.full((3, 2), 0.5, np.float32), np.full((2, 2), 0.5, np.float32))


def test_scores_per_cost() -> None:
    scores, costs = np.array([1.0, 1.0, 4.0]), np.array([1.0, 2.0, 4.0])
    assert guards.per_cost(scores, costs) == pytest.approx([2, 1, 2])
    assert guards.per_cost(scores, costs, power=0) == pytest.approx(scores)
    assert guards.per_cost(scores, costs, power=2) == pytest.approx([4, 1, 1])


@given(some_scores, st.floats(0, 4))
def test_scores_per_cost_stay_finite(scores: np.ndarray, power: float) -> None:
    costs = np.geomspace(1e-44, 3e38, max(1, len(scores))).astype(np.float32)[: len(scores)]
    assert np.isfinite(guards.per_cost(scores, costs, power=power)).all()


def test_costs_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="costs"):
        guards.per_cost(np.ones(2, dtype=np.float32), np.array([1.0, 0.0]))


def test_a_subset_is_drawn_anew_among_open_items() -> None:
    open_items = np.arange(5000) % 2 == 0
    first, again, other = (
        guards.pool_subset(open_items, batch=5, share_rule=100, least=0, rng=rng(seed)) for seed in (1, 1, 2)
    )
    assert len(set(first.tolist())) == 500
    assert open_items[first].all()
    assert first.tolist() == again.tolist() != other.tolist()
    assert (np.diff(first) > 0).all()


def test_a_small_pool_is_looked_at_whole() -> None:
    assert guards.pool_subset(np.array([True, False, True]), batch=1, rng=rng()).tolist() == [0, 2]
    assert len(guards.pool_subset(np.zeros(3, dtype=bool), batch=0, rng=rng())) == 0
    with pytest.raises(ValueError, match="open_items"):
        guards.pool_subset(np.ones((2, 2), dtype=bool), batch=1, rng=rng())


def nearest_by_hand(pool: np.ndarray, anchor: np.ndarray, count: int) -> set[int]:
    cosines = pool @ anchor / np.linalg.norm(pool, axis=1)
    return set(np.argsort(-cosines)[:count].tolist())


@pytest.mark.parametrize("rows", [4, 7, 1000])
def test_anchors_bring_their_nearest(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "ROWS", rows)
    pool, labeled = (rng(seed).normal(size=(40, 3)).astype(np.float32) for seed in (1, 2))
    found = guards.anchors(pool, labeled[:2], np.array([0, 1]), neighbors=5, rng=rng())
    assert set(found.tolist()) == nearest_by_hand(pool, labeled[0], 5) | nearest_by_hand(pool, labeled[1], 5)
    assert len(set(found.tolist())) == len(found)


def test_the_rarest_class_brings_its_neighborhood() -> None:
    pool = np.concatenate([rng().normal([5, 0], 1, (500, 2)), rng().normal([0, 5], 0.1, (5, 2))]).astype(np.float32)
    labeled = np.array([[5, 0], [5, 1], [5, -1], [0, 5]], dtype=np.float32)
    found = guards.anchors(pool, labeled, np.array([0, 0, 0, 1]), per_class=1, neighbors=5, rng=rng())
    assert set(range(500, 505)) <= set(found.tolist())
    assert found.tolist()[0] in range(505)


def test_anchors_at_the_edges() -> None:
    pool, label = np.array([[3e38, 3e38], [0, 0], [1, 0]], dtype=np.float32), np.zeros(1, dtype=np.int64)
    assert guards.anchors(pool, pool[:1], label, rng=rng()).tolist() == [0, 2, 1]
    assert len(guards.anchors(pool, pool[:0], label[:0], rng=rng())) == 0
    assert len(guards.anchors(pool[:0], pool[:1], label, rng=rng())) == 0
    for none in ({"per_class": 0}, {"neighbors": 0}):
        assert len(guards.anchors(pool, pool[:1], label, rng=rng(), **none)) == 0
    with pytest.raises(ValueError, match="labeled"):
        guards.anchors(pool, np.zeros((1, 5), dtype=np.float32), label, rng=rng())
