"""The batch: the strategy's order, the random share, and the probability of each draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.selection import Pick, fill, is_random_place


@given(st.integers(0, 60), st.integers(0, 30), st.floats(0, 1), st.booleans(), st.integers(0, 5))
def test_batch_is_open_unique_and_of_the_right_size(
    pool: int, batch: int, share: float, weighted: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    open_items = rng.random(pool) < 0.7
    items = rng.permutation(np.flatnonzero(open_items))[: pool // 2]
    pick = Pick(items, rng.normal(size=len(items)) if weighted else None)
    chosen = fill(pick, open_items, batch=batch, random_share=share, rng=rng)
    assert len(chosen) == min(batch, open_items.sum())
    assert len(set(chosen.items)) == len(chosen)
    assert open_items[chosen.items].all()
    drawn = chosen.draw == "random"
    assert chosen.probability[drawn] == pytest.approx(1 / chosen.pool_size[drawn])
    ranked = chosen.draw == "ranked"
    assert np.isnan(chosen.probability[ranked]).all()
    assert (chosen.step[~ranked] == np.arange(1, (~ranked).sum() + 1)).all()
    assert (chosen.probability[~ranked] > 0).all()


def test_the_pick_is_taken_in_its_order() -> None:
    chosen = fill(
        Pick(np.array([7, 2, 5, 1])), np.ones(10, bool), batch=3, random_share=0, rng=np.random.default_rng(0)
    )
    assert chosen.items.tolist() == [7, 2, 5]


def test_a_short_pick_is_filled_up_at_random() -> None:
    chosen = fill(Pick(np.array([7])), np.ones(10, bool), batch=3, random_share=0, rng=np.random.default_rng(0))
    assert chosen.draw.tolist() == ["ranked", "random", "random"]


@pytest.mark.parametrize(("items", "match"), [([1, 1], "twice"), ([3], "may not be asked")])
def test_a_wrong_pick_is_refused(items: list[int], match: str) -> None:
    open_items = np.array([True, True, True, False])
    with pytest.raises(ValueError, match=match):
        fill(Pick(np.array(items)), open_items, batch=2, random_share=0, rng=np.random.default_rng(0))


def test_random_places_are_spread() -> None:
    assert is_random_place(20, 0.1).sum() == 2
    assert is_random_place(10, 0).sum() == 0
    assert is_random_place(10, 1).all()


def test_random_draws_are_uniform() -> None:
    counts = np.zeros(5)
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        counts[fill(Pick(np.arange(5)), np.ones(5, bool), batch=1, random_share=1, rng=rng).items] += 1
    assert counts / 2000 == pytest.approx(np.full(5, 0.2), abs=0.04)


def test_sampled_draws_come_as_often_as_their_probability_says() -> None:
    """Of each pair, and with a random place between: the product of the conditional probabilities is the frequency."""
    weights = np.log(np.array([0.5, 0.3, 0.2]))
    seen: dict[tuple[int, ...], int] = {}
    said: dict[tuple[int, ...], float] = {}
    for seed in range(4000):
        rng = np.random.default_rng(seed)
        chosen = fill(Pick(np.arange(3), weights), np.ones(4, bool), batch=2, random_share=0.5, rng=rng)
        key = tuple(chosen.items.tolist())
        seen[key], said[key] = seen.get(key, 0) + 1, float(chosen.probability.prod())
    assert sum(said.values()) == pytest.approx(1)
    assert all(seen[key] / 4000 == pytest.approx(said[key], abs=0.03) for key in seen)
