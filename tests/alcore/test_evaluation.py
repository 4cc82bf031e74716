"""Intervals, areas and comparisons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import evaluation


def test_wilson_by_hand() -> None:
    assert evaluation.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert evaluation.wilson(0, 0) == (0, 1)


def test_area_is_the_mean_height() -> None:
    labels = np.array([10.0, 20.0, 40.0])
    assert evaluation.area_under_curve(labels, np.array([0.5, 0.5, 0.5])) == pytest.approx(0.5)
    assert evaluation.area_under_curve(labels, np.array([0.0, 1.0, 1.0])) == pytest.approx(25 / 30)
    with pytest.raises(ValueError, match="rise"):
        evaluation.area_under_curve(np.array([1.0, 1.0]), np.array([0.1, 0.2]))


def test_paired_difference() -> None:
    found = evaluation.paired_difference(np.array([0.6, 0.7, 0.8]), np.array([0.5, 0.6, 0.69]))
    assert found.mean == pytest.approx(0.1033, abs=1e-3)
    assert found.low < found.mean < found.high
    assert found.p < 0.05


def test_labels_to_reach() -> None:
    labels, accuracy = np.array([10.0, 20.0, 30.0]), np.array([0.5, 0.7, 0.8])
    assert evaluation.labels_to_reach(labels, accuracy, 0.6) == pytest.approx(15)
    assert np.isnan(evaluation.labels_to_reach(labels, accuracy, 0.9))


def test_thirty_answers_are_enough() -> None:
    same = np.zeros(30, dtype=np.int64)
    assert evaluation.audit_estimate(same, same).enough
    assert not evaluation.audit_estimate(same[:29], same[:29]).enough


def test_calibration_error_is_the_gap_between_certainty_and_truth() -> None:
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]], dtype=np.float32)
    assert evaluation.expected_calibration_error(probs, np.array([0, 0, 1, 1])) == pytest.approx((0.1 + 0.4) / 2)
    assert evaluation.expected_calibration_error(probs, np.array([0, 1, 1, 0])) == pytest.approx((0.4 + 0.1) / 2)
    assert np.isnan(evaluation.expected_calibration_error(probs[:0], np.zeros(0, dtype=np.int64)))


Way = tuple[float, list[int], list[float]]


def every_way(losses: np.ndarray, count: int, ranked: tuple[int, ...] = ()) -> list[Way]:
    """(chance, items, probabilities) of every way to take `count` items, whose chances hang on what was taken before.

    ranked: steps without a draw, at which a rule takes one by what the losses were so far.
    """
    ways = [(1.0, list[int](), list[float]())]
    for step in range(count):
        grown = []
        for chance, taken, told in ways:
            left = [item for item in range(len(losses)) if item not in taken]
            if step in ranked:
                ruled = left[(sum(taken) + round(3 * float(losses[taken].sum()))) % len(left)]
                grown.append((chance, [*taken, ruled], [*told, np.nan]))
                continue
            odds = np.array([1.0 + (item + sum(taken)) % 3 for item in left])
            for item, odd in zip(left, odds / odds.sum(), strict=True):
                grown.append((chance * odd, [*taken, item], [*told, odd]))
        ways = grown
    return ways


@pytest.mark.parametrize("ranked", [(), (0,), (1, 2), (3,)])
def test_lure_weights_are_unbiased_over_every_way_to_draw(ranked: tuple[int, ...]) -> None:
    losses = np.array([0.0, 1.0, 0.3, 0.9, 0.2, 0.0])
    found = 0.0
    for chance, taken, told in every_way(losses, 4, ranked):
        found += chance * float((evaluation.lure_weights(np.array(told), 6) * losses[taken]).mean())
    assert found == pytest.approx(losses.mean())


def test_lure_weights_are_those_of_the_paper() -> None:
    chances, pool = np.array([0.3, 0.05, 0.2, 0.4]), 9
    step, count = np.arange(1, 5), 4
    paper = 1 + (pool - count) / (pool - step) * (1 / ((pool - step + 1) * chances) - 1)
    assert evaluation.lure_weights(chances, pool) == pytest.approx(paper)


@pytest.mark.parametrize("taken", [1, 5, 8])
def test_equal_chances_weigh_alike_until_the_pool_is_empty(taken: int) -> None:
    weights = evaluation.lure_weights(1 / (8 - np.arange(taken)), 8)
    assert weights == pytest.approx(np.ones(taken))


def test_a_pool_taken_to_the_last_is_known_exactly() -> None:
    losses = np.array([1.0, 0.0, 1.0, 1.0])
    found = evaluation.lure_estimate(losses, np.array([np.nan, 1 / 3, np.nan, 1.0]), 4)
    assert found.share == pytest.approx(0.75)
    assert (found.drawn, found.enough) == (2, False)


def test_what_is_ranked_before_the_draws_moves_no_estimate_of_the_rest() -> None:
    """A strategy takes the hundred hardest; draws from the others, and those known, tell the pool's mean."""
    rng, inside, shares = np.random.default_rng(0), 0, []
    losses = np.sort(rng.random(1000) < 0.3)[::-1].astype(float)
    for _ in range(400):
        taken, told, left = [], [], list(range(1000))
        for step in range(150):
            hard = step % 3 < 2
            taken.append(left.pop(0 if hard else int(rng.integers(len(left)))))
            told.append(np.nan if hard else 1 / (len(left) + 1))
        found = evaluation.lure_estimate(losses[taken], np.array(told), 1000)
        shares.append(found.share)
        inside += found.low <= losses.mean() <= found.high
    assert np.mean(shares) == pytest.approx(losses.mean(), abs=3 * np.std(shares) / 20)
    assert inside >= 0.92 * 400


@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_an_interval_of_draws_alike_is_no_point(loss: float) -> None:
    found = evaluation.lure_estimate(np.full(40, loss), 1 / (500 - np.arange(40)), 500)
    assert found.share == pytest.approx(loss)
    assert found.high - found.low > 0.05


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 2**32))
def test_intervals_hold_their_estimate_whatever_the_chances(drawn: int, ranked: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chances = rng.permutation(np.concatenate([rng.random(drawn) * 0.999 + 0.001, np.full(ranked, np.nan)]))
    found = evaluation.lure_estimate(rng.random(drawn + ranked), chances, drawn + ranked + int(rng.integers(0, 5)))
    assert 0 <= found.low <= found.high <= 1
    assert 0 <= found.share <= 1


@pytest.mark.parametrize(
    ("chances", "pool"), [([0.0], 3), ([1.5], 3), ([np.nan], 3), ([], 3), ([0.5, 0.5], 1), ([[0.5]], 3)]
)
def test_impossible_draws_are_refused(chances: list[float], pool: int) -> None:
    with pytest.raises(ValueError, match=r"draw|probabilities"):
        evaluation.lure_weights(np.array(chances), pool)


def test_losses_outside_0_to_1_are_refused() -> None:
    with pytest.raises(ValueError, match="losses"):
        evaluation.lure_estimate(np.array([2.0]), np.array([0.5]), 3)
