"""Out-of-fold probabilities -> label issues: answers that look wrong, and how much less they should weigh."""

import warnings
from dataclasses import dataclass

import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from alcore.checking import require_probs, require_shape
from alcore.intervals import wilson
from alcore.protocols import Floats, Ints

FEWEST_IN_OTHER_FOLDS = 3  # labels of a class that the judging member must have seen
GOOD_ENOUGH = 0.5  # the least that the out-of-fold accuracy must surely reach, and the majority class besides
# the least probability of the expected label. Strategies choose doubtful items, and of those the model is often wrong:
# without this floor many right answers are accused: `issues` in the JSON of `manage.py simulate` without noise shows it
SURE_ENOUGH = 0.8
LOWEST_WEIGHT = 0.05  # a suspect is never thrown away: it may be hard and right
MOST_SUSPECTS = 0.2  # share of the labels that one round may accuse


@dataclass(frozen=True)
class LabelIssue:
    """item: index into the pool. given, expected: labels. quality: out-of-fold probability of the given label."""

    item: int
    given: int
    expected: int
    quality: float


def find_issues(
    items: Ints, labels: Ints, probs: Floats, folds: Ints, *, trusted: NDArray[np.bool_]
) -> tuple[tuple[LabelIssue, ...], str]:
    """Label issues by confident learning, the most suspect first, and a note that says why there are none.

    None is raised where the given or the expected class has fewer than three labels in the other folds, nor before
    the model is good enough to accuse anyone: the lower end of its out-of-fold accuracy (Wilson, 95 %) must exceed
    one half and the share of the commonest class. The expected label must have a probability of 0.8 at least.

    Args:
        items, labels, folds: (labeled,). probs: (labeled, classes), out of fold. trusted: (labeled,) confirmed by
        a reviewer, never accused.

    Raises ValueError on unequal lengths, NaN or infinity. Source: Northcutt, Jiang & Chuang (2021), by cleanlab.
    """
    require_probs("probs", probs, 2)
    for name, array in (("labels", labels), ("folds", folds), ("trusted", trusted)):
        require_shape(name, array, items.shape)
    reason = why_not_accuse(labels, probs)
    if reason:
        return (), reason
    suspect = confident_learning(labels, probs) & ~trusted & (probs.max(axis=1) >= SURE_ENOUGH)
    suspect &= _seen_enough(labels, probs.argmax(axis=1), folds)
    found = np.flatnonzero(suspect)
    quality = probs[np.arange(len(labels)), labels]
    worst = found[np.argsort(quality[found], kind="stable")][: int(MOST_SUSPECTS * len(labels))]
    expected = probs.argmax(axis=1)
    issues = (LabelIssue(int(items[i]), int(labels[i]), int(expected[i]), float(quality[i])) for i in worst)
    return tuple(issues), ""


def why_not_accuse(labels: Ints, probs: Floats) -> str:
    """Why the model may not accuse anyone yet; empty when it may."""
    if len(labels) == 0 or len(np.unique(labels)) < 2:
        return "There are too few labels to look for wrong ones."
    right = int((probs.argmax(axis=1) == labels).sum())
    low, _ = wilson(right, len(labels))
    commonest = np.bincount(labels).max() / len(labels)
    if low > max(GOOD_ENOUGH, commonest):
        return ""
    return f"The model is not good enough yet to doubt an answer (right on {right} of {len(labels)} it had not seen)."


def confident_learning(labels: Ints, probs: Floats) -> NDArray[np.bool_]:
    """(labeled,) True where cleanlab's confident joint and the argmax both speak against the label."""
    classes, compact = np.unique(labels, return_inverse=True)
    inside = probs[:, classes]
    inside = np.clip(inside, 1e-6, 1)
    inside = inside / inside.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():  # cleanlab warns of classes with few labels, which the gate leaves out anyway
        warnings.simplefilter("ignore", UserWarning)
        found = find_label_issues(compact, inside, filter_by="prune_by_noise_rate", n_jobs=1)
    return np.asarray(found & (probs.argmax(axis=1) != labels))


def weights(labels: Ints, probs: Floats, issues: NDArray[np.bool_]) -> Floats:
    """(labeled,) training weights with mean 1: suspects weigh their out-of-fold probability, 0.05 at least."""
    quality = probs[np.arange(len(labels)), labels]
    weight = np.where(issues, np.clip(quality, LOWEST_WEIGHT, 1), 1)
    return np.asarray(weight / weight.mean(), dtype=np.float32)


def _seen_enough(labels: Ints, expected: Ints, folds: Ints) -> NDArray[np.bool_]:
    """(labeled,) True where both classes have enough labels outside the item's own fold."""
    classes = int(max(labels.max(), expected.max())) + 1
    per_fold = np.zeros((int(folds.max()) + 1, classes), dtype=np.int64)
    np.add.at(per_fold, (folds, labels), 1)
    elsewhere = per_fold.sum(axis=0)[None, :] - per_fold
    enough = elsewhere >= FEWEST_IN_OTHER_FOLDS
    return np.asarray(enough[folds, labels] & enough[folds, expected])
