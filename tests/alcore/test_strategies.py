"""Scores against brute force, against baal, and on arrays that hypothesis makes up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alcore.strategies.bayesian import bald, disagreement
from alcore.strategies.coldstart import max_herding
from alcore.strategies.uncertainty import entropy, least_confidence, margin


@st.composite
def some_probs(draw: st.DrawFn) -> np.ndarray:
    items, labels = draw(st.integers(0, 8)), draw(st.integers(2, 150))
    raw = draw(arrays(np.float32, (items, labels), elements=st.floats(0, 1, width=32)))
    raw = raw + np.float32(1e-3)
    return np.asarray(raw / raw.sum(axis=1, keepdims=True), dtype=np.float32)


@given(some_probs())
def test_scores_are_finite_and_leave_their_input_alone(probs: np.ndarray) -> None:
    before = probs.copy()
    for score in (least_confidence, margin, entropy):
        scores = score(probs)
        assert scores.shape == (len(probs),)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
        assert (scores >= 0).all()
    assert np.array_equal(before, probs)


def test_scores_by_hand() -> None:
    probs = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]], dtype=np.float32)
    assert least_confidence(probs) == pytest.approx([0.5, 0.0])
    assert margin(probs) == pytest.approx([0.8, 0.0])
    assert entropy(probs) == pytest.approx([1.0296530, 0.0])


def test_bald_equals_baals() -> None:
    from baal.active.heuristics import BALD

    draws = np.random.default_rng(0).dirichlet(np.ones(4), (50, 20)).transpose(0, 2, 1).astype(np.float32)
    assert bald(draws) == pytest.approx(BALD().get_uncertainties(draws), abs=1e-5)


def test_disagreement_is_zero_among_equals() -> None:
    members = np.tile(np.array([[0.7, 0.3]], dtype=np.float32), (5, 3, 1))
    assert disagreement(members) == pytest.approx([0, 0, 0], abs=1e-6)


@pytest.mark.parametrize("score", [least_confidence, margin, entropy])
def test_bad_probabilities_are_refused(score: object) -> None:
    for bad in ([[np.nan, 1.0]], [[2.0, 0.1]], [0.5, 0.5]):
        with pytest.raises(ValueError, match="probs"):
            score(np.array(bad, dtype=np.float32))  # type: ignore[operator]


def test_herding_covers_every_cluster() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    points = (centers.repeat(25, axis=0) + rng.normal(0, 0.3, (100, 2))).astype(np.float32)
    chosen = max_herding(points, 4, rng=rng)
    assert sorted(chosen // 25) == [0, 1, 2, 3]
