"""Another opinion, or enough: which items are to be asked again, and of whom."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite, require_probs, require_shape
from alcore.consensus import RIGHT, Consensus
from alcore.doubt import tempered
from alcore.protocols import Floats, Ints

PRIOR = 2.0  # of the squared logarithm of a temperature: a doubling costs about one log-likelihood
LEAST_GAIN = 0.05  # labels put right by an answer: below one in twenty, a new item is worth more
SHORTLIST = 5  # times as many items as may be asked are looked at, the least sure


@dataclass(frozen=True)
class Doubtful:
    """Items that may be asked again. posterior, given: (items, classes); given is True for what somebody said."""

    posterior: Floats
    given: NDArray[np.bool_]


@dataclass(frozen=True)
class Opinion:
    """place: of the item among those looked at. person: place of whose answer tells most for its cost. gain: how much
    likelier the label is expected to be right with it.
    """

    place: int
    person: int
    gain: float


def unsettled(sure: Floats, votes: Ints, *, confidence: float, most: int) -> NDArray[np.bool_]:
    """(items,) True where another opinion is wanted: less sure than asked for, and fewer votes than may be bought.

    Args:
        sure: (items,) probability that each one's label is right. votes: (items,) that each item has.
        confidence: in (0, 1]. most: votes an item at most.

    Raises ValueError on other shapes, NaN or infinity.
    Source: the stopping rule of dynamic overlap (Sheng, Provost & Ipeirotis 2008; Abraham et al. 2016).
    """
    require_finite("sure", sure)
    require_shape("votes", votes, sure.shape)
    if not 0 < confidence <= 1 or most < 1:
        raise ValueError(f"confidence must lie in (0, 1] and most be 1 or more; they are {confidence}, {most}.")
    return np.asarray((sure < confidence) & (votes < most))


def expected_gain(posterior: Floats, confusions: Floats, given: NDArray[np.bool_] | None = None) -> Floats:
    """(people, items): how much likelier the resolved label is expected to be right, once that person has answered too.

    Of every answer they may give: the highest posterior after it, by how likely they are to give it; less the highest
    before. Divide by the cost of their answer, and ask whom it is highest for.

    Args:
        posterior: (items, classes). confusions: (people, classes, answers), of each answer given the true label, those
        beyond the classes being abstentions; or (people,), how often each is right, errors being even. given: (items,
        classes) True for what somebody said, where a label is resolved only to that; then the answer adds what it
        names. None: a label may be resolved to any.

    Raises ValueError on other shapes, NaN or infinity. Source: the value of information after Kamar, Hacker & Horvitz
    (2012), one step ahead.
    """
    require_probs("posterior", posterior, 2)
    require_finite("confusions", confusions)
    if confusions.ndim == 1:
        return _even_gain(posterior, confusions, np.ones(posterior.shape, dtype=bool) if given is None else given)
    if confusions.ndim != 3 or confusions.shape[1] != posterior.shape[1]:
        raise ValueError(f"confusions must be (people, {posterior.shape[1]}, answers); found {confusions.shape}.")
    allowed = np.ones(posterior.shape, dtype=bool) if given is None else given
    require_shape("given", allowed, posterior.shape)
    best = np.where(allowed, posterior, 0).max(axis=1, initial=0)
    gain = np.zeros((len(confusions), len(posterior)))
    for person, table in enumerate(confusions.astype(np.float64)):
        # the highest joint probability of a true label with each answer, summed over answers
        gain[person] = sum(_best_with(posterior, allowed, table, answer) for answer in range(table.shape[1])) - best
    return np.maximum(gain, 0).astype(np.float32)


def _even_gain(posterior: Floats, rates: Floats, given: NDArray[np.bool_]) -> Floats:
    """The same for people who err evenly: after an answer the likeliest is what it names, or the best of the rest."""
    others = max(posterior.shape[1] - 1, 1)
    allowed = np.where(given, posterior, 0).astype(np.float64)
    top = allowed.max(axis=1, initial=0)
    rest = np.repeat(top[:, None], posterior.shape[1], axis=1)
    rows, first = np.arange(len(posterior)), allowed.argmax(axis=1)
    without = allowed.copy()
    without[rows, first] = 0
    rest[rows, first] = without.max(axis=1, initial=0)
    gain = np.zeros((len(rates), len(posterior)), dtype=np.float32)
    for person, rate in enumerate(rates.tolist()):
        gain[person] = np.maximum(posterior * rate, rest * (1 - rate) / others).sum(axis=1) - top
    return np.asarray(np.maximum(gain, 0), dtype=np.float32)


def _best_with(posterior: Floats, allowed: NDArray[np.bool_], table: NDArray[np.float64], answer: int) -> Floats:
    """(items,) of the labels that may be resolved to once this answer is given, the likeliest together with it."""
    joint = posterior * table[:, answer]
    best = np.where(allowed, joint, 0).max(axis=1, initial=0)
    return np.asarray(np.maximum(best, joint[:, answer]) if answer < joint.shape[1] else best)


def most_telling(
    doubtful: Doubtful, seen: NDArray[np.bool_], confusions: Floats, costs: Floats, *, count: int
) -> tuple[Opinion, ...]:
    """The second answers that are worth most for their cost, best first; none that puts right less than one in twenty.

    Args:
        doubtful: what may be asked again. seen: (people, items) True where the person has answered the item.
        confusions: (people, classes, answers), or (people,). costs: (people,) of an answer, above 0, in any unit.
        count: of opinions at most.

    Only the least sure items are looked at, five for each opinion. Raises ValueError on other shapes, NaN or infinity.
    """
    posterior, given = doubtful.posterior, doubtful.given
    require_shape("seen", seen, (len(confusions), len(posterior)))
    require_shape("costs", costs, (len(confusions),))
    if not len(confusions) or count < 1:
        return ()
    askable = np.flatnonzero(~seen.all(axis=0))
    sure = np.where(given, posterior, 0).max(axis=1, initial=0)[askable]
    unsure = askable[np.argsort(sure, kind="stable")[: SHORTLIST * count]]
    gain = expected_gain(posterior[unsure], confusions, given[unsure])
    worth = np.where(seen[:, unsure], -1.0, gain / costs[:, None])
    person = worth.argmax(axis=0)
    told = gain[person, np.arange(len(unsure))]
    order = np.argsort(-worth.max(axis=0, initial=-1.0), kind="stable")
    best = order[told[order] >= LEAST_GAIN][:count]
    return tuple(Opinion(int(unsure[one]), int(person[one]), float(told[one])) for one in best)


def confusions_of(people: Ints, resolved: Consensus) -> Floats:
    """(people, classes, answers): what each of these people answers given the true label; of unknown ones, the usual.

    The usual person is right three times in four, and errs evenly. Where the consensus knows one accuracy of everybody:
    (people,), these.
    """
    classes = resolved.posterior.shape[1]
    place = {int(person): at for at, person in enumerate(resolved.people)}
    known = np.array([place.get(int(person), -1) for person in people], dtype=np.int64)
    rate = np.where(known >= 0, resolved.accuracy[known], RIGHT) if place else np.full(len(people), RIGHT)
    if resolved.confusions is None:
        return rate.astype(np.float32)
    tables = np.zeros((len(people), classes, resolved.confusions.shape[2]), dtype=np.float32)
    tables[:, :, :classes] = ((1 - rate) / max(classes - 1, 1))[:, None, None]
    tables[:, np.arange(classes), np.arange(classes)] = rate[:, None]
    if place:
        tables[known >= 0] = resolved.confusions[known[known >= 0]]
    return tables


def recalibrated(
    posterior: Floats, sure: Floats, agreed: NDArray[np.bool_], trust: Floats | float = 1.0
) -> tuple[Floats, float]:
    """Posteriors as sure as second answers have shown them to be right, and the temperature that does it.

    Args:
        posterior: (items, classes). sure, agreed: (asked twice,) the highest posterior of items drawn at random, before
        their second answer, and whether that answer was the same label. trust: of the second answers, or of each: the
        probability that it is right; a wrong one agrees with another wrong one as often as labels are many.

    One temperature on the logarithms, the likeliest of a grid under a prior around 1: people who share a mistake make
    votes look more certain than they are. Raises ValueError on other shapes. Source: after Guo et al. (2017).
    """
    require_probs("posterior", posterior, 2)
    require_shape("agreed", agreed, sure.shape)
    grid = np.geomspace(1 / 3, 6, 41)
    odds = np.clip(sure.astype(np.float64), 1e-6, 1 - 1e-6)
    score = np.log(odds / (1 - odds))
    right = 1 / (1 + np.exp(-score[None, :] / grid[:, None]))
    own = np.broadcast_to(np.asarray(trust, dtype=np.float64), sure.shape)
    slip = (1 - own) / max(posterior.shape[1] - 1, 1)
    agree = np.clip(right * own + (1 - right) * slip, 1e-9, 1 - 1e-9)
    fit = np.where(agreed, np.log(agree), np.log1p(-agree)).sum(axis=1) - PRIOR * np.square(np.log(grid))
    best = float(grid[int(fit.argmax())])
    return tempered(posterior, best), best
