"""How much samples of the model disagree."""

import numpy as np

from alcore.checking import require_probs
from alcore.protocols import Floats
from alcore.strategies.uncertainty import entropy_along


def bald(draws: Floats) -> Floats:
    """Score each item by the mutual information between its label and the model, in nats; higher is more worth asking.

    Args:
        draws: (items, labels, draws); sums to 1 over labels.

    Raises ValueError on another shape, NaN, infinity, or values outside [0, 1].
    Source: Houlsby et al. (2011); Gal, Islam & Ghahramani (2017).
    """
    require_probs("draws", draws, 3)
    of_mean = entropy_along(draws.mean(axis=2), axis=1)
    mean_of = entropy_along(draws, axis=1).mean(axis=1)
    return np.asarray(np.maximum(of_mean - mean_of, 0), dtype=np.float32)


def disagreement(members: Floats) -> Floats:
    """Score each item by the mean divergence of the members from their mean, in nats; higher is more worth asking.

    Args:
        members: (members, items, labels); sums to 1 over labels.

    Raises ValueError on another shape, NaN, infinity, or values outside [0, 1].
    Source: McCallum & Nigam (1998).
    """
    if members.ndim != 3:
        raise ValueError(f"members must have 3 axes; its shape is {members.shape}.")
    return bald(np.moveaxis(members, 0, 2))
