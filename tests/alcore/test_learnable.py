"""What was never learned, on real digits with wrong labels."""

import numpy as np
import pytest

from alcore import learnable
from tests.alcore.arrays import DIGITS

X, Y = (DIGITS.data[:600] / 16).astype(np.float32), DIGITS.target[:600].astype(np.int64)
FOLDS = np.arange(600) % 5


def wrong(count: int) -> tuple[np.ndarray, np.ndarray]:
    flipped = np.random.default_rng(0).choice(600, count, replace=False)
    labels = Y.copy()
    labels[flipped] = (labels[flipped] + 1) % 10
    return labels, flipped


def test_wrong_labels_are_never_learned_and_right_ones_are() -> None:
    labels, flipped = wrong(30)
    found = learnable.find(X, labels, FOLDS)
    assert found.flags is not None
    assert found.flags[flipped].mean() > 0.8
    assert np.delete(found.flags, flipped).mean() < 0.08
    assert found.note.startswith(f"{found.flags.sum()} of 600")


def test_probabilities_rise_from_epoch_to_epoch_and_are_out_of_fold() -> None:
    told = learnable.dynamics(X, Y, FOLDS, epochs=5)
    assert told.own.shape == told.named.shape == (5, 600)
    assert (np.diff(told.own.mean(axis=1)) > 0).all()
    assert told.named[-1].mean() > 0.85
    mine = FOLDS == 2
    permuted = Y.copy()
    permuted[mine] = np.random.default_rng(1).permutation(permuted[mine])
    other = learnable.dynamics(X, permuted, FOLDS, epochs=5)
    same = mine & (permuted == Y)
    assert np.array_equal(told.own[:, same], other.own[:, same])


def test_it_is_too_early_while_the_model_is_seldom_right() -> None:
    found = learnable.find(X[:20], Y[:20], FOLDS[:20])
    assert found.flags is None
    assert found.note == learnable.TOO_EARLY


def test_a_model_no_better_than_the_commonest_label_says_nothing() -> None:
    labels = (np.arange(600) % 20 == 0).astype(np.int64)
    noise = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
    assert learnable.find(noise, labels, FOLDS).flags is None


def test_a_class_with_few_labels_is_not_called_unlearnable() -> None:
    keep = (Y != 7) | (np.cumsum(Y == 7) <= 3)
    found = learnable.find(X[keep], Y[keep], FOLDS[keep])
    assert found.flags is not None
    assert not found.flags[Y[keep] == 7].any()


def test_nothing_unlearned_is_told_too() -> None:
    rows = np.repeat(np.eye(3, dtype=np.float32), 40, axis=0)
    found = learnable.find(rows, np.repeat(np.arange(3), 40), np.arange(120) % 5)
    assert found.flags is not None
    assert not found.flags.any()
    assert "None of 120" in found.note


@pytest.mark.parametrize("labels", [np.zeros(40, dtype=np.int64), np.arange(40) % 2])
def test_labels_that_tell_nothing(labels: np.ndarray) -> None:
    constant = np.full((40, 3), 3e38, dtype=np.float32)
    assert learnable.find(constant, labels, np.arange(40) % 5).flags is None
    assert learnable.find(constant[:0], labels[:0], labels[:0]).flags is None
    assert learnable.find(constant, labels, np.zeros(40, dtype=np.int64)).flags is None


def test_other_shapes_and_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        learnable.find(X, Y[:5], FOLDS)
    with pytest.raises(ValueError, match="finite"):
        learnable.find(np.full((4, 2), np.nan, dtype=np.float32), Y[:4], FOLDS[:4])
