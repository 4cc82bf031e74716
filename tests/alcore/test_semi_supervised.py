"""Pseudo-labels, the steps of a fork, and the fork itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import semi_supervised
from alcore.semi_supervised import (
    Audit,
    Labeled,
    Pace,
    certainty,
    compare,
    pseudo_labels,
    sample,
    served,
    steps,
    trained,
)
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS

X, Y = (DIGITS.data / 16).astype(np.float32), DIGITS.target.astype(np.int64)
RNG = np.random.default_rng(0)


def labeled(count: int = 100) -> Labeled:
    """Digits; eights and nines are out of scope, K = 8."""
    return Labeled(X[:count], np.minimum(Y[:count], 8), np.ones(count, dtype=np.float32), np.arange(count) % 5)


def supervised(known: Labeled) -> Ensemble:
    model = Ensemble()
    model.fit(known.features, known.labels, known.weights, known.folds, classes=9, seed=1)
    return model


def test_certainty_is_1_for_one_class_and_0_for_all_alike() -> None:
    probs = np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0]], dtype=np.float32)
    assert certainty(probs) == pytest.approx([1, 0, 1 - np.log(2) / np.log(3)], abs=1e-6)
    assert certainty(np.ones((2, 1), dtype=np.float32)).tolist() == [1, 1]


@given(st.integers(1, 40), st.integers(2, 6), st.integers(0, 10_000))
def test_no_class_has_more_pseudo_labels_than_its_labels_allow(count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(classes, 0.3), count).astype(np.float32)
    counts = rng.integers(0, 5, classes)
    found = pseudo_labels(probs, counts, per_label=2)
    assert (np.bincount(found.labels, minlength=classes) <= 2 * counts).all()
    assert (found.labels == probs[found.rows].argmax(axis=1)).all()
    left = np.setdiff1d(np.arange(count), found.rows)
    for row in left:  # what is left out is no surer than what was taken of its class
        same = found.labels == probs[row].argmax()
        assert not same.any() or found.weights[same].min() >= certainty(probs[[row]])[0] - 1e-6


def test_a_class_without_labels_gives_none() -> None:
    probs = np.eye(3, dtype=np.float32)
    assert pseudo_labels(probs, np.array([4, 0, 1]), per_label=10).labels.tolist() == [0, 2]


def test_every_step_has_as_many_labeled_rows() -> None:
    made = steps(30, 500, Pace(epochs=2, batch=64), rng=RNG)
    assert {len(batch) for batch in made.batches} == {30}
    assert len(made.batches) == len(made.beside) == 2 * made.epoch
    assert np.concatenate(made.batches).max() < 30
    beside = np.concatenate(made.beside)
    assert beside.min() >= 30
    assert set(beside) == set(range(30, 530))  # none is left out


def test_the_model_stays_as_it_is_and_the_fork_differs() -> None:
    known = labeled()
    model = supervised(known)
    before = model.member_probs(X[1000:1200])
    fork, pseudo = trained(model, known, X[200:900], seed=3)
    assert np.array_equal(model.member_probs(X[1000:1200]), before)
    assert not np.allclose(fork.member_probs(X[1000:1200]), before)
    assert len(pseudo.rows) == len(set(pseudo.rows)) <= 700


def test_the_fork_is_the_same_for_the_same_seed() -> None:
    known = labeled()
    model = supervised(known)
    first, again = (trained(model, known, X[200:600], seed=3)[0].predict_probs(X[1000:]) for _ in range(2))
    assert np.array_equal(first, again)


def test_the_fork_is_no_worse_on_digits() -> None:
    known = labeled(150)
    model = supervised(known)
    fork, _ = trained(model, known, X[200:900], seed=0)
    right = [(one.predict_probs(X[900:]).argmax(axis=1) == np.minimum(Y[900:], 8)).mean() for one in (model, fork)]
    assert right[1] >= right[0] - 0.01


def test_without_anything_unlabeled_the_model_itself_is_given_back() -> None:
    known = labeled()
    model = supervised(known)
    fork, pseudo = trained(model, known, X[:0], seed=0)
    assert fork is model
    assert not len(pseudo.rows)


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="probs"):
        certainty(np.full((2, 2), np.nan, dtype=np.float32))
    with pytest.raises(ValueError, match="counts"):
        pseudo_labels(np.eye(3, dtype=np.float32), np.ones(2, dtype=np.int64), per_label=1)
    with pytest.raises(ValueError, match="per_label"):
        pseudo_labels(np.eye(3, dtype=np.float32), np.ones(3, dtype=np.int64), per_label=-1)
    with pytest.raises(ValueError, match="rows"):
        steps(0, 5, Pace(), rng=RNG)
    known = labeled()
    with pytest.raises(ValueError, match="finite"):
        trained(supervised(known), known, np.full((3, 64), np.nan, dtype=np.float32), seed=0)


def test_a_fork_serves_unless_the_audit_is_sure_that_it_is_worse() -> None:
    answers = np.zeros(30, dtype=np.int64)
    right, wrong = answers, np.where(np.arange(30) < 6, 1, 0)
    assert compare(right, wrong, answers)[0] is False
    assert compare(wrong, right, answers)[0] is True
    assert compare(right, np.where(np.arange(30) < 2, 1, 0), answers)[0] is True  # two may be chance
    helps, why = compare(answers[:0], answers[:0], answers[:0])
    assert helps
    assert why == ""


def test_what_serves_is_said_with_its_reason() -> None:
    known = labeled()
    model = supervised(known)
    audit = Audit(X[1000:1040], np.minimum(Y[1000:1040], 8))
    found = served(model, known, X[200:900], audit, seed=0)
    assert found.forked
    assert found.model is not model
    assert "of 40 audit answers" in found.note
    against = Audit(audit.features, model.predict_probs(audit.features).argmax(axis=1))
    spoiled = served(model, known, X[200:900], against, seed=0, pace=Pace(epochs=200, share=50.0, per_label=1.0))
    assert spoiled.forked == (spoiled.model is not model)
    nothing = served(model, known, X[:0], audit, seed=0)
    assert not nothing.forked
    assert nothing.model is model


def test_a_sample_of_what_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    open_items = np.arange(40) % 2 == 0
    assert sample(open_items, seed=1).tolist() == np.flatnonzero(open_items).tolist()
    monkeypatch.setattr(semi_supervised, "MOST", 5)
    few = sample(open_items, seed=1)
    assert len(few) == 5
    assert open_items[few].all()
    assert few.tolist() == sample(open_items, seed=1).tolist()


def test_what_a_member_has_not_seen_stays_unseen_by_the_model_that_was_forked_from() -> None:
    """Cleaning reads the supervised model: its out-of-fold answers are those from before the fork."""
    known = labeled()
    model = supervised(known)
    before = model.out_of_fold_probs(known.features, known.folds)
    trained(model, known, X[200:900], seed=0)
    assert np.array_equal(before, model.out_of_fold_probs(known.features, known.folds))
