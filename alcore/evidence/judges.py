"""Out-of-fold probabilities by cheap models unlike the round's own: what unlike models doubt is doubtful.

Each trains on a bounded number of rows, so that its cost grows with what is judged alone.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from alcore.checking import require_finite, require_shape
from alcore.protocols import Floats, Ints

UNSEEN = 1e-4  # probability of a label that no other fold holds
NEIGHBORS = 10
GROUPED = 16  # columns that share a group, where a row's highest values are sought
TREES = 30
PENALTY = 0.1  # of the logistic regression, on features of unit variance in the mean
MOST_TAUGHT = 3_000  # rows that a judge trains on
ROWS = 8_192  # judged at once
REPEATS = ((1_000, 3), (5_000, 2))  # below so many labels so many repeats with other folds; 1 above
FOLDS = 5
Judge = Callable[[Floats, Ints, int], Callable[[Floats], Floats]]


def trees(features: Floats, labels: Ints, seed: int) -> Callable[[Floats], Floats]:
    """Extremely randomised trees, balanced by class. Source: Geurts, Ernst & Wehenkel (2006)."""
    model = ExtraTreesClassifier(TREES, class_weight="balanced", n_jobs=1, random_state=seed % 2**32)
    return _probs_of(model.fit(features, labels))


def logistic(features: Floats, labels: Ints, seed: int) -> Callable[[Floats], Floats]:
    """Logistic regression, balanced by class."""
    del seed  # nothing in it is drawn
    scale = float(features.std()) or 1.0
    model = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=200).fit(features / scale, labels)
    probs = _probs_of(model)
    return lambda rows: probs(rows / scale)


def neighbors(features: Floats, labels: Ints, seed: int) -> Callable[[Floats], Floats]:
    """The shares of the labels among the ten nearest by cosine. Source: Zhu, Dong & Liu (2022), SimiFeat."""
    del seed
    known, classes = normalize(features), int(labels.max()) + 1
    count = min(NEIGHBORS, len(known))

    def probs(rows: Floats) -> Floats:
        close = normalize(rows) @ known.T
        near = highest(close, count)
        shares = np.zeros((len(rows), classes), dtype=np.float32)
        np.add.at(shares, (np.repeat(np.arange(len(rows)), count), labels[near].ravel()), 1 / count)
        return shares

    return probs


def highest(values: Floats, count: int) -> Ints:
    """(rows, count): the columns of each row's highest values, in any order.

    Of many columns only those are looked at one by one that share a group with a maximum among the highest.
    """
    rows, columns = values.shape
    groups = columns // GROUPED
    if groups < 2 * count:
        return np.argpartition(-values, count - 1, axis=1)[:, :count]
    grouped = values[:, : groups * GROUPED].reshape(rows, GROUPED, groups)  # a group is every so many-th column
    best = np.argpartition(-grouped.max(axis=1), count - 1, axis=1)[:, :count]
    members = (best[:, :, None] + groups * np.arange(GROUPED)).reshape(rows, -1)
    rest = np.broadcast_to(np.arange(groups * GROUPED, columns), (rows, columns - groups * GROUPED))
    known = np.concatenate([members, rest], axis=1)
    found = np.argpartition(-np.take_along_axis(values, known, axis=1), count - 1, axis=1)[:, :count]
    return np.asarray(np.take_along_axis(known, found, axis=1))


def out_of_fold(
    judge: Judge, features: Floats, labels: Ints, folds: Sequence[Ints], *, classes: int, seed: int
) -> Floats:
    """(n, classes): what a judge says of each item that it never saw, in the mean over several ways to fold them.

    Args:
        features: (n, D). labels: (n,). folds: one or more of (n,): near-duplicates must share their fold.

    A label that no other fold holds has a probability of .0001, and so has every label where a fold's others know but
    one. Raises ValueError on unequal lengths, NaN or infinity.
    """
    require_finite("features", features)
    require_shape("labels", labels, (len(features),))
    total = np.zeros((len(labels), classes))
    for number, each in enumerate(folds):
        require_shape("folds", each, labels.shape)
        for fold in np.unique(each).tolist():
            rng = np.random.default_rng([seed, 91, number, fold])
            total[each == fold] += _judged(judge, features, labels, each == fold, classes, rng)
    return np.asarray(total / total.sum(axis=1, keepdims=True), dtype=np.float32)


def ways_to_fold(folds: Ints, groups: Ints, *, seed: int) -> tuple[Ints, ...]:
    """The folds themselves, and for few labels more of the kind, so that the queue does not hang on one of them.

    Args:
        folds: (n,). groups: (n,) of near-duplicates, which stay together.
    """
    repeats = next((count for most, count in REPEATS if len(folds) <= most), 1)
    names, group = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng([seed, 92])
    return (folds, *(rng.integers(0, FOLDS, len(names))[group] for _ in range(repeats - 1)))


def _judged(
    judge: Judge, features: Floats, labels: Ints, held: NDArray[np.bool_], classes: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    taught, rows = np.flatnonzero(~held), np.flatnonzero(held)
    taught = np.sort(rng.permutation(taught)[:MOST_TAUGHT])
    said = np.full((len(rows), classes), UNSEEN)
    names, target = np.unique(labels[taught], return_inverse=True)
    if len(names) > 1:
        probs = judge(features[taught], target, int(rng.integers(2**31)))
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            said[part, names] = np.maximum(probs(features[rows[part]]), UNSEEN)
    return np.asarray(said / said.sum(axis=1, keepdims=True))


def _probs_of(model: LogisticRegression | ExtraTreesClassifier) -> Callable[[Floats], Floats]:
    return lambda rows: np.asarray(model.predict_proba(rows), dtype=np.float32)
