"""How far people agree beyond chance, with intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_shape
from alcore.protocols import Ints

RESAMPLED = 1_000  # times for an interval, over items
AT_ONCE = 4_000_000  # weights held
FEWEST = 2  # votes on an item that tell anything
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """value: 1 where all agree, 0 where no more than by chance, NaN where nothing tells. low, high: 95 %, by bootstrap
    over items. items: that two people or more answered.
    """

    value: float
    low: float
    high: float
    items: int


def krippendorff(items: Ints, labels: Ints, *, seed: int = 0) -> Agreement:
    """Krippendorff's alpha for nominal labels: any number of people, who need not all answer the same items.

    Args:
        items, labels: (votes,), one vote a person and item; without abstentions.

    Raises ValueError on unequal lengths. Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.
    """
    counts = _counts(items, labels)
    votes = counts.sum(axis=1)
    apart = (np.square(votes) - np.square(counts).sum(axis=1)) / (votes - 1)  # pairs that disagree, by item

    def alpha(sums: Doubles) -> Doubles:
        disagreed, named = sums[:, 0], sums[:, 1:]
        total = named.sum(axis=1)
        expected = (np.square(total) - np.square(named).sum(axis=1)) / (total - 1)
        return _beyond(disagreed, expected)

    return _with_interval(np.column_stack([apart, counts]), alpha, seed)


def fleiss(items: Ints, labels: Ints, *, seed: int = 0) -> Agreement:
    """Fleiss' kappa; where items have unequal numbers of votes, each item's share of agreeing pairs counts alike.

    Arguments and errors as for `krippendorff`. Source: Fleiss (1971).
    """
    counts = _counts(items, labels)
    votes = counts.sum(axis=1, keepdims=True)
    agreeing = (np.square(counts).sum(axis=1) - votes[:, 0]) / (votes * (votes - 1))[:, 0]

    def kappa(sums: Doubles) -> Doubles:
        agreed, shares = sums[:, 1] / sums[:, 0], sums[:, 2:] / sums[:, :1]
        return _beyond(1 - agreed, 1 - np.square(shares).sum(axis=1))

    return _with_interval(np.column_stack([np.ones(len(counts)), agreeing, counts / votes]), kappa, seed)


def cohen(first: Ints, second: Ints, *, seed: int = 0) -> Agreement:
    """Cohen's kappa of two people on the same items.

    Args:
        first, second: (items,) labels.

    Raises ValueError on unequal lengths. Source: Cohen (1960).
    """
    require_shape("second", second, first.shape)
    _, both = np.unique(np.concatenate([first, second]), return_inverse=True)
    own, other = np.eye(int(both.max(initial=0)) + 1)[both.reshape(2, -1)]
    width = own.shape[1]

    def kappa(sums: Doubles) -> Doubles:
        seen = sums[:, :1]
        rows, columns = sums[:, 2 : 2 + width] / seen, sums[:, 2 + width :] / seen
        return _beyond(1 - sums[:, 1] / seen[:, 0], 1 - (rows * columns).sum(axis=1))

    same = (first == second).astype(np.float64)
    return _with_interval(np.column_stack([np.ones(len(first)), same, own, other]), kappa, seed)


def _counts(items: Ints, labels: Ints) -> Doubles:
    """(items with two votes or more, labels) votes."""
    require_shape("labels", labels, items.shape)
    _, at = np.unique(items, return_inverse=True)
    names, which = np.unique(labels, return_inverse=True)
    rows = int(at.max(initial=-1)) + 1
    counts = np.bincount(at * max(len(names), 1) + which, minlength=rows * len(names)).reshape(rows, len(names))
    return np.asarray(counts[counts.sum(axis=1) >= FEWEST], dtype=np.float64)


def _beyond(disagreed: Doubles, expected: Doubles) -> Doubles:
    """1 - disagreed / expected; NaN where no disagreement can be expected, for then all say the same all the time."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - disagreed / expected, np.nan))


def _with_interval(columns: Doubles, value_of: Callable[[Doubles], Doubles], seed: int) -> Agreement:
    """columns: (items, C), whose sums over items tell the value; resampled by Poisson weights of mean 1."""
    count = len(columns)
    if not count:
        return Agreement(float("nan"), float("nan"), float("nan"), 0)
    value = float(value_of(columns.sum(axis=0)[None])[0])
    rng, found = np.random.default_rng([seed, 83]), []
    at_once = max(1, AT_ONCE // count)
    for start in range(0, RESAMPLED, at_once):
        weights = rng.poisson(1.0, (min(at_once, RESAMPLED - start), count)).astype(np.float64)
        found.append(value_of(weights @ columns))
    drawn = np.concatenate(found)
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return Agreement(value, float("nan"), float("nan"), count)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Agreement(value, float(low), float(high), count)
