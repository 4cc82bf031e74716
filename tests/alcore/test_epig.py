"""Expected predictive information gain against its definition."""

import numpy as np
import pytest

import models_zoo.mc_dropout  # noqa: F401 - the one door to baal
from alcore.strategies import joint
from alcore.strategies.joint import epig

RNG = np.random.default_rng(0)


def some_draws(items: int, labels: int = 3, draws: int = 5) -> np.ndarray:
    return RNG.dirichlet(np.ones(labels), (items, draws)).transpose(0, 2, 1).astype(np.float32)


def by_definition(draws: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Mean divergence of the pair of labels from their independence."""
    scores = np.zeros(len(draws))
    for item, one in enumerate(draws.astype(np.float64)):
        for other in targets.astype(np.float64):
            pair = np.einsum("at,bt->ab", one, other) / one.shape[1]
            apart = one.mean(axis=1)[:, None] * other.mean(axis=1)[None, :]
            scores[item] += (pair * np.log(pair / apart)).sum() / len(targets)
    return scores


def test_scores_are_the_definitions() -> None:
    draws, targets = some_draws(9), some_draws(4)
    assert epig(draws, targets) == pytest.approx(by_definition(draws, targets), abs=1e-5)


def test_scores_are_baals() -> None:
    from baal.active.heuristics import EPIG

    draws, targets = some_draws(20), some_draws(6)
    assert epig(draws, targets) == pytest.approx(EPIG().compute_score(draws, targets), abs=1e-4)


@pytest.mark.parametrize("entries", [1, 9, 20, 100])
def test_blocks_do_not_change_the_scores(entries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draws, targets = some_draws(11), some_draws(7)
    whole = epig(draws, targets)
    monkeypatch.setattr(joint, "ENTRIES", entries)
    assert epig(draws, targets) == pytest.approx(whole, abs=1e-6)


def test_doubt_that_no_target_shares_is_worth_nothing() -> None:
    """BALD would rate both items alike."""
    asked, foreign = np.array([0.9, 0.1, 0.9, 0.1]), np.array([0.9, 0.9, 0.1, 0.1])
    draws = np.stack([[asked, 1 - asked], [foreign, 1 - foreign]]).astype(np.float32)
    scores = epig(draws, draws[:1])
    assert scores[0] > 0.1
    assert scores[1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("labels", "draws"), [(1, 4), (2, 1), (150, 2)])
def test_odd_sizes_are_finite(labels: int, draws: int) -> None:
    scores = epig(some_draws(3, labels, draws), some_draws(2, labels, draws))
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert len(epig(some_draws(0, labels, draws), some_draws(2, labels, draws))) == 0


def test_certain_draws_are_finite() -> None:
    certain = np.tile(np.array([[1.0], [0.0]], dtype=np.float32), (4, 1, 3))
    assert epig(certain, certain).tolist() == [0, 0, 0, 0]


def test_targets_of_other_draws_are_refused() -> None:
    for targets in (some_draws(2, 3, 4), some_draws(2, 4, 5), some_draws(0)):
        with pytest.raises(ValueError, match="targets"):
            epig(some_draws(3), targets)
    with pytest.raises(ValueError, match="finite"):
        epig(np.full((1, 3, 5), np.nan, dtype=np.float32), some_draws(2))
