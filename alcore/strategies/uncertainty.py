"""How unsure the model is, by its mean probabilities."""

import numpy as np

from alcore.checking import require_probs
from alcore.protocols import Floats

TIES = 0.01  # of one member's share: the largest that breaking ties adds to a variation ratio


def random(count: int, rng: np.random.Generator) -> Floats:
    """Score `count` items by chance: (items,), uniform in [0, 1)."""
    return rng.random(count, dtype=np.float32)


def least_confidence(probs: Floats) -> Floats:
    """Score each item by one minus the probability of its likeliest label; higher is more worth asking.

    Args:
        probs: (items, labels); rows sum to 1.

    Raises ValueError on another shape, NaN, infinity, or values outside [0, 1].
    Source: Lewis & Gale (1994).
    """
    require_probs("probs", probs, 2)
    return np.asarray(1 - probs.max(axis=1), dtype=np.float32)


def margin(probs: Floats) -> Floats:
    """Score each item by how close its two likeliest labels are; higher is more worth asking.

    Args:
        probs: (items, labels); rows sum to 1.

    Raises ValueError on another shape, NaN, infinity, or values outside [0, 1].
    Source: Scheffer, Decomain & Wrobel (2001).
    """
    require_probs("probs", probs, 2)
    if probs.shape[1] == 1:
        return np.zeros(len(probs), dtype=np.float32)
    best = np.partition(probs, -2, axis=1)[:, -2:]
    return np.asarray(1 - (best[:, 1] - best[:, 0]), dtype=np.float32)


def entropy(probs: Floats) -> Floats:
    """Score each item by the entropy of its probabilities, in nats; higher is more worth asking.

    Args:
        probs: (items, labels); rows sum to 1.

    Raises ValueError on another shape, NaN, infinity, or values outside [0, 1].
    Source: Settles (2009).
    """
    require_probs("probs", probs, 2)
    return entropy_along(probs, axis=1)


def variation_ratio(members: Floats) -> Floats:
    """Score each item by the share of members whose label is not the mean's; higher is more worth asking.

    With few members most items tie, so the members' mutual information is added on so small a scale that it orders
    equal shares and never unequal ones: scores span 0 to 1 and a hundredth of one member's share.

    Args:
        members: (members, items, labels); sums to 1 over labels.

    Raises ValueError on another shape, NaN, infinity, or values outside [0, 1].
    Source: Freeman (1965); Stojnic, Laskar & Tolias (2024), who do not break ties.
    """
    require_probs("members", members, 3)
    if not len(members):
        raise ValueError(f"members must be at least one; the shape is {members.shape}.")
    count = len(members)
    mean = members.mean(axis=0, dtype=np.float64)
    share = (members.argmax(axis=2) != mean.argmax(axis=1)).mean(axis=0)
    between = entropy_along(mean, axis=1) - entropy_along(members, axis=2).mean(axis=0)
    tie = np.clip(between / (1 + np.log(count)), 0, 1)
    return np.asarray(share + TIES / count * tie, dtype=np.float32)


def vr_bald(members: Floats) -> Floats:
    """Score as `variation_ratio` does, and by 0 where the ensemble's mean says out of scope; (items,).

    Args:
        members: (members, items, labels), out of scope last; sums to 1 over labels.

    Raises ValueError as `variation_ratio` does. Source: Stojnic, Laskar & Tolias (2024); of equal shares BALD over the
    members comes first, then the seed decides.
    """
    scores = variation_ratio(members)
    likeliest = members.mean(axis=0, dtype=np.float64).argmax(axis=1)
    return np.asarray(np.where(likeliest == members.shape[2] - 1, 0, scores), dtype=np.float32)


def entropy_along(probs: Floats, *, axis: int) -> Floats:
    """Entropy in nats along an axis; 0 log 0 counts as 0."""
    safe = np.where(probs > 0, probs, 1)
    return np.asarray(-(probs * np.log(safe)).sum(axis=axis), dtype=np.float32)
