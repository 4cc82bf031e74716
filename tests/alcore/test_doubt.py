"""Votes and judges together: as sure as they are right."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from alcore import doubt
from alcore.consensus import Consensus, resolve


def judged(truth: np.ndarray, rng: np.random.Generator, *, apart: float = 2.0, sure: float = 1.0) -> np.ndarray:
    """What a model says, calibrated where sure is 1, too sure of itself above."""
    scores = rng.normal(size=(len(truth), 5))
    scores[np.arange(len(truth)), truth] += apart
    odds = np.exp(sure * apart * (scores - scores.max(axis=1, keepdims=True)))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)


def answered(
    seed: int, *, wrong: float, items: int = 500, people: int = 1, sure: float = 1.0
) -> tuple[Consensus, np.ndarray, np.ndarray]:
    """One answer an item and person. Returns the consensus, the judges, and which labels are wrong."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, items)
    flips = rng.random((people, items)) < wrong
    said = np.where(flips, (truth + rng.integers(1, 5, (people, items))) % 5, truth)
    resolved = resolve(np.tile(np.arange(items), people), np.repeat(np.arange(people), items), said.ravel(), classes=5)
    return resolved, judged(truth, rng, sure=sure), resolved.labels != truth


@pytest.mark.parametrize("sure", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("wrong", [0.05, 0.2])
def test_what_is_promised_is_kept_however_sure_the_judges_are(sure: float, wrong: float) -> None:
    promised, kept, flagged, share = 0.0, 0.0, 0, []
    for seed in range(8):
        resolved, probs, is_wrong = answered(seed, wrong=wrong, sure=sure)
        found = doubt.weigh(resolved, probs, seed=seed)
        accused = found.wrong >= 0.5
        promised, kept = promised + found.wrong[accused].sum(), kept + is_wrong[accused].sum()
        flagged += int(accused.sum())
        share.append(found.wrong.mean())
    assert flagged > 40
    assert promised - kept < 0.1 * flagged
    assert kept - promised < 0.15 * flagged
    assert np.mean(share) == pytest.approx(wrong, abs=0.04)


def test_temperature_follows_how_sure_the_judges_are() -> None:
    found = [doubt.weigh(*answered(0, wrong=0.1, sure=sure)[:2], seed=0).temperature for sure in (0.5, 1.0, 3.0)]
    assert found[0] < found[1] < found[2]


def test_nobody_is_accused_where_nothing_is_wrong() -> None:
    for seed in range(4):
        resolved, probs, _ = answered(seed, wrong=0.0)
        found = doubt.weigh(resolved, probs, seed=seed)
        assert (found.wrong >= 0.5).mean() < 0.01
        assert found.wrong.mean() < 0.03


def test_votes_and_judges_together_beat_either() -> None:
    gains = []
    for seed in range(5):
        resolved, probs, is_wrong = answered(seed, wrong=0.3, people=3)
        both = doubt.weigh(resolved, probs, seed=seed).wrong
        alone = [1 - resolved.confidence, 1 - probs[np.arange(len(probs)), resolved.labels]]
        gains.append([average_precision_score(is_wrong, each) for each in (both, *alone)])
    both, votes, judges = np.mean(gains, axis=0)
    assert both > max(votes, judges) + 0.02


def test_it_is_the_same_again_and_refuses_what_does_not_fit() -> None:
    resolved, probs, _ = answered(0, wrong=0.1)
    first, second = (doubt.weigh(resolved, probs, seed=3) for _ in range(2))
    assert (first.wrong == second.wrong).all()
    assert first.informed.posterior.shape == probs.shape
    with pytest.raises(ValueError, match="judged"):
        doubt.weigh(resolved, probs[1:], seed=0)
    empty = np.zeros(0, dtype=np.int64)
    nothing = doubt.weigh(resolve(empty, empty, empty, classes=5), np.zeros((0, 5), dtype=np.float32), seed=0)
    assert len(nothing.wrong) == 0
