"""Votes -> labels, and what they are worth."""

import numpy as np
import pytest

from alcore.consensus import resolve


def test_one_vote_decides_and_majority_wins() -> None:
    result = resolve(np.array([4, 7, 7, 7]), np.array([0, 0, 1, 2]), np.array([2, 1, 0, 1]), classes=3)
    assert result.items.tolist() == [4, 7]
    assert result.labels.tolist() == [2, 1]
    assert 0.5 < result.confidence[0] < 1


def test_a_careless_person_loses_their_weight() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 200)
    careful = np.where(rng.random((2, 200)) < 0.95, truth, (truth + 1) % 3)
    careless = rng.integers(0, 3, (2, 200))
    votes = np.concatenate([careful, careless])
    item, person = np.tile(np.arange(200), 4), np.repeat(np.arange(4), 200)
    result = resolve(item, person, votes.ravel(), classes=3)
    assert (result.labels == truth).mean() > 0.93


def test_no_votes() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert len(resolve(nothing, nothing, nothing, classes=3).items) == 0


def test_labels_outside_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.2"):
        resolve(np.array([0]), np.array([0]), np.array([3]), classes=3)
