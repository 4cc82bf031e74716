"""Which labels look wrong, how surely, and how much less they weigh in training."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alcore import doubt, suspects
from alcore.checking import require_finite, require_probs, require_shape
from alcore.consensus import Consensus
from alcore.evidence import judges
from alcore.intervals import wilson
from alcore.protocols import Floats, Ints

# beside the round's own ensemble, and in how many ways the labels are folded for each: trees cost more than all others
JUDGES = ((judges.neighbors, 3), (judges.trees, 1))
FEWEST_IN_OTHER_FOLDS = 3  # labels of a class that the judging member must have seen
GOOD_ENOUGH = 0.5  # the least that the out-of-fold accuracy must surely reach to accuse, and the majority class besides
SUSPECT = 0.5  # probability of being wrong, from which on a label is an issue
LOWEST_WEIGHT = 0.05  # a suspect is never thrown away: it may be hard and right
MOST_SUSPECTS = 0.2  # share of the labels that one round may accuse
MOST_OF_CLASS = 0.25  # share of a class's labels: a rare one is hard to learn, and not wrong for that


@dataclass(frozen=True)
class LabelIssue:
    """item: index into the pool. given, expected: labels. quality: probability that the given label is right."""

    item: int
    given: int
    expected: int
    quality: float


@dataclass(frozen=True)
class Labeled:
    """What is looked at: arrays over the labeled items, in the order of `Consensus.items`.

    features: (n, D). folds, groups: (n,) of each item and of its near-duplicates. probs: (n, classes), the round's own
    ensemble out of fold. trusted: (n,) confirmed by a reviewer, never accused.
    """

    features: Floats
    folds: Ints
    groups: Ints
    probs: Floats
    trusted: NDArray[np.bool_]


@dataclass(frozen=True)
class Cleaned:
    """What a round's cleaning found.

    issues: the most suspect first. wrong: (n,) probability of each label being wrong; prior: (n, classes) what the
    judges say that never saw it, as sure as they are right; informed: the votes resolved under them; all three None
    where the model is not good enough to say. note: why there are no issues, or what there is to say of them.
    """

    issues: tuple[LabelIssue, ...] = ()
    wrong: Floats | None = None
    prior: Floats | None = None
    informed: Consensus | None = None
    note: str = ""
    weights: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


def clean(labeled: Labeled, resolved: Consensus, *, seed: int, way: str = suspects.DEFAULT) -> Cleaned:
    """Look for wrong labels: votes against judges that never saw them, weighed by `doubt.weigh`.

    The judges are the round's own ensemble, the nearest neighbors, and trees. Accused is what is wrong with a
    probability of one half or more, but no more than a fifth of all labels and a quarter of a class's, no class with
    fewer than three labels in the other folds, nothing that a reviewer confirmed, and nobody before the model is good
    enough: the lower end of its out-of-fold accuracy (Wilson, 95 %) must exceed one half and the share of the commonest
    class. Above that share alone it has a say in how sure each label is, and accuses nobody. weights, divided by their
    mean: those of suspects are, by the way to train on them (a key of `suspects`), the probability of being right, .05
    at least, or nothing, or like all others.

    Raises ValueError on unequal lengths, NaN or infinity. Deterministic for a seed.
    """
    _check(labeled, resolved)
    labels = resolved.labels
    even = np.ones(len(labels), dtype=np.float32)
    reason = why_not_accuse(labels, labeled.probs)
    if reason and not tells(labels, labeled.probs):
        return Cleaned(note=reason, weights=even)
    weighed = doubt.weigh(resolved, _judged(labeled, labels, seed), seed=seed)
    wrong = np.where(labeled.trusted, 0, weighed.wrong).astype(np.float32)
    if reason:
        return Cleaned((), wrong, weighed.prior, weighed.informed, reason, even)
    others = weighed.informed.posterior.copy()
    others[np.arange(len(labels)), labels] = -1
    expected = others.argmax(axis=1)
    accused = _accused(wrong, labels, expected, labeled.folds)
    issues = tuple(
        LabelIssue(int(resolved.items[i]), int(labels[i]), int(expected[i]), float(1 - wrong[i])) for i in accused
    )
    if way == suspects.WEIGH:
        even[accused] = np.clip(1 - wrong[accused], LOWEST_WEIGHT, 1)
    elif way == suspects.LEAVE_OUT:
        even[accused] = 0
    weights = (even / even.mean()).astype(np.float32)
    return Cleaned(issues, wrong, weighed.prior, weighed.informed, _told(wrong[accused], way), weights)


def tells(labels: Ints, probs: Floats) -> bool:
    """Whether the model, where it has not seen a label, is surely better than naming the commonest one."""
    if len(np.unique(labels)) < 2:
        return False
    _, low, commonest = _record(labels, probs)
    return low > commonest


def why_not_accuse(labels: Ints, probs: Floats) -> str:
    """Why the model may not accuse anyone yet; empty when it may."""
    if len(np.unique(labels)) < 2:
        return "There are too few labels to look for wrong ones."
    right, low, commonest = _record(labels, probs)
    if low > max(GOOD_ENOUGH, commonest):
        return ""
    return f"The model is not good enough yet to doubt an answer (right on {right} of {len(labels)} it had not seen)."


def _record(labels: Ints, probs: Floats) -> tuple[int, float, float]:
    """How many labels were named rightly out of fold, at least what share (Wilson), and the share of the commonest."""
    right = int((probs.argmax(axis=1) == labels).sum())
    return right, wilson(right, len(labels))[0], float(np.bincount(labels).max() / len(labels))


def _check(labeled: Labeled, resolved: Consensus) -> None:
    count = len(resolved.items)
    require_probs("probs", labeled.probs, 2)
    require_shape("probs", labeled.probs, resolved.posterior.shape)
    require_finite("features", labeled.features)
    for name in ("folds", "groups", "trusted"):
        require_shape(name, getattr(labeled, name), (count,))


def _judged(labeled: Labeled, labels: Ints, seed: int) -> Floats:
    """(n, classes): the mean of all judges."""
    ways = judges.ways_to_fold(labeled.folds, labeled.groups, seed=seed)
    classes = labeled.probs.shape[1]
    said = [
        judges.out_of_fold(judge, labeled.features, labels, ways[:most], classes=classes, seed=seed)
        for judge, most in JUDGES
    ]
    return np.asarray(np.mean([labeled.probs, *said], axis=0), dtype=np.float32)


def _accused(wrong: Floats, labels: Ints, expected: Ints, folds: Ints) -> Ints:
    """Positions, the most suspect first, within the caps of a round and of a class."""
    may = (wrong >= SUSPECT) & _seen_enough(labels, expected, folds)
    found = np.flatnonzero(may)
    found = found[np.argsort(-wrong[found], kind="stable")]
    room = np.ceil(MOST_OF_CLASS * np.bincount(labels)).astype(np.int64)
    place = np.zeros(len(found), dtype=np.int64)  # of each among the suspects of its label
    for label in np.unique(labels[found]):
        own = labels[found] == label
        place[own] = np.arange(own.sum())
    return np.asarray(found[place < room[labels[found]]][: int(MOST_SUSPECTS * len(labels))])


def _told(wrong: Floats, way: str) -> str:
    if not len(wrong):
        return ""
    what = {suspects.WEIGH: "weighed less in training", suspects.LEAVE_OUT: "were left out of training"}
    done = what.get(way, "taught like all others")
    return f"{len(wrong)} suspect answers {done}; about {wrong.sum():.0f} of them should be wrong."


def _seen_enough(labels: Ints, expected: Ints, folds: Ints) -> NDArray[np.bool_]:
    """(labeled,) True where both classes have enough labels outside the item's own fold."""
    classes = int(max(labels.max(), expected.max())) + 1
    per_fold = np.zeros((int(folds.max()) + 1, classes), dtype=np.int64)
    np.add.at(per_fold, (folds, labels), 1)
    elsewhere = per_fold.sum(axis=0)[None, :] - per_fold
    enough = elsewhere >= FEWEST_IN_OTHER_FOLDS
    return np.asarray(enough[folds, labels] & enough[folds, expected])
