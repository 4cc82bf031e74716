"""The arms of the benchmark of outliers lack what they are said to lack, and nothing else."""

from copy import deepcopy

import numpy as np

from alcore.semi_supervised import Labeled, trained
from benchmarks.outlier_models import Closed, Filtered, Joint, Single
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS

X, Y = (DIGITS.data / 16).astype(np.float32), np.minimum(DIGITS.target, 6).astype(np.int64)
KNOWN = Labeled(X[:200], Y[:200], np.ones(200, dtype=np.float32), np.arange(200) % 5)


def fitted(kind: type[Joint]) -> Joint:
    model = kind(Ensemble())
    model.fit(KNOWN.features, KNOWN.labels, KNOWN.weights, KNOWN.folds, classes=7, seed=0)
    return model


def test_a_closed_model_never_says_out_of_scope() -> None:
    closed = fitted(Closed)
    for probs in (closed.predict_probs(X[200:300]), closed.member_probs(X[200:300])[0]):
        assert probs.shape == (100, 7)
        assert not probs[:, -1].any()
    assert closed.draw_probs(X[200:300], draws=3, seed=0).shape == (100, 7, 3)


def test_a_closed_model_learns_nothing_from_answers_out_of_scope() -> None:
    closed, alone, inside = fitted(Closed), Ensemble(), KNOWN.labels < 6
    weights = KNOWN.weights[inside]
    alone.fit(X[:200][inside], KNOWN.labels[inside], weights, KNOWN.folds[inside], classes=6, seed=0)
    assert np.array_equal(closed.inside(X[200:]), alone.predict_probs(X[200:]))


def test_a_closed_model_that_has_seen_no_class_says_all_alike() -> None:
    closed = Closed(Ensemble())
    closed.fit(X[:20], np.full(20, 6), KNOWN.weights[:20], KNOWN.folds[:20], classes=7, seed=0)
    assert np.allclose(closed.predict_probs(X[:5])[:, :-1], 1 / 6)
    assert closed.draw_probs(X[:5], draws=3, seed=0).shape == (5, 7, 3)


def test_a_filtered_model_leaves_no_doubt_about_what_lies_far() -> None:
    filtered, closed = fitted(Filtered), fitted(Closed)
    rows = np.concatenate([X[200:300], 1 - X[200:300]])
    probs = filtered.predict_probs(rows)
    assert (probs[100:, -1] == 1).mean() > 0.9
    assert (probs[:100, -1] == 1).mean() < 0.6
    assert np.array_equal(filtered.inside(rows), closed.inside(rows))


def test_a_single_model_is_the_first_member() -> None:
    single, joint = fitted(Single), fitted(Joint)
    assert np.array_equal(single.predict_probs(X[200:]), joint.member_probs(X[200:])[0])


def test_every_arm_can_be_forked() -> None:
    for kind in (Joint, Closed, Single):
        fork, _ = trained(fitted(kind), KNOWN, X[300:700], seed=0)
        assert isinstance(fork, kind)
        assert fork.predict_probs(X[700:720]).shape == (20, 7)


def test_a_copy_is_another_model_of_the_same_kind() -> None:
    for kind in (Joint, Single, Closed, Filtered):
        model = fitted(kind)
        copy = deepcopy(model)
        before = model.predict_probs(X[:5])
        copy.fit(KNOWN.features, KNOWN.labels[::-1].copy(), KNOWN.weights, KNOWN.folds, classes=7, seed=0)
        assert type(copy) is kind
        assert np.array_equal(model.predict_probs(X[:5]), before)
