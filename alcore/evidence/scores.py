"""Out-of-fold probabilities -> how suspect each given label is: (items,), higher is more suspect."""

import warnings

import numpy as np
from cleanlab.filter import find_label_issues
from numpy.typing import NDArray

from alcore.checking import require_probs, require_shape
from alcore.protocols import Floats, Ints

LEAST = 1e-6  # probability that cleanlab is shown


def self_confidence(probs: Floats, labels: Ints) -> Floats:
    """1 - the probability of the given label.

    Args:
        probs: (items, classes), out of fold; rows sum to 1. labels: (items,).

    Raises ValueError on other shapes, NaN, infinity or values outside [0, 1].
    Source: Northcutt, Jiang & Chuang (2021).
    """
    return np.asarray(1 - _own(probs, labels), dtype=np.float32)


def normalized_margin(probs: Floats, labels: Ints) -> Floats:
    """In [0, 1]: (1 + the largest other probability - that of the given label) / 2. Arguments and errors as above."""
    own = _own(probs, labels)
    others = probs.copy()
    others[np.arange(len(labels)), labels] = 0
    return np.asarray((1 + others.max(axis=1, initial=0) - own) / 2, dtype=np.float32)


def confident_learning(probs: Floats, labels: Ints) -> NDArray[np.bool_]:
    """True where cleanlab's confident joint and the likeliest label both speak against the given one.

    Arguments and errors as above. Source: Northcutt, Jiang & Chuang (2021), by cleanlab, prune_by_noise_rate.
    """
    _own(probs, labels)
    classes, compact = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        return np.zeros(len(labels), dtype=bool)
    inside = np.clip(probs[:, classes], LEAST, 1)
    inside = inside / inside.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():  # cleanlab warns of classes with few labels, which the gate leaves out anyway
        warnings.simplefilter("ignore", UserWarning)
        found = find_label_issues(compact, inside, filter_by="prune_by_noise_rate", n_jobs=1)
    return np.asarray(found & (probs.argmax(axis=1) != labels))


def _own(probs: Floats, labels: Ints) -> Floats:
    require_probs("probs", probs, 2)
    require_shape("labels", labels, (len(probs),))
    return np.asarray(probs[np.arange(len(labels)), labels])
