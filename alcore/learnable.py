"""Which labeled items were never learned: each one's own label over the epochs of a small model that never saw it."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from alcore import guards
from alcore.checking import require_finite, require_shape
from alcore.cleaning import FEWEST_IN_OTHER_FOLDS, GOOD_ENOUGH
from alcore.intervals import wilson
from alcore.protocols import Floats, Ints

EPOCHS = 15  # Karamcheti et al. (2021)
STEPS = 2  # of L-BFGS in an epoch
TOO_EARLY = "Too early to tell what cannot be learned: it looks like what is not learned yet."


@dataclass(frozen=True)
class Dynamics:
    """How labeled items fared over the epochs, each by a model that never saw its fold. Arrays: (epochs, items).

    own: the probability of the item's own label; 0 where no other fold holds that label. named: True where that label
    was the likeliest.
    """

    own: Floats
    named: NDArray[np.bool_]


@dataclass(frozen=True)
class Unlearned:
    """What was never learned. flags: (items,); None where it is too early to tell. note: for the round's row."""

    flags: NDArray[np.bool_] | None
    note: str


def find(features: Floats, labels: Ints, folds: Ints) -> Unlearned:
    """Flag labeled items whose own label was never learned; arguments and errors as for `dynamics`.

    Flagged is who was low all along (see `guards.unlearnable`) and not once named in the second half of the epochs;
    with many labels a low probability alone may well be the likeliest. As in cleaning, nothing is said of a class with
    fewer than three labels in the other folds, nor before the model is surely right on more than half of the items and
    more often than who always names the commonest label: what it cannot learn looks like what it does not know yet.
    """
    told = dynamics(features, labels, folds)
    right = int(told.named[-1].sum())
    low, _ = wilson(right, len(labels))
    if low <= max(GOOD_ENOUGH, np.bincount(labels).max(initial=0) / max(1, len(labels))):
        return Unlearned(None, TOO_EARLY)
    flags = guards.unlearnable(told.own).unlearnable & ~told.named[len(told.named) // 2 :].any(axis=0)
    flags &= _elsewhere(labels, folds) >= FEWEST_IN_OTHER_FOLDS
    count = int(flags.sum())
    if not count:
        return Unlearned(flags, f"None of {len(labels)} labeled items looks as if it could not be learned.")
    are = "items look" if count > 1 else "item looks"
    return Unlearned(
        flags,
        f"{count} of {len(labels)} labeled {are} as if they could not be learned: what is like "
        "them is asked less. Look at them, the guidelines may leave them open.",
    )


def dynamics(features: Floats, labels: Ints, folds: Ints, *, epochs: int = EPOCHS) -> Dynamics:
    """Train a logistic regression for each fold on the others, epoch by epoch from nothing, and watch its own fold.

    A model of its own, not the round's: it costs a second for a thousand labels, goes with whatever model there is, and
    on features it is much the same.

    Args:
        features: (n, D) of labeled items. labels, folds: (n,).

    Raises ValueError on unequal lengths, NaN or infinity. Source: Swayamdipta et al. (2020), out of fold.
    """
    require_finite("features", features)
    require_shape("labels", labels, (len(features),))
    require_shape("folds", folds, (len(features),))
    own, named = np.zeros((epochs, len(labels)), dtype=np.float32), np.zeros((epochs, len(labels)), dtype=bool)
    wide = features.astype(np.float64)
    rows = wide - wide.mean(axis=0) if len(wide) else wide
    rows /= float(np.sqrt(np.square(rows).mean())) if rows.any() else 1.0
    for fold in np.unique(folds):
        judged, rest = folds == fold, folds != fold
        if len(np.unique(labels[rest])) > 1:
            own[:, judged], named[:, judged] = _watched(rows, labels, rest, judged, epochs)
    return Dynamics(own, named)


def _watched(
    rows: NDArray[np.float64], labels: Ints, rest: NDArray[np.bool_], judged: NDArray[np.bool_], epochs: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Both (epochs, judged): the probability of the own label, and whether it was the likeliest."""
    model = LogisticRegression(C=1.0, max_iter=STEPS, warm_start=True)
    own, named = np.zeros((epochs, int(judged.sum())), dtype=np.float32), []
    for epoch in range(epochs):
        with warnings.catch_warnings():  # stopping early is the point
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(rows[rest], labels[rest])
        probs = model.predict_proba(rows[judged])
        at = np.minimum(np.searchsorted(model.classes_, labels[judged]), len(model.classes_) - 1)
        known = model.classes_[at] == labels[judged]
        own[epoch] = np.where(known, probs[np.arange(len(at)), at], 0)
        named.append(known & (probs.argmax(axis=1) == at))
    return own, np.stack(named)


def _elsewhere(labels: Ints, folds: Ints) -> Ints:
    """(n,) labels of each one's class in the other folds."""
    per_fold = np.zeros((int(folds.max(initial=0)) + 1, int(labels.max(initial=0)) + 1), dtype=np.int64)
    np.add.at(per_fold, (folds, labels), 1)
    return np.asarray(per_fold.sum(axis=0)[labels] - per_fold[folds, labels])
