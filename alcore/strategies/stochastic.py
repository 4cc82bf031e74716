"""A batch drawn by score instead of taken from the top, with the probability of every draw."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite
from alcore.protocols import Floats, Ints
from alcore.strategies.geometry import require_batch

Kind = Literal["power", "softmax", "softrank"]
KINDS = get_args(Kind)
SMALLEST = 1e-9  # what a score of 0 counts as under power, so that every item can be drawn


@dataclass(frozen=True)
class StochasticBatch:
    """Items in the order drawn. All arrays: (batch,).

    probability: of this draw among what was left at its step, in (0, 1]. step: 1 for the first. pool_size: how many
    were left to draw from.
    """

    items: Ints
    probability: NDArray[np.float64]
    step: Ints
    pool_size: Ints


def power_batch(
    scores: Floats,
    batch: int,
    *,
    kind: Kind = "power",
    beta: float = 1.0,
    rng: np.random.Generator,
) -> StochasticBatch:
    """Draw items one after another without replacement, the higher their score the likelier.

    Weights: score**beta (power), exp(beta * score) (softmax) or rank**-beta (softrank). The order of log weight plus
    Gumbel noise is such a draw. With beta 0 all are alike; the larger, the closer to taking the highest. Over a
    large pool beta 1 is near to random: use it on a shortlist, or a beta of 4 and more.

    Args:
        scores: (items,), finite, not negative; higher is more worth asking. batch: at most all items come back.
        beta: not negative.

    Raises ValueError on another shape or kind, negative scores or beta, NaN or infinity.
    Source: Kirsch et al. (2023).
    """
    weights = log_weights(scores, kind=kind, beta=beta, rng=rng)
    require_batch(batch)
    count = min(batch, len(scores))
    keys = weights + rng.gumbel(size=len(scores))
    top = np.argpartition(-keys, count - 1)[:count] if count else np.zeros(0, dtype=np.int64)
    items = top[np.argsort(-keys[top], kind="stable")]
    rest = np.ones(len(scores), dtype=bool)
    rest[items] = False
    probability = _conditional(weights[items], weights[rest])
    steps = np.arange(1, count + 1, dtype=np.int64)
    return StochasticBatch(items.astype(np.int64), probability, steps, len(scores) + 1 - steps)


def log_weights(scores: Floats, *, kind: Kind, beta: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """The logarithms of the weights that `power_batch` draws by, (items,); arguments and errors as there.

    rng: breaks ties of rank.
    """
    _require_drawable(scores, kind, beta)
    wide = np.asarray(scores, dtype=np.float64)
    if kind == "power":
        return np.asarray(beta * np.log(np.maximum(wide, SMALLEST)))
    if kind == "softmax":
        return np.asarray(beta * (wide - wide.max(initial=0)))
    ranks = np.empty(len(wide))
    ranks[np.lexsort((rng.random(len(wide)), -wide))] = np.arange(1, len(wide) + 1)
    return np.asarray(-beta * np.log(ranks))


def _require_drawable(scores: Floats, kind: str, beta: float) -> None:
    if scores.ndim != 1:
        raise ValueError(f"scores must have 1 axis; its shape is {scores.shape}.")
    require_finite("scores", scores)
    if len(scores) and scores.min() < 0:
        raise ValueError(f"scores must not be negative; the lowest is {scores.min()}.")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; it is {kind!r}.")
    if not 0 <= beta < np.inf:
        raise ValueError(f"beta must be finite and not negative; it is {beta}.")


def _conditional(chosen: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """(batch,) each chosen weight's share of itself, those chosen later and the rest; all in logarithms."""
    if not len(chosen):
        return np.zeros(0)
    unchosen = np.logaddexp.reduce(rest) if len(rest) else -np.inf
    left = np.logaddexp.accumulate(np.concatenate([[unchosen], chosen[::-1]]))[1:][::-1]
    return np.asarray(np.minimum(np.exp(chosen - left), 1.0))
