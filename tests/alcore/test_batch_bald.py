"""Joint information against the enumeration of every label of every item."""

from itertools import product

import numpy as np
import pytest

import models_zoo.mc_dropout  # noqa: F401 - the one door to baal
from alcore.strategies import joint
from alcore.strategies.bayesian import bald
from alcore.strategies.joint import batch_bald


def some_draws(items: int, labels: int, draws: int, seed: int = 0, *, alpha: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(labels, alpha), (items, draws)).transpose(0, 2, 1).astype(np.float32)


def information(draws: np.ndarray) -> float:
    """I(labels of all items; draw) by the definition; draws: (items, labels, draws)."""
    wide = draws.astype(np.float64)
    joined = np.array(
        [np.prod([wide[item, label] for item, label in enumerate(labels)], axis=0)
         for labels in product(range(draws.shape[1]), repeat=len(draws))]
    )  # fmt: skip

    def entropy(probs: np.ndarray) -> np.ndarray:
        return -(probs * np.log(np.maximum(probs, 1e-300))).sum(axis=0)

    return float(entropy(joined.mean(axis=1)) - entropy(joined).mean())


def choose(draws: np.ndarray, batch: int, seed: int = 0, **options: int) -> joint.JointBatch:
    return batch_bald(draws, batch, rng=np.random.default_rng(seed), **options)


def test_every_pick_is_the_best_by_enumeration() -> None:
    draws = some_draws(7, 3, 6)
    found = choose(draws, 4)
    for place in range(4):
        before = found.items[:place].tolist()
        told = {item: information(draws[[*before, item]]) for item in range(7) if item not in before}
        assert found.items[place] == max(told, key=lambda item: told[item])
        assert found.information[place] == pytest.approx(told[found.items[place]], abs=1e-5)


def test_sampled_configurations_come_close_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint, "EXACT", 1)
    draws = some_draws(12, 3, 20)
    found = choose(draws, 5, configurations=4000)
    truth = [information(draws[found.items[: place + 1]]) for place in range(5)]
    assert found.information == pytest.approx(truth, abs=0.03)


def test_scoring_less_often_chooses_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = some_draws(60, 3, 10)
    lazy = choose(draws, 6).items.tolist()
    monkeypatch.setattr(joint, "AT_ONCE", 1000)
    assert choose(draws, 6).items.tolist() == lazy


def test_first_two_picks_are_baals() -> None:
    """baal takes one more than asked for, and samples from the first pick on: later ones drift apart."""
    import torch
    from baal.active.heuristics import BatchBALD

    torch.manual_seed(0)  # baal draws from the global generator
    draws = some_draws(30, 4, 10)
    theirs = BatchBALD(num_samples=2, num_draw=4000).get_uncertainties(draws)
    assert set(choose(draws, 2).items.tolist()) <= set(np.flatnonzero(theirs).tolist())


def test_first_pick_is_balds() -> None:
    draws = some_draws(50, 5, 20)
    assert choose(draws, 1).items[0] == bald(draws).argmax()
    assert choose(draws, 1).information[0] == pytest.approx(bald(draws).max(), abs=1e-5)


def test_a_copy_of_the_best_item_is_not_asked_next() -> None:
    sure = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    other = np.array([[0.9, 0.1, 0.9, 0.1], [0.1, 0.9, 0.1, 0.9]])
    found = choose(np.stack([sure, sure, sure, other]).astype(np.float32), 2)
    assert found.items[1] == 3


def test_hundreds_of_picks_do_not_underflow() -> None:
    draws = some_draws(300, 10, 8, alpha=0.05)
    found = choose(draws, 300, configurations=200)
    assert sorted(found.items.tolist()) == list(range(300))
    assert np.isfinite(found.information).all()
    assert (np.diff(found.information) >= 0).all()
    assert found.information[-1] == pytest.approx(np.log(8), abs=1e-3)


@pytest.mark.parametrize(("items", "labels", "draws"), [(5, 1, 3), (5, 2, 1), (4, 150, 3), (1, 2, 2), (0, 2, 2)])
def test_odd_sizes_give_all_there_is(items: int, labels: int, draws: int) -> None:
    found = choose(some_draws(items, labels, draws), 10)
    assert sorted(found.items.tolist()) == list(range(items))
    assert np.isfinite(found.information).all()


def test_an_empty_batch_is_empty() -> None:
    assert len(choose(some_draws(5, 2, 3), 0).items) == 0


def test_certain_draws_are_told_apart_exactly() -> None:
    draws = np.zeros((20, 4, 16), dtype=np.float32)
    for item in range(20):
        draws[item, (np.arange(16) // 4 ** (item % 2)) % 4, np.arange(16)] = 1
    assert choose(draws, 6).information == pytest.approx(np.log([4, 16, 16, 16, 16, 16]), abs=1e-5)


def test_ties_are_broken_by_the_seed() -> None:
    same = np.full((40, 2, 3), 0.5, dtype=np.float32)
    assert choose(same, 5, 1).items.tolist() == choose(same, 5, 1).items.tolist()
    assert choose(same, 5, 1).items.tolist() != choose(same, 5, 2).items.tolist()


def test_input_stays_untouched() -> None:
    draws = some_draws(10, 3, 5)
    before = draws.copy()
    choose(draws, 5)
    assert np.array_equal(before, draws)


@pytest.mark.parametrize(
    ("draws", "said"),
    [
        (np.full((2, 2, 2), np.nan), "finite"),
        (np.full((2, 2, 2), 0.9), "sum to 1"),
        (np.full((2, 2), 0.5), "3 axes"),
    ],
)
def test_what_is_no_distribution_is_refused(draws: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        choose(draws.astype(np.float32), 1)


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="batch"):
        choose(some_draws(3, 2, 2), -1)
    with pytest.raises(ValueError, match="configurations"):
        choose(some_draws(3, 2, 2), 1, configurations=0)
