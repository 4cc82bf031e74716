"""One contract for all that spreads a batch over features, and what each is for."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alcore.strategies import coldstart
from alcore.strategies.clusters import cluster_margin, drop_query, k_means
from alcore.strategies.coldstart import typiclust
from alcore.strategies.diversity import k_center, kmeans_plus_plus
from alcore.strategies.geometry import nearest
from alcore.strategies.gradients import badge, lcmd

Pick = Callable[[np.ndarray, int, int], np.ndarray]
CENTERS = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
POINTS = (CENTERS.repeat(25, axis=0) + np.random.default_rng(0).normal(0, 0.3, (100, 2))).astype(np.float32)


def none(features: np.ndarray) -> np.ndarray:
    return np.zeros((0, features.shape[1]), dtype=np.float32)


def probs_for(features: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).dirichlet(np.ones(3), len(features)).astype(np.float32)


def draws_for(features: np.ndarray, labels: int = 3) -> np.ndarray:
    drawn = np.random.default_rng(6).dirichlet(np.ones(labels), (len(features), 5))
    return drawn.transpose(0, 2, 1).astype(np.float32)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


PICKS: dict[str, Pick] = {
    "k_center": lambda f, b, s: k_center(f, b, labeled=none(f), rng=rng(s)),
    "kmeans_plus_plus": lambda f, b, s: kmeans_plus_plus(f, b, labeled=none(f), rng=rng(s)),
    "badge": lambda f, b, s: badge(f, probs_for(f), b, rng=rng(s)),
    "lcmd": lambda f, b, s: lcmd(
        f, probs_for(f), b, labeled_features=none(f), labeled_probs=probs_for(f)[:0], rng=rng(s)
    ),
    "cluster_margin": lambda f, b, s: cluster_margin(f, np.ones(len(f), dtype=np.float32), b, rng=rng(s)),
    "drop_query": lambda f, b, s: drop_query(draws_for(f), f, b, rng=rng(s)),
    "typiclust": lambda f, b, s: typiclust(f, b, labeled=none(f), rng=rng(s)),
}
every_pick = pytest.mark.parametrize("pick", PICKS.values(), ids=PICKS.keys())


@every_pick
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(0, 14), st.integers(1, 3)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.integers(0, 16),
)
def test_any_finite_features_give_a_batch(pick: Pick, features: np.ndarray, batch: int) -> None:
    before = features.copy()
    chosen = pick(features, batch, 0)
    assert chosen.dtype == np.int64
    assert len(set(chosen.tolist())) == len(chosen) == min(batch, len(features))
    assert set(chosen.tolist()) <= set(range(len(features)))
    assert np.array_equal(features, before)


@every_pick
def test_same_seed_same_batch(pick: Pick) -> None:
    assert pick(POINTS, 12, 3).tolist() == pick(POINTS, 12, 3).tolist()


@every_pick
def test_copies_are_told_apart_by_the_seed(pick: Pick) -> None:
    same = np.ones((80, 3), dtype=np.float32)
    assert len(set(pick(same, 12, 1).tolist())) == 12
    if pick not in (PICKS["badge"], PICKS["lcmd"]):  # their probabilities still differ
        assert pick(same, 12, 1).tolist() != pick(same, 12, 2).tolist()


@every_pick
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_features_and_batches_are_refused(pick: Pick, bad: float) -> None:
    spoiled = POINTS.copy()
    spoiled[7] = bad
    with pytest.raises(ValueError, match="finite"):
        pick(spoiled, 100, 0)
    with pytest.raises(ValueError, match="batch"):
        pick(POINTS, -1, 0)


@every_pick
def test_float16_and_float64_are_taken(pick: Pick) -> None:
    for kind in (np.float16, np.float64):
        assert len(pick(POINTS.astype(kind), 5, 0)) == 5


@pytest.mark.parametrize("name", ["k_center", "kmeans_plus_plus", "typiclust"])
def test_four_heaps_give_one_each(name: str) -> None:
    for seed in range(5):
        assert sorted(PICKS[name](POINTS, 4, seed) // 25) == [0, 1, 2, 3]


@pytest.mark.parametrize("function", [k_center, kmeans_plus_plus, typiclust])
def test_heaps_with_labels_come_last(function: Callable[..., np.ndarray]) -> None:
    for seed in range(5):
        chosen = function(POINTS[25:], 2, labeled=POINTS[[1, 2, 30]], rng=rng(seed))
        assert sorted((chosen + 25) // 25) == [2, 3]


@pytest.mark.parametrize("function", [k_center, kmeans_plus_plus, typiclust])
def test_labeled_features_of_another_width_are_refused(function: Callable[..., np.ndarray]) -> None:
    with pytest.raises(ValueError, match="as wide"):
        function(POINTS, 2, labeled=np.zeros((3, 5), dtype=np.float32), rng=rng(0))


def test_k_center_is_farthest_first() -> None:
    points = rng(1).normal(size=(40, 3)).astype(np.float32)
    chosen, centers = [], [points[i] for i in (0, 1)]
    for _ in range(8):
        away = np.min([((points - center) ** 2).sum(axis=1) for center in centers], axis=0)
        chosen.append(int(away.argmax()))
        centers.append(points[chosen[-1]])
    assert k_center(points, 8, labeled=points[:2], rng=rng(0)).tolist() == chosen


def test_kmeans_plus_plus_draws_by_squared_distance() -> None:
    points = np.array([[1.0], [2.0], [3.0]], dtype=np.float32)
    first = [kmeans_plus_plus(points, 1, labeled=points[:1] - 1, rng=rng(seed))[0] for seed in range(3000)]
    assert np.bincount(first) / 3000 == pytest.approx(np.array([1, 4, 9]) / 14, abs=0.03)


def test_k_center_and_kmeans_plus_plus_are_nested() -> None:
    for name in ("k_center", "kmeans_plus_plus"):
        assert PICKS[name](POINTS, 10, 2)[:4].tolist() == PICKS[name](POINTS, 4, 2).tolist()


def test_nearest_does_not_change_with_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nearest(POINTS, CENTERS.astype(np.float32))
    monkeypatch.setattr("alcore.strategies.geometry.ENTRIES", 30)
    blocks = nearest(POINTS, CENTERS.astype(np.float32))
    assert np.array_equal(whole[1], blocks[1])
    assert whole[0] == pytest.approx(blocks[0])
    assert whole[0] == pytest.approx(((POINTS - CENTERS.repeat(25, axis=0)) ** 2).sum(axis=1), abs=1e-3)


def test_k_means_finds_the_heaps() -> None:
    owner, centers = k_means(POINTS, 4, rng=rng(0))
    assert len({tuple(set(owner[start : start + 25])) for start in (0, 25, 50, 75)}) == 4
    assert np.sort(centers.round().sum(axis=1)).tolist() == [0, 10, 10, 20]


def test_cluster_margin_takes_the_best_of_every_cluster_small_ones_first() -> None:
    points = np.concatenate([POINTS[:15], POINTS[25:28], POINTS[50:62]])
    scores = np.linspace(1, 0.1, 30).astype(np.float32)
    assert cluster_margin(points, scores, 3, rng=rng(0)).tolist() == [15, 18, 0]


def test_cluster_margin_looks_only_at_ten_for_each_place() -> None:
    scores = np.repeat([1.0, 0.0], 50).astype(np.float32)
    assert (cluster_margin(POINTS, scores, 5, rng=rng(0)) < 50).all()


def test_cluster_margin_past_the_tree_uses_k_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore.strategies.clusters.LINKED", 10)
    scores = rng(4).random(100).astype(np.float32)
    assert len(set(cluster_margin(POINTS, scores, 10, rng=rng(0)).tolist())) == 10


def drawn_labels(labels: list[list[int]]) -> np.ndarray:
    """(items, 2, draws) draws that are sure of these labels."""
    return np.moveaxis(np.eye(2, dtype=np.float32)[np.array(labels)], 2, 1)


def test_drop_query_takes_only_what_flips_where_there_is_enough_of_it() -> None:
    draws = np.repeat(drawn_labels([[0, 0, 0]]), 100, axis=0)
    draws[25:50] = [[0.45, 0.45, 1.0], [0.55, 0.55, 0.0]]  # two of three draws go against the mean
    assert (drop_query(draws, POINTS, 1, rng=rng(0)) // 25).tolist() == [1]


def test_drop_query_asks_the_most_doubtful_first() -> None:
    draws = np.repeat(drawn_labels([[0, 0, 0]]), 100, axis=0)
    draws[75:] = drawn_labels([[0, 0, 1]])
    chosen = drop_query(draws, POINTS, 4, rng=rng(0))
    assert chosen[0] >= 75
    assert len(set(chosen // 25)) == 4


def test_drop_query_takes_the_item_in_the_middle() -> None:
    points = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]], dtype=np.float32)
    draws = np.full((6, 2, 3), 0.5, dtype=np.float32)
    assert sorted(drop_query(draws, points, 2, rng=rng(0)).tolist()) == [1, 4]


def test_typiclust_takes_the_densest_place() -> None:
    tight = rng(1).normal(0, 0.01, (30, 2)) + 0.5
    points = np.concatenate([rng(2).normal(0, 1, (30, 2)), tight]).astype(np.float32)
    assert typiclust(points, 1, labeled=none(points), rng=rng(0))[0] >= 30


def test_typiclust_leaves_lone_items_for_last() -> None:
    points = np.concatenate([POINTS[:50], [[500, 500]]]).astype(np.float32)
    assert 50 not in typiclust(points, 20, labeled=none(points), rng=rng(0))


def test_typiclust_samples_a_large_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coldstart, "TYPICAL_MOST", 20)
    assert len(set(typiclust(POINTS, 50, labeled=POINTS[:40], rng=rng(0)).tolist())) == 20


@pytest.mark.parametrize("labels", [1, 2, 150])
def test_any_number_of_labels_will_do(labels: int) -> None:
    probs = np.random.default_rng(5).dirichlet(np.ones(labels), 100).astype(np.float32)
    assert len(set(badge(POINTS, probs, 7, rng=rng(0)).tolist())) == 7
    chosen = lcmd(POINTS, probs, 7, labeled_features=POINTS[:3], labeled_probs=probs[:3], rng=rng(0))
    assert len(set(chosen.tolist())) == 7
    assert len(set(drop_query(draws_for(POINTS, labels), POINTS, 7, rng=rng(0)).tolist())) == 7
