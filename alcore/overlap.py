"""Another opinion, or enough: which items are to be asked again, and of whom."""

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite, require_probs, require_shape
from alcore.doubt import tempered
from alcore.protocols import Floats, Ints

PRIOR = 2.0  # of the squared logarithm of a temperature: a doubling costs about one log-likelihood


def unsettled(posterior: Floats, votes: Ints, *, confidence: float, most: int) -> NDArray[np.bool_]:
    """(items,) True where another opinion is wanted: less sure than asked for, and fewer votes than may be bought.

    Args:
        posterior: (items, classes), rows sum to 1. votes: (items,) that each item has.
        confidence: in (0, 1]. most: votes an item at most.

    Raises ValueError on other shapes, NaN, infinity or values outside [0, 1].
    Source: the stopping rule of dynamic overlap (Sheng, Provost & Ipeirotis 2008; Abraham et al. 2016).
    """
    require_probs("posterior", posterior, 2)
    require_shape("votes", votes, (len(posterior),))
    if not 0 < confidence <= 1 or most < 1:
        raise ValueError(f"confidence must lie in (0, 1] and most be 1 or more; they are {confidence}, {most}.")
    return np.asarray((posterior.max(axis=1) < confidence) & (votes < most))


def expected_gain(posterior: Floats, confusions: Floats) -> Floats:
    """(people, items): how much likelier the resolved label is expected to be right, once that person has answered too.

    Of every answer they may give: the highest posterior after it, by how likely they are to give it; less the highest
    before. Divide by the cost of their answer, and ask whom it is highest for.

    Args:
        posterior: (items, classes). confusions: (people, classes, answers), of each answer given the true label.

    Raises ValueError on other shapes, NaN or infinity. Source: the value of information after Kamar, Hacker & Horvitz
    (2012), one step ahead.
    """
    require_probs("posterior", posterior, 2)
    require_finite("confusions", confusions)
    if confusions.ndim != 3 or confusions.shape[1] != posterior.shape[1]:
        raise ValueError(f"confusions must be (people, {posterior.shape[1]}, answers); found {confusions.shape}.")
    best = posterior.max(axis=1)
    gain = np.zeros((len(confusions), len(posterior)))
    for person, table in enumerate(confusions.astype(np.float64)):
        # the highest joint probability of a true label with each answer, summed over answers
        gain[person] = sum((posterior * table[:, answer]).max(axis=1) for answer in range(table.shape[1])) - best
    return np.maximum(gain, 0).astype(np.float32)


def recalibrated(posterior: Floats, sure: Floats, right: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Posteriors as sure as the audit has seen them to be right, and the temperature that does it.

    Args:
        posterior: (items, classes). sure, right: (audited,) the highest posterior of audited items before, and whether
        that label was right there.

    One temperature on the logarithms, the likeliest of a grid under a prior around 1: people who share a mistake make
    votes look more certain than they are. Raises ValueError on other shapes. Source: after Guo et al. (2017).
    """
    require_probs("posterior", posterior, 2)
    require_shape("right", right, sure.shape)
    grid = np.geomspace(1 / 3, 6, 41)
    odds = np.clip(sure.astype(np.float64), 1e-6, 1 - 1e-6)
    score = np.log(odds / (1 - odds))
    chance = 1 / (1 + np.exp(-score[None, :] / grid[:, None]))
    fit = np.where(right, np.log(chance), np.log1p(-chance)).sum(axis=1) - PRIOR * np.square(np.log(grid))
    best = float(grid[int(fit.argmax())])
    return tempered(posterior, best), best
