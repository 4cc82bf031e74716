"""What a whole batch tells about the model, and what an item tells about others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_probs
from alcore.protocols import Floats, Ints
from alcore.strategies.geometry import ENTRIES, require_batch
from alcore.strategies.uncertainty import entropy_along

EXACT = 2_000  # label configurations of the batch so far that are enumerated; past that they are sampled
SAMPLED = 2_000  # then: information is known to about 0.01 nats, and candidates share most of the error
AT_ONCE = 16  # candidates scored together: past the first picks few have to be scored again
SMALLEST = np.float32(1e-30)  # p log p is 0 below it
SUMS_TO_ONE = 0.01


@dataclass(frozen=True)
class JointBatch:
    """A batch in greedy order. items: (batch,). information: (batch,), nats told by all picks up to this one.

    The most that there is to tell is the logarithm of the number of draws; picks after that are as good as random, so
    take many more draws than places.
    """

    items: Ints
    information: Floats


@dataclass(frozen=True)
class _Configurations:
    """Labels that the picks so far may get. share: (S,), sums to 1. posterior: (S, draws), rows sum to 1."""

    share: NDArray[np.float64]
    posterior: NDArray[np.float64]


def batch_bald(draws: Floats, batch: int, *, configurations: int = SAMPLED, rng: np.random.Generator) -> JointBatch:
    """Choose items whose labels together tell most about the model: greedy maximum of their mutual information.

    The labels of the picks so far weigh the draws anew, in rows that sum to 1, so hundreds of picks do not underflow.
    The gain of an item is its mutual information with the model so weighted, in the mean over these labels. They are
    enumerated while there are at most 2,000 configurations, afterwards they are sampled, one row a configuration.
    Gains only fall, so an item is scored again only while its last gain beats the best new one.

    Args:
        draws: (items, labels, draws), the same draws for all items; sums to 1 over labels.
        batch: at most as many come back as there are items. configurations: how many are sampled, 1 or more.

    Raises ValueError on another shape, NaN, infinity, what is no distribution, or a negative batch.
    Source: Kirsch, van Amersfoort & Gal (2019).
    """
    _require_distributions("draws", draws)
    require_batch(batch)
    if configurations < 1:
        raise ValueError(f"configurations must be 1 or more; it is {configurations}.")
    chances = np.asarray(draws, dtype=np.float32)
    noise = entropy_along(chances, axis=1)
    lots, bounds = rng.permutation(len(chances)), np.full(len(chances), np.inf)
    state = _Configurations(np.ones(1), np.full((1, chances.shape[2]), 1 / chances.shape[2]))
    items = np.empty(min(batch, len(chances)), dtype=np.int64)
    told = np.empty(len(items), dtype=np.float32)
    for place in range(len(items)):
        item = _most_telling(chances, noise, bounds, lots, state)
        items[place], bounds[item] = item, -np.inf
        state = _extended(state, chances[item], configurations, rng)
        told[place] = np.log(chances.shape[2]) - state.share @ _surprise(state.posterior).sum(axis=1)
    return JointBatch(items, np.maximum.accumulate(np.maximum(told, 0)))


def epig(draws: Floats, targets: Floats) -> Floats:
    """Score each item by what its label would tell about the targets' labels, in nats; higher is more worth asking.

    Unlike BALD it does not chase what tells about the model only where no prediction will ever be wanted. Takes
    items * targets * labels**2 logarithms: about 5 s for 1,000 items, 100 targets and 150 labels.

    Args:
        draws: (items, labels, draws). targets: (targets, labels, draws), of the same draws, from the pool or from
        production, not from what is labeled. Both sum to 1 over labels.

    Raises ValueError on other shapes, no target, NaN, infinity, or what is no distribution.
    Source: Bickford Smith et al. (2023).
    """
    _require_distributions("draws", draws)
    _require_distributions("targets", targets)
    if draws.shape[1:] != targets.shape[1:] or not len(targets):
        raise ValueError(f"targets must be some, of the labels and draws of {draws.shape}; found {targets.shape}.")
    one, other = np.asarray(draws, dtype=np.float32), np.asarray(targets, dtype=np.float32)
    apart = entropy_along(one.mean(axis=2), axis=1) + entropy_along(other.mean(axis=2), axis=1).mean()
    together = np.zeros(len(one), dtype=np.float64)
    pair = one.shape[1] ** 2
    columns = max(1, ENTRIES // pair)
    rows = max(1, ENTRIES // (pair * min(columns, len(other))))
    for start in range(0, len(one), rows):
        for first in range(0, len(other), columns):
            block = slice(start, start + rows)
            together[block] += _joint_entropy(one[block], other[first : first + columns])
    return np.asarray(np.maximum(apart - together / len(other), 0), dtype=np.float32)


def _require_distributions(name: str, draws: Floats) -> None:
    require_probs(name, draws, 3)
    sums = draws.sum(axis=1, dtype=np.float64)
    if sums.size and np.abs(sums - 1).max() > SUMS_TO_ONE:
        raise ValueError(f"{name} must sum to 1 over labels; the sums span {sums.min()} to {sums.max()}.")


def _joint_entropy(draws: Floats, targets: Floats) -> Floats:
    """(items,) entropy of the pair of labels of an item and a target, summed over targets."""
    samples = draws.shape[2]
    pairs = draws.reshape(-1, samples) @ (targets.reshape(-1, samples) / samples).T
    return np.asarray(_surprise(pairs).reshape(len(draws), -1).sum(axis=1, dtype=np.float64))


def _surprise(probs: NDArray[Any]) -> NDArray[Any]:
    """-p log p for each; 0 at 0."""
    logs = np.log(np.maximum(probs, SMALLEST))
    return np.asarray(np.negative(np.multiply(logs, probs, out=logs), out=logs))


def _most_telling(chances: Floats, noise: Floats, bounds: Floats, lots: Ints, state: _Configurations) -> int:
    """The item of the largest gain; writes the gains that it had to compute into `bounds` (items,).

    noise: (items, draws), entropies. Weighed by the same rows as the labels', so that the error of sampling cancels.
    """
    order = lots[np.argsort(-bounds[lots], kind="stable")]
    size = max(1, min(AT_ONCE, ENTRIES // (len(state.share) * chances.shape[1])))
    share, posterior = state.share.astype(np.float32), state.posterior.astype(np.float32)
    weights, best, gain = share @ posterior, int(order[0]), -np.inf
    for start in range(0, len(order), size):
        some = order[start : start + size]
        some = some[bounds[some] > gain]
        if not len(some):
            break
        given = _surprise(posterior @ chances[some].reshape(-1, chances.shape[2]).T)
        bounds[some] = (share @ given).reshape(len(some), -1).sum(axis=1) - noise[some] @ weights
        top = int(some[np.argmax(bounds[some])])
        if bounds[top] > gain:
            best, gain = top, bounds[top]
    return best


def _extended(state: _Configurations, chances: Floats, count: int, rng: np.random.Generator) -> _Configurations:
    """The configurations with the new pick's label added; chances: (labels, draws) of that pick."""
    wide = chances.astype(np.float64)
    if len(state.share) * len(wide) <= EXACT:
        likelihood = (state.posterior[:, None, :] * wide).reshape(-1, wide.shape[1])
        return _weighted(np.repeat(state.share, len(wide)), likelihood)
    if len(state.share) != count:
        state = _sampled(state, count, rng)
    told = np.cumsum(state.posterior @ wide.T, axis=1)
    label = (told <= rng.random((count, 1)) * told[:, -1:]).sum(axis=1)
    rows = state.posterior * wide[np.minimum(label, len(wide) - 1)]
    return _Configurations(state.share, rows / rows.sum(axis=1, keepdims=True))


def _weighted(share: NDArray[np.float64], likelihood: NDArray[np.float64]) -> _Configurations:
    """Rows (S, draws) made to sum to 1, what they summed to going into the share; impossible ones left out."""
    sums = likelihood.sum(axis=1)
    possible = share * sums > 0
    share = (share * sums)[possible]
    return _Configurations(share / share.sum(), likelihood[possible] / sums[possible, None])


def _sampled(state: _Configurations, count: int, rng: np.random.Generator) -> _Configurations:
    """`count` configurations drawn by their share, one from each of `count` equal strata."""
    edges = np.cumsum(state.share)
    places = (np.arange(count) + rng.random(count)) / count * edges[-1]
    rows = np.minimum(np.searchsorted(edges, places, side="right"), len(edges) - 1)
    return _Configurations(np.full(count, 1 / count), state.posterior[rows])
