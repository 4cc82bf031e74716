"""What each person's answers are worth: how often they are right, what they confuse, whether that changes."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from alcore import consensus
from alcore.checking import require_shape
from alcore.consensus import PSEUDO, RIGHT, Consensus, Votes
from alcore.protocols import Floats, Ints

SURE = 0.95  # of the intervals
SIGMAS = 3.0  # between a person's latest answers and those before them, to speak of a change
LATEST = 50  # answers
WINDOW = 20  # answers to a point of the curve
FEWEST_JUDGED = 5.0  # answers' worth of evidence on each side of a change
MOST_PAIRS = 5  # told of a person
LEAST_CONFUSED = 1.0  # expected answers of a pair that is told
LEAST_TOLD = 1.0  # answers' worth of evidence, below which a point of the curve says nothing
Doubles = NDArray[np.float64]
GRID = np.linspace(0.0025, 0.9975, 200)  # of a quality


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval, and how many answers' worth of evidence it rests on."""

    value: float
    low: float
    high: float
    judged: float


@dataclass(frozen=True)
class Confused:
    """A true label, the one that the person gave for it, how often that is expected to have happened, of how many."""

    true: int
    given: int
    expected: float
    of: float


@dataclass(frozen=True)
class Person:
    """person: as in the votes. answers, abstained: how many. quality: probability that an answer is right.

    confused: the pairs most often confused. latest, before: quality of the last 50 answers and of those before them;
    None where too little is known of either. changed: whether they differ by three standard errors. curve: quality of
    20 answers at a time, in their order; None where nothing is known of them.
    """

    person: int
    answers: int
    abstained: int
    quality: Rate
    confused: tuple[Confused, ...]
    latest: Rate | None
    before: Rate | None
    changed: bool
    curve: tuple[float | None, ...]


def measure(resolved: Consensus, prior: Floats, when: Ints) -> tuple[Person, ...]:
    """Judge every person by what all other evidence says of the items that they answered.

    A person's quality is the share of right answers, of which each answer tells as far as the others' votes and the
    prior tell its item's label without it: a right answer names that label, a wrong one another as often as that
    occurs among the answers. With a beta prior of .75 worth eight answers its posterior is looked at on a grid. So an
    only vote on an item of which nothing else is known judges nobody, and doubtful evidence widens the interval.

    Args:
        resolved: of the votes. prior: (labeled, classes), of each item: a model's out-of-fold probabilities, nearly
        one where the label is known (gold, review), else the labels' shares. when: (votes,) of `resolved.votes`: rises
        with the order in which they were given.

    Returns one entry a person, as in `resolved.people`. Raises ValueError on other shapes.
    Source: after Dawid & Skene (1979), Paun et al. (2018).
    """
    votes = resolved.votes
    require_shape("when", when, votes.at.shape)
    others = consensus.without_own(resolved, prior).astype(np.float64)
    right, wrong = _chances(others, votes)
    order = np.lexsort((when, votes.who))
    bounds = np.searchsorted(votes.who[order], np.arange(len(votes.people) + 1))
    own = [order[start:end] for start, end in pairwise(bounds)]
    return tuple(
        _person(int(name), rows, votes, others, right, wrong) for name, rows in zip(votes.people, own, strict=True)
    )


def _person(name: int, rows: Ints, votes: Votes, others: Doubles, right: Doubles, wrong: Doubles) -> Person:
    given = rows[votes.named[rows]]
    told = np.log(GRID * right[given, None] + (1 - GRID) * wrong[given, None] + 1e-12)
    quality, latest, before = (_rate(part) for part in (told, told[-LATEST:], told[:-LATEST]))
    enough = min(latest.judged, before.judged) >= FEWEST_JUDGED
    points = [_rate(told[start : start + WINDOW]) for start in range(0, len(told), WINDOW)]
    return Person(
        person=name,
        answers=len(given),
        abstained=len(rows) - len(given),
        quality=quality,
        confused=_confused(given, votes, others, quality.value),
        latest=latest if enough else None,
        before=before if enough else None,
        changed=enough and _differ(latest, before),
        curve=tuple(point.value if point.judged >= LEAST_TOLD else None for point in points),
    )


def _chances(others: Doubles, votes: Votes) -> tuple[Doubles, Doubles]:
    """(votes,) each: how likely every answer is if it is right, and if it is wrong."""
    if votes.classes == 1:
        return np.ones(len(others)), np.ones(len(others))
    place, label = np.arange(len(others)), np.minimum(votes.label, votes.classes - 1)
    shares = np.bincount(votes.label[votes.named], minlength=votes.classes) + 1.0
    shares /= shares.sum()
    slips = others / (1 - shares)  # from each true label to the others, as often as these occur
    return others[place, label], shares[label] * (slips.sum(axis=1) - slips[place, label])


def _rate(told: Doubles) -> Rate:
    """The posterior of a quality: its mean, its middle 95 %, and how many plain answers would tell as much."""
    logs = told.sum(axis=0) + (PSEUDO * RIGHT - 1) * np.log(GRID) + (PSEUDO * (1 - RIGHT) - 1) * np.log(1 - GRID)
    share = np.exp(logs - logs.max())
    share /= share.sum()
    mean = float((share * GRID).sum())
    spread = float((share * np.square(GRID - mean)).sum())
    low, high = np.interp([(1 - SURE) / 2, (1 + SURE) / 2], share.cumsum() - share / 2, GRID)
    return Rate(mean, float(low), float(high), max(0.0, mean * (1 - mean) / spread - 1 - PSEUDO))


def _differ(first: Rate, second: Rate) -> bool:
    spread = sum(rate.value * (1 - rate.value) / (rate.judged + PSEUDO + 1) for rate in (first, second))
    return abs(first.value - second.value) > SIGMAS * float(np.sqrt(spread))


def _confused(given: Ints, votes: Votes, others: Doubles, quality: float) -> tuple[Confused, ...]:
    """The pairs with the most expected answers, of those with one at least, the label as all votes tell it."""
    own = np.full((len(given), votes.classes), (1 - quality) / max(votes.classes - 1, 1))
    own[np.arange(len(given)), votes.label[given]] = quality
    both = others[given] * own
    expected = np.zeros((votes.classes, votes.classes))
    np.add.at(expected.T, votes.label[given], both / both.sum(axis=1, keepdims=True))
    of = expected.sum(axis=1)
    np.fill_diagonal(expected, 0)
    top = np.argsort(-expected, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = ((int(cell // votes.classes), int(cell % votes.classes)) for cell in top)
    return tuple(
        Confused(true, label, float(expected[true, label]), float(of[true]))
        for true, label in pairs
        if expected[true, label] >= LEAST_CONFUSED
    )
