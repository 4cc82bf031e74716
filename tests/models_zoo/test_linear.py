"""What only linear heads have: a penalty, chosen out of fold, and a scale of features that does not matter."""

import numpy as np
import pytest
import torch

from models_zoo.linear import LinearHead, train_heads
from models_zoo.training import Answers, Scaling, TrainingConfig, training_set
from tests.models_zoo.digits import EVEN, FOLDS, X, Y


def fit(features: np.ndarray = X, posterior: str = "mc_dropout") -> LinearHead:
    head = LinearHead(TrainingConfig(posterior=posterior))  # type: ignore[arg-type]
    head.fit(features, Y, EVEN, FOLDS, classes=11, seed=1)
    return head


def test_a_folds_labels_leave_its_member_bit_identical_at_every_penalty() -> None:
    permuted, config = Y.copy(), TrainingConfig()
    permuted[FOLDS == 2] = np.random.default_rng(0).permutation(permuted[FOLDS == 2])
    sets = [training_set(X, Answers(labels, EVEN, FOLDS, 11), Scaling.of, seed=1) for labels in (Y, permuted)]
    heads = [train_heads(seen, seen.member_weights(config), config.penalties, config) for seen in sets]
    assert torch.equal(heads[0][2], heads[1][2])
    assert not torch.equal(heads[0][1], heads[1][1])


def test_the_penalty_is_kept_for_the_same_items_and_chosen_anew_for_others() -> None:
    head = fit()
    chosen = head.penalty
    head.penalty = 30.0
    head.fit(X, Y, EVEN / 2, FOLDS, classes=11, seed=1)
    assert head.penalty == 30.0
    head.fit(X, Y, EVEN, (FOLDS + 1) % 5, classes=11, seed=1)
    assert head.penalty == chosen


@pytest.mark.parametrize("posterior", ["mc_dropout", "laplace"])
def test_units_of_the_features_do_not_matter(posterior: str) -> None:
    plain, moved = fit(X, posterior), fit(X * 40 + 300, posterior)
    assert np.allclose(moved.predict_probs(X * 40 + 300), plain.predict_probs(X), atol=2e-3)
    draws = moved.draw_probs(X * 40 + 300, draws=4, seed=0), plain.draw_probs(X, draws=4, seed=0)
    assert np.allclose(*draws, atol=5e-3)
