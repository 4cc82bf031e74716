"""A live control: did the chosen labels teach more than as many drawn at random?"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression

from alcore.protocols import Floats, Ints, Rows
from alcore.scoring import rows_of

FOLDS = 5
FEWEST = 50  # random answers to judge by; with fewer no difference that matters would be sure
MOST = 300  # labels that a learner of the control gets
SURE = 0.01  # one-sided; small, as it is asked again every round


@dataclass(frozen=True)
class Answers:
    """Items with their labels, in the order in which they were asked. items, labels: (n,), K for out of scope."""

    items: Ints
    labels: Ints

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Control:
    """What the control found. labels: that each learner got. judged: items on which they were compared.

    chosen_right, random_right: how many of those each named rightly. p: one-sided, of so much worse by chance.
    """

    labels: int
    judged: int
    chosen_right: int
    random_right: int
    p: float

    @property
    def is_surely_worse(self) -> bool:
        """Whether the chosen labels taught less."""
        return self.p < SURE


def compare(features: Rows, chosen: Answers, random: Answers) -> Control | None:
    """Train on the first chosen labels and on as many random ones, and judge both on random items that neither saw.

    Each fold of the random items is judged by a learner of the others, and by one of as many chosen labels, the
    earliest. Learners are logistic regressions. These random answers may be the audit's choices half: the learners of
    the control never serve anybody.

    Returns None where there are too few answers to say anything, or only one label.
    """
    if len(random) < FEWEST:
        return None
    size = min(MOST, len(random) - len(random) // FOLDS)
    first = Answers(chosen.items[:size], chosen.labels[:size])
    if len(first) < size or min(len(np.unique(first.labels)), len(np.unique(random.labels))) < 2:
        return None
    x, own = rows_of(features, random.items), rows_of(features, first.items)
    scale = float(np.abs(own).std()) or 1.0
    by_chosen = _learner(own / scale, first.labels).predict(x / scale) == random.labels
    by_random = np.zeros(len(random), dtype=bool)
    fold = np.arange(len(random)) % FOLDS
    for one in range(FOLDS):
        rest = np.flatnonzero(fold != one)[:size]
        if len(np.unique(random.labels[rest])) < 2:
            return None
        learner = _learner(x[rest] / scale, random.labels[rest])
        by_random[fold == one] = learner.predict(x[fold == one] / scale) == random.labels[fold == one]
    better, worse = int((by_chosen & ~by_random).sum()), int((by_random & ~by_chosen).sum())
    p = float(stats.binom.cdf(better, better + worse, 0.5)) if better + worse else 1.0
    return Control(size, len(random), int(by_chosen.sum()), int(by_random.sum()), p)


def _learner(features: Floats, labels: Ints) -> LogisticRegression:
    return LogisticRegression(C=1.0, max_iter=200).fit(features, labels)
