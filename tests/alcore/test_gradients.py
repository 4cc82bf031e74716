"""Factored gradients against the outer products, which only a test makes."""

import numpy as np
import pytest

from alcore.strategies import gradients
from alcore.strategies.gradients import badge, lcmd

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(60, 5)).astype(np.float32)
PROBS = RNG.dirichlet(np.ones(4), 60).astype(np.float32)


def materialized(features: np.ndarray, probs: np.ndarray) -> np.ndarray:
    errors = probs.astype(np.float64)
    errors[np.arange(len(probs)), probs.argmax(axis=1)] -= 1
    return np.einsum("nc,nd->ncd", errors, features.astype(np.float64)).reshape(len(probs), -1)


def squared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return ((first[:, None] - second[None]) ** 2).sum(axis=2)


def lcmd_by_hand(pool: np.ndarray, known: np.ndarray, batch: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(batch):
        centers = np.concatenate([known, pool[chosen]])
        away = squared(pool, centers)
        owner, left = away.argmin(axis=1), away.min(axis=1)
        weights = [left[owner == center].sum() for center in range(len(centers))]
        chosen.append(int(np.where(owner == np.argmax(weights), left, -1).argmax()))
    return chosen


def pick_lcmd(batch: int, known: slice = slice(0, 0), seed: int = 0) -> list[int]:
    return lcmd(
        FEATURES[20:],
        PROBS[20:],
        batch,
        labeled_features=FEATURES[known],
        labeled_probs=PROBS[known],
        rng=np.random.default_rng(seed),
    ).tolist()


def test_distances_are_those_of_the_outer_products() -> None:
    made = gradients._gradient(FEATURES, PROBS)
    full = materialized(FEATURES, PROBS)
    assert made.squared_to(made, slice(10, 30)) == pytest.approx(squared(full, full[10:30]), abs=1e-4)


def test_badge_begins_with_the_longest() -> None:
    lengths = (materialized(FEATURES, PROBS) ** 2).sum(axis=1)
    for seed in range(5):
        assert badge(FEATURES, PROBS, 3, rng=np.random.default_rng(seed))[0] == lengths.argmax()


def test_badge_draws_by_squared_distance_to_the_nearest() -> None:
    full = materialized(FEATURES[:6], PROBS[:6])
    first = int((full**2).sum(axis=1).argmax())
    chances = squared(full, full[[first]])[:, 0]
    seconds = [badge(FEATURES[:6], PROBS[:6], 2, rng=np.random.default_rng(seed))[1] for seed in range(4000)]
    assert np.bincount(seconds, minlength=6) / 4000 == pytest.approx(chances / chances.sum(), abs=0.03)


def test_badge_keeps_no_center_at_the_origin() -> None:
    """An item without a gradient lies at the origin: the only one away from the first, it must come second."""
    features = np.ones((9, 2), dtype=np.float32)
    probs = np.tile(np.array([[0.6, 0.4]], dtype=np.float32), (9, 1))
    probs[4] = [1, 0]
    for seed in range(5):
        assert badge(features, probs, 2, rng=np.random.default_rng(seed))[1] == 4


def test_lcmd_is_the_loop_over_clusters() -> None:
    full = materialized(FEATURES, PROBS)
    assert pick_lcmd(15, slice(0, 20)) == lcmd_by_hand(full[20:], full[:20], 15)


def test_lcmd_does_not_change_with_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pick_lcmd(10, slice(0, 20))
    monkeypatch.setattr(gradients, "ENTRIES", 100)
    assert pick_lcmd(10, slice(0, 20)) == whole


def test_lcmd_without_labels_begins_with_the_longest() -> None:
    full = materialized(FEATURES, PROBS)[20:]
    first = int((full**2).sum(axis=1).argmax())
    assert pick_lcmd(8) == [first, *lcmd_by_hand(full, full[[first]], 7)]


def test_the_order_is_nested() -> None:
    assert pick_lcmd(12, slice(0, 5))[:6] == pick_lcmd(6, slice(0, 5))
    long, short = (badge(FEATURES, PROBS, batch, rng=np.random.default_rng(3)).tolist() for batch in (12, 6))
    assert long[:6] == short


def test_labeled_probs_of_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="labeled_probs"):
        lcmd(
            FEATURES,
            PROBS,
            2,
            labeled_features=FEATURES[:3],
            labeled_probs=PROBS[:3, :2],
            rng=np.random.default_rng(0),
        )
