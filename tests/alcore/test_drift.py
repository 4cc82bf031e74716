"""New items against earlier ones, by their distance to what is labeled."""

import numpy as np
import pytest
from numpy.typing import NDArray

from alcore.drift import FEWEST, Drift, drift


def around(middle: float, count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(middle, 1, size=(count, 8)).astype(np.float32)


def test_items_from_elsewhere_are_told() -> None:
    found = drift(around(2, 60, 1), around(0, 100, 2), around(0, 200, 3), seed=0)
    assert found is not None
    assert found.matters
    assert found.farther > 0.95
    assert (found.new, found.earlier) == (60, 100)


def test_more_of_the_same_is_no_drift() -> None:
    told = []
    for seed in range(100):
        found = drift(around(0, 40, 3 * seed), around(0, 80, 3 * seed + 1), around(0, 100, 3 * seed + 2), seed=0)
        assert found is not None
        told.append(found.matters)
    assert sum(told) <= 3, "one in a hundred is expected at most"


def test_items_nearer_than_before_are_no_drift() -> None:
    found = drift(around(0, 60, 1), around(2, 100, 2), around(0, 200, 3), seed=0)
    assert found is not None
    assert not found.matters
    assert found.farther < 0.05


def test_a_sure_but_small_difference_is_not_worth_a_word() -> None:
    assert not Drift(farther=0.55, p=1e-6, new=5000, earlier=5000).matters
    assert not Drift(farther=0.8, p=0.02, new=30, earlier=30).matters


@pytest.mark.parametrize("short", [0, 1, 2])
def test_too_few_of_any_say_nothing(short: int) -> None:
    rows = [around(0, FEWEST - (place == short), place) for place in range(3)]
    assert drift(*rows, seed=0) is None


def test_the_chance_is_counted_by_hand() -> None:
    """On a line with all labels at 0, the distance is the place; ties count by half."""
    labeled = np.zeros((30, 1), dtype=np.float32)
    new = np.repeat(np.array([[1.0], [3.0]], dtype=np.float32), 15, axis=0)
    earlier = np.repeat(np.array([[1.0], [2.0]], dtype=np.float32), 15, axis=0)
    found = drift(new, earlier, labeled, seed=0)
    assert found is not None
    assert found.farther == pytest.approx((0.5 + 0 + 1 + 1) / 4)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="n, D"):
        drift(around(0, 40, 1)[:, :3], around(0, 40, 2), around(0, 40, 3), seed=0)
    bad = around(0, 40, 1)
    bad[0, 0] = np.inf
    with pytest.raises(ValueError, match="must be finite"):
        drift(bad, around(0, 40, 2), around(0, 40, 3), seed=0)
