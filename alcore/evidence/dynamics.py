"""How an item was learned, epoch by epoch, as a training loop notes it: what is wrong is learned late, or unlearned.

All take logits or probabilities of the given label over the epochs; all return (items,), higher more suspect. On
features they tell little that out-of-fold judges do not, and some tell nothing: they are there to be compared, and for
networks, whose training costs more than what is noted of it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from alcore.checking import require_finite, require_probs, require_shape
from alcore.protocols import Floats, Ints

STRAIGHT = 3  # epochs in which an item is named rightly, and it is learned for good


def area_under_margin(logits: Floats, labels: Ints) -> Floats:
    """Minus the mean margin of the given label's logit over the largest other. Source: Pleiss et al. (2020).

    Args:
        logits: (epochs, items, classes), two classes or more. labels: (items,).

    Raises ValueError on other shapes, no epoch, NaN or infinity.
    """
    own, others = _parts(logits, labels)
    return np.asarray(-(own - others.max(axis=2)).mean(axis=0), dtype=np.float32)


def el2n(logits: Floats, labels: Ints, *, epoch: int = 0) -> Floats:
    """The length of the error vector, softmax minus label, at one early epoch.

    Arguments and errors as for `area_under_margin`. epoch: which one, from 0. Source: Paul, Ganguli & Dziugaite (2021).
    """
    _parts(logits, labels)
    error = softmax(logits[epoch], axis=1)
    error[np.arange(len(labels)), labels] -= 1
    return np.asarray(np.linalg.norm(error, axis=1), dtype=np.float32)


def forgetting(named: NDArray[np.bool_]) -> Floats:
    """How often an item that was named rightly no longer is; one more than there can be where it never was.

    Args:
        named: (epochs, items) True where the label was named. Source: Toneva et al. (2019).
    """
    _require_named(named)
    lost = (named[:-1] & ~named[1:]).sum(axis=0)
    return np.where(named.any(axis=0), lost, len(named)).astype(np.float32)


def first_learned(named: NDArray[np.bool_], *, straight: int = STRAIGHT) -> Floats:
    """The first epoch that ends so many straight ones in which the item was named rightly; `epochs` where none does.

    Args:
        named: (epochs, items). Source: Yuan, Feng & Liu (2023), Late Stopping.
    """
    _require_named(named)
    run, first = np.zeros(named.shape[1], dtype=np.int64), np.full(named.shape[1], len(named))
    for epoch, right in enumerate(named):
        run = np.where(right, run + 1, 0)
        first = np.where((run >= straight) & (first == len(named)), epoch, first)
    return first.astype(np.float32)


def unsure(own: Floats) -> Floats:
    """1 - the mean probability of the given label. Its deviation changes sign with memorisation, so it has no part.

    Args:
        own: (epochs, items), in [0, 1]. Source: Swayamdipta et al. (2020), data maps.
    """
    require_probs("own", own, 2)
    return np.asarray(1 - own.mean(axis=0), dtype=np.float32)


def _parts(logits: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """(epochs, items) of the given label, and (epochs, items, classes - 1) of the others."""
    if logits.ndim != 3 or not len(logits) or logits.shape[2] < 2:
        raise ValueError(f"logits must be (epochs, items, classes), an epoch and two classes; found {logits.shape}.")
    require_finite("logits", logits)
    require_shape("labels", labels, (logits.shape[1],))
    items = np.arange(len(labels))
    keep = np.ones(logits.shape[1:], dtype=bool)
    keep[items, labels] = False
    others = logits[:, keep].reshape(*logits.shape[:2], logits.shape[2] - 1)
    return logits[:, items, labels], others


def _require_named(named: NDArray[np.bool_]) -> None:
    if named.ndim != 2 or not len(named):
        raise ValueError(f"named must be (epochs, items), 1 epoch or more; its shape is {named.shape}.")
