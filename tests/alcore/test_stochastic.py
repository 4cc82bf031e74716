"""Draws without replacement against the enumeration of every order."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alcore.strategies.stochastic import KINDS, StochasticBatch, power_batch

SCORES = np.array([0.1, 0.4, 0.2, 0.8], dtype=np.float32)
WEIGHTS = {"power": SCORES**2.0, "softmax": np.exp(2.0 * SCORES), "softrank": np.array([4.0, 2, 3, 1]) ** -2.0}
every_kind = pytest.mark.parametrize("kind", KINDS)


def draw(scores: np.ndarray, batch: int, seed: int = 0, **options: object) -> StochasticBatch:
    return power_batch(scores, batch, rng=np.random.default_rng(seed), **options)  # type: ignore[arg-type]


def conditional(order: tuple[int, ...], weights: np.ndarray) -> list[float]:
    """Each item's share of what is left at its step, one after another."""
    left, found = float(weights.sum()), []
    for item in order:
        found.append(float(weights[item]) / left)
        left -= float(weights[item])
    return found


@every_kind
@pytest.mark.parametrize("batch", [1, 2, 4])
def test_each_probability_is_that_of_its_step(kind: str, batch: int) -> None:
    for seed in range(20):
        found = draw(SCORES, batch, seed, kind=kind, beta=2.0)
        assert found.probability == pytest.approx(conditional(tuple(found.items), WEIGHTS[kind]), rel=1e-5)
        assert found.step.tolist() == list(range(1, batch + 1))
        assert found.pool_size.tolist() == [4, 3, 2, 1][:batch]


@every_kind
def test_orders_come_as_often_as_they_should(kind: str) -> None:
    runs = 6000
    seen = Counter(tuple(draw(SCORES, 4, seed, kind=kind, beta=2.0).items.tolist()) for seed in range(runs))
    for order in permutations(range(4)):
        chance = float(np.prod(conditional(order, WEIGHTS[kind])))
        assert abs(seen[order] / runs - chance) < 4.5 * np.sqrt(chance * (1 - chance) / runs) + 1e-4


def test_beta_of_zero_draws_all_alike() -> None:
    assert draw(SCORES, 3, beta=0.0).probability == pytest.approx([1 / 4, 1 / 3, 1 / 2])


def test_a_large_beta_takes_the_highest() -> None:
    assert draw(SCORES, 4, beta=1e6).items.tolist() == [3, 1, 2, 0]


@every_kind
def test_equal_scores_are_ordered_by_the_seed(kind: str) -> None:
    same = np.zeros(50, dtype=np.float32)
    first, again, other = (draw(same, 10, seed, kind=kind).items.tolist() for seed in (1, 1, 2))
    assert first == again != other


@given(
    arrays(np.float32, st.integers(0, 12), elements=st.floats(0, width=32, allow_infinity=False)),
    st.integers(0, 15),
    st.sampled_from(KINDS),
    st.floats(0, 100),
)
def test_any_scores_give_a_batch(scores: np.ndarray, batch: int, kind: str, beta: float) -> None:
    found = draw(scores, batch, kind=kind, beta=beta)
    assert len(set(found.items.tolist())) == len(found.items) == min(batch, len(scores))
    assert np.isfinite(found.probability).all()
    assert ((found.probability >= 0) & (found.probability <= 1)).all()
    if len(scores) == len(found.items) > 0:
        assert found.probability[-1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"kind": "cube"}, "kind"), ({"beta": -1.0}, "beta"), ({"beta": np.nan}, "beta"), ({"batch": -1}, "batch")],
)
def test_bad_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        draw(SCORES, **{"batch": 2, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(("bad", "said"), [(np.nan, "finite"), (np.inf, "finite"), (-0.1, "negative")])
def test_bad_scores_are_refused(bad: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        draw(np.array([0.5, bad], dtype=np.float32), 1)
