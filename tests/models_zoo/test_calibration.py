"""Temperatures and class weights."""

import numpy as np
import pytest
import torch

from models_zoo import calibration, heads, weighing
from tests.models_zoo.digits import EVEN, FOLDS, X, Y, fitted, quick, rows_for

CERTAIN = torch.log_softmax(torch.randn(4000, 5, generator=torch.Generator().manual_seed(0)) * 2, dim=1)
SAID = torch.multinomial(CERTAIN.exp(), 1, generator=torch.Generator().manual_seed(1))[:, 0]


def found(logits: torch.Tensor, targets: torch.Tensor, known: bool = True) -> float:
    every = torch.full((len(targets),), known)
    return calibration.temperature(logits, targets, torch.ones(len(targets)), known=every)


@pytest.mark.parametrize(("too_sure", "expected"), [(1.0, 1.0), (3.0, 3.0), (0.5, 0.5), (20.0, 4.0), (0.01, 0.25)])
def test_the_temperature_undoes_what_is_too_sure_or_not_sure_enough(too_sure: float, expected: float) -> None:
    assert found(CERTAIN * too_sure, SAID) == pytest.approx(expected, rel=0.1)


def test_few_labels_fit_no_temperature() -> None:
    assert found(CERTAIN[:9] * 9, torch.arange(9) % 5) == 1.0
    assert found(CERTAIN * 3, SAID, known=False) == 1.0
    assert found(torch.zeros(40, 5), SAID[:40]) == 1.0


def test_a_label_of_one_fold_alone_is_unknown_to_its_member() -> None:
    targets, folds = torch.tensor([0, 0, 1, 1, 2]), torch.tensor([0, 1, 1, 1, 3])
    assert calibration.known_labels(targets, folds, classes=4).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("kind", heads.KINDS)
def test_calibration_lowers_the_out_of_fold_loss_or_leaves_it(kind: str) -> None:
    losses = []
    for calibrated in (True, False):
        probs = fitted(kind, calibrated=calibrated).out_of_fold_probs(rows_for(kind), FOLDS)
        losses.append(-np.log(probs[np.arange(len(Y)), Y]).mean())
    assert losses[0] <= losses[1] + 1e-6


def test_a_mean_is_softened_by_the_root_and_sharpened_with_its_members() -> None:
    soft, sharp, half = fitted("linear"), fitted("linear"), fitted("linear", calibrated=False)
    soft.temperature, half.temperature, sharp.temperature = 4.0, 2.0, 0.5  # type: ignore[attr-defined]
    assert np.allclose(soft.predict_probs(X), half.member_probs(X).mean(axis=0), atol=1e-6)
    assert np.allclose(sharp.predict_probs(X), sharp.member_probs(X).mean(axis=0), atol=1e-6)


def test_rare_labels_weigh_more_and_the_sum_stays() -> None:
    targets = torch.tensor([0] * 90 + [1] * 10)
    weights = torch.ones(2, 100)
    weights[1, :50] = 0
    balanced = weighing.balanced(weights, targets, classes=3, beta=0.999)
    assert balanced.sum(dim=1).tolist() == pytest.approx([100, 50], rel=1e-5)
    assert float(balanced[0, -1] / balanced[0, 0]) == pytest.approx((1 - 0.999**90) / (1 - 0.999**10), rel=1e-3)
    assert (balanced[1, :50] == 0).all()
    assert torch.equal(weighing.balanced(torch.zeros(1, 100), targets, classes=3, beta=0.999), torch.zeros(1, 100))


def test_balancing_finds_more_of_a_rare_label() -> None:
    keep = (Y != 8) | (np.cumsum(Y == 8) <= 4)  # four eights among the first two hundred digits
    eights, share = X[~keep], []
    for balanced in (False, True):
        head = quick("linear", balanced=balanced, penalties=(3.0,))
        head.fit(X[keep], Y[keep], EVEN[keep], FOLDS[keep], classes=11, seed=0)
        share.append(head.predict_probs(eights)[:, 8].mean())
    assert share[1] > share[0]
