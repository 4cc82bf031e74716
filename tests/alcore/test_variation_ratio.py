"""The share of members that differ, and how its ties are broken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.strategies.uncertainty import TIES, variation_ratio, vr_bald


def test_scores_are_shares_of_members() -> None:
    sure = np.eye(3, dtype=np.float32)
    members = sure[np.array([[0, 0, 1], [0, 1, 1], [0, 0, 1], [0, 0, 2]])]
    assert variation_ratio(members) == pytest.approx([0, 0.25, 0.25], abs=TIES / 4)


def test_equal_shares_are_ordered_by_disagreement() -> None:
    mild = np.array([[0.9, 0.1], [0.9, 0.1], [0.49, 0.51]])
    hard = np.array([[0.9, 0.1], [0.9, 0.1], [0.01, 0.99]])
    scores = variation_ratio(np.stack([mild, hard], axis=1).astype(np.float32))
    assert scores[1] > scores[0]


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 10_000))
def test_unequal_shares_are_never_reordered(count: int, labels: int, seed: int) -> None:
    members = np.random.default_rng(seed).dirichlet(np.full(labels, 0.3), (count, 30)).astype(np.float32)
    scores = variation_ratio(members)
    mean = members.mean(axis=0, dtype=np.float64).argmax(axis=1)
    differing = (members.argmax(axis=2) != mean).sum(axis=0)
    assert (np.floor(scores * count + 1e-4) == differing).all()


@pytest.mark.parametrize(("count", "labels"), [(1, 3), (5, 1), (5, 2), (3, 150)])
def test_members_that_agree_score_nothing(count: int, labels: int) -> None:
    one = np.random.default_rng(0).dirichlet(np.ones(labels), 20).astype(np.float32)
    assert variation_ratio(np.tile(one, (count, 1, 1))) == pytest.approx(np.zeros(20), abs=1e-6)


def test_bad_members_are_refused() -> None:
    for bad in (np.full((2, 2, 2), np.nan), np.zeros((2, 2)), np.zeros((0, 3, 2))):
        with pytest.raises(ValueError, match="members"):
            variation_ratio(bad.astype(np.float32))


def test_what_the_ensemble_takes_for_out_of_scope_scores_nothing() -> None:
    sure = np.eye(3, dtype=np.float32)
    members = sure[np.array([[0, 2, 0], [0, 2, 1], [1, 0, 0], [0, 2, 2]])]
    scores = vr_bald(members)
    assert scores[1] == 0
    assert scores[[0, 2]] == pytest.approx(variation_ratio(members)[[0, 2]])


@given(st.integers(1, 8), st.integers(1, 6), st.integers(0, 10_000))
def test_in_scope_the_order_is_that_of_the_variation_ratio(count: int, labels: int, seed: int) -> None:
    members = np.random.default_rng(seed).dirichlet(np.full(labels, 0.3), (count, 30)).astype(np.float32)
    inside = members.mean(axis=0, dtype=np.float64).argmax(axis=1) < labels - 1
    scores = vr_bald(members)
    assert np.array_equal(scores[inside], variation_ratio(members)[inside])
    assert not scores[~inside].any()
    assert np.isfinite(scores).all()


def test_certain_members_are_no_nan() -> None:
    """A probability of 0 has a logarithm of minus infinity: the published code's entropy is NaN there."""
    members = np.tile(np.eye(4, dtype=np.float32)[None], (5, 1, 1))
    assert vr_bald(members).tolist() == [0, 0, 0, 0]
