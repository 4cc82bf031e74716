"""The batch: ranked items, the random share, and the probability of each random draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.selection import is_random_place, select


@given(st.integers(0, 60), st.integers(0, 30), st.floats(0, 1), st.integers(0, 5))
def test_batch_is_open_unique_and_of_the_right_size(pool: int, batch: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    open_items = rng.random(pool) < 0.7
    chosen = select(rng.random(pool, dtype=np.float32), open_items, batch=batch, random_share=share, rng=rng)
    assert len(chosen) == min(batch, open_items.sum())
    assert len(set(chosen.items)) == len(chosen)
    assert open_items[chosen.items].all()
    drawn = chosen.draw == "random"
    assert chosen.probability[drawn] == pytest.approx(1 / chosen.pool_size[drawn])
    assert np.isnan(chosen.probability[~drawn]).all()


def test_ranked_items_are_the_best() -> None:
    scores = np.arange(10, dtype=np.float32)
    rng = np.random.default_rng(0)
    chosen = select(scores, np.ones(10, dtype=bool), batch=3, random_share=0, rng=rng)
    assert chosen.items.tolist() == [9, 8, 7]


def test_random_places_are_spread() -> None:
    assert is_random_place(20, 0.1).sum() == 2
    assert is_random_place(10, 0).sum() == 0
    assert is_random_place(10, 1).all()


def test_random_draws_are_uniform() -> None:
    counts = np.zeros(5)
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        counts[select(np.arange(5, dtype=np.float32), np.ones(5, bool), batch=1, random_share=1, rng=rng).items] += 1
    assert counts / 2000 == pytest.approx(np.full(5, 0.2), abs=0.04)
