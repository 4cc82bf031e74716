"""What is said of people: right as often as it says, silent where nothing is known."""

import numpy as np
import pytest

from alcore.consensus import Consensus, resolve
from alcore.people import Person, measure

CLASSES = 5
ACCURACIES = np.array([0.95, 0.9, 0.85, 0.7, 0.5])


def shares(resolved: Consensus) -> np.ndarray:
    """What is known of items of which nothing is known."""
    return np.broadcast_to(resolved.posterior.mean(axis=0), resolved.posterior.shape).astype(np.float32)


def calibrated(truth: np.ndarray, rng: np.random.Generator, *, apart: float = 1.6) -> np.ndarray:
    """What a calibrated model says: scores with noise of 1, the true label's raised."""
    scores = rng.normal(size=(len(truth), CLASSES))
    scores[np.arange(len(truth)), truth] += apart
    odds = np.exp(apart * scores)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)


def answered(seed: int, *, items: int, per_item: int, by_model: bool = False) -> tuple[Person, ...]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, CLASSES, items)
    person = np.concatenate([rng.permutation(5)[:per_item] for _ in range(items)])
    item = np.repeat(np.arange(items), per_item)
    right = rng.random(len(item)) < ACCURACIES[person]
    said = np.where(right, truth[item], (truth[item] + rng.integers(1, CLASSES, len(item))) % CLASSES)
    probs = calibrated(truth, rng) if by_model else None
    resolved = resolve(item, person, said, classes=CLASSES, prior=probs)
    return measure(resolved, shares(resolved) if probs is None else probs, np.arange(len(item)))


@pytest.mark.parametrize(
    ("items", "per_item", "by_model"), [(200, 3, False), (300, 2, True), (300, 1, True), (60, 5, False)]
)
def test_the_interval_holds_nearly_as_often_as_it_says(items: int, per_item: int, by_model: bool) -> None:
    runs = [answered(seed, items=items, per_item=per_item, by_model=by_model) for seed in range(30)]
    held = [p.quality.low <= ACCURACIES[p.person] <= p.quality.high for people in runs for p in people]
    assert np.mean(held) > 0.88
    means = np.mean([[p.quality.value for p in people] for people in runs], axis=0)
    assert np.abs(means - ACCURACIES).max() < 0.09
    assert (np.diff(means) < 0).all()
    assert not any(p.changed for people in runs for p in people)


def test_only_votes_of_which_nothing_else_is_known_judge_nobody() -> None:
    for p in answered(0, items=100, per_item=1):
        assert p.quality.judged < 1
        assert p.quality.low < 0.5
        assert p.quality.high > 0.9
        assert p.latest is None
        assert set(p.curve) <= {None}
        assert not p.confused


def test_known_labels_measure_an_only_vote() -> None:
    """Gold, or what a review has decided."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, CLASSES, 60)
    said = np.where(rng.random(60) < 0.8, truth, (truth + 1) % CLASSES)
    resolved = resolve(np.arange(60), np.zeros(60, dtype=np.int64), said, classes=CLASSES)
    known = np.full((60, CLASSES), 0.0025, dtype=np.float32)
    known[np.arange(60), truth] = 0.99
    (person,) = measure(resolved, known, np.arange(60))
    assert person.quality.judged > 40
    assert person.quality.value == pytest.approx((said == truth).mean(), abs=0.04)
    assert person.confused
    assert all(pair.given == (pair.true + 1) % CLASSES for pair in person.confused)
    assert all(pair.expected <= pair.of for pair in person.confused)


def test_who_becomes_careless_is_noticed_in_the_order_of_the_answers() -> None:
    rng = np.random.default_rng(1)
    items = 160
    truth = rng.integers(0, CLASSES, items)
    careless = np.arange(items) >= items - 45
    said = [np.where(rng.random(items) < 0.9, truth, (truth + 1) % CLASSES) for _ in range(3)]
    said[2] = np.where(careless, rng.integers(0, CLASSES, items), truth)
    item, person = np.tile(np.arange(items), 3), np.repeat(np.arange(3), items)
    resolved = resolve(item, person, np.concatenate(said), classes=CLASSES)
    when = resolved.votes.at  # everybody went through them in this order
    found = measure(resolved, shares(resolved), when)
    assert [p.changed for p in found] == [False, False, True]
    latest, before = found[2].latest, found[2].before
    assert latest is not None
    assert before is not None
    assert latest.value < 0.5 < before.value
    assert len(found[2].curve) == items / 20
    assert found[2].curve[-1] < found[2].curve[0] - 0.3  # type: ignore[operator]
    backwards = measure(resolved, shares(resolved), -when)
    assert backwards[2].before.value < backwards[2].latest.value  # type: ignore[union-attr]


def test_abstentions_are_counted_and_judge_nobody() -> None:
    resolved = resolve(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, -1]), classes=3)
    found = measure(resolved, shares(resolved), np.arange(4))
    assert [(p.answers, p.abstained) for p in found] == [(2, 0), (1, 1)]


def test_an_order_of_another_length_is_refused() -> None:
    resolved = resolve(np.array([0]), np.array([0]), np.array([0]), classes=3)
    with pytest.raises(ValueError, match="when"):
        measure(resolved, shares(resolved), np.arange(2))
