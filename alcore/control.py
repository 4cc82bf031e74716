"""A live control: did the labels that were asked for teach more than as many drawn at random?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from alcore import evaluation
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

    asked_right, random_right: how many of those each named rightly. p: one-sided, of so much worse by chance.
    """

    labels: int
    judged: int
    asked_right: int
    random_right: int
    p: float

    @property
    def is_surely_worse(self) -> bool:
        """Whether the labels that were asked for taught less."""
        return self.p < SURE


def compare(features: Rows, asked: Answers, random: Answers) -> Control | None:
    """Train on the first labels as they were asked and on as many random ones; judge both on random items.

    What was asked holds the batches' own random share too, as the model's labels do. Each fold of the random items is
    judged by two learners that saw none of it: one of the other folds, one of as many labels as asked, the earliest.
    Learners are logistic regressions. The random answers may be the audit's choices half: the learners of the control
    never serve anybody.

    Returns None where there are too few answers to say anything, or only one label.
    """
    if len(random) < FEWEST:
        return None
    size = min(MOST, len(random) - -(-len(random) // FOLDS))
    fold = np.arange(len(random)) % FOLDS
    right = np.zeros((2, len(random)), dtype=bool)
    for one in range(FOLDS):
        rest, judged = np.flatnonzero(fold != one)[:size], np.flatnonzero(fold == one)
        own = np.flatnonzero(~np.isin(asked.items, random.items[judged]))[:size]
        if len(own) < size or min(len(np.unique(asked.labels[own])), len(np.unique(random.labels[rest]))) < 2:
            return None
        x = rows_of(features, random.items[judged])
        for arm, given in enumerate((_some(asked, own), _some(random, rest))):
            right[arm, judged] = _learned(features, given)(x) == random.labels[judged]
    p = evaluation.sign_test(right[1], right[0])
    return Control(size, len(random), int(right[0].sum()), int(right[1].sum()), p)


def _some(answers: Answers, rows: Ints) -> Answers:
    return Answers(answers.items[rows], answers.labels[rows])


def _learned(features: Rows, given: Answers) -> Callable[[Floats], Ints]:
    """Predicts labels after these answers."""
    x = rows_of(features, given.items)
    scale = float(x.std()) or 1.0
    model = LogisticRegression(C=1.0, max_iter=200).fit(x / scale, given.labels)
    return lambda rows: model.predict(rows / scale)
