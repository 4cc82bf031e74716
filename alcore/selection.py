"""Scores -> a batch: the best of them, with a random share whose probability of being drawn is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite, require_shape
from alcore.protocols import Floats, Ints

RANKED, RANDOM = "ranked", "random"


@dataclass(frozen=True)
class Selection:
    """A batch, first to ask first. All arrays: (batch,).

    items: indices into the pool. scores: as the strategy gave them (NaN where it gave none). draw: "ranked" or
    "random". probability: of this random draw among what was left at its step (NaN where ranked); step: 1 for the
    first random draw (0 where ranked); pool_size: how many were left to draw from (0 where ranked).
    """

    items: Ints
    scores: Floats
    draw: NDArray[np.str_]
    probability: NDArray[np.float64]
    step: Ints
    pool_size: Ints

    def __len__(self) -> int:
        return len(self.items)


def select(
    scores: Floats, open_items: NDArray[np.bool_], *, batch: int, random_share: float, rng: np.random.Generator
) -> Selection:
    """Take the highest scores among open items, and draw a random share of the batch from all that is left.

    Args:
        scores: (items,), finite where open; higher is more worth asking. Ties are broken by `rng`.
        open_items: (items,) True where an item may be asked.
        batch: how many; fewer come back when fewer are open.
        random_share: in [0, 1], of the batch.

    Raises ValueError on a wrong shape or share, or where an open item's score is NaN or infinite.
    """
    require_shape("open_items", open_items, scores.shape)
    if not 0 <= random_share <= 1 or batch < 0:
        raise ValueError(f"random_share must lie in [0, 1] and batch be positive; they are {random_share}, {batch}.")
    pool = np.flatnonzero(open_items)
    require_finite("scores of open items", scores[pool])
    count = min(batch, len(pool))
    order = ranking(scores[pool], rng)
    return _interleave(pool, order, scores, is_random_place(count, random_share), rng)


def ranking(scores: Floats, rng: np.random.Generator) -> Ints:
    """(items,) positions by falling score; equal scores in random order."""
    return np.lexsort((rng.random(len(scores)), -scores)).astype(np.int64)


def is_random_place(count: int, share: float) -> NDArray[np.bool_]:
    """(count,) True at the places of the batch that are drawn at random, spread evenly over it."""
    filled = np.floor(np.arange(1, count + 1) * share + 0.5)
    return np.asarray(np.diff(filled, prepend=0) > 0)


def _interleave(
    pool: Ints, order: Ints, scores: Floats, random_place: NDArray[np.bool_], rng: np.random.Generator
) -> Selection:
    """Fill the places in turn: a random one draws uniformly from all that is not chosen yet."""
    count, left = len(random_place), np.ones(len(pool), dtype=bool)
    chosen, sizes, steps, next_ranked, step = [], [], [], 0, 0
    for place in range(count):
        size = len(pool) - place
        if random_place[place]:
            step += 1
            position = int(np.flatnonzero(left)[rng.integers(size)])
        else:
            while not left[order[next_ranked]]:
                next_ranked += 1
            position = int(order[next_ranked])
        left[position] = False
        chosen.append(position)
        sizes.append(size if random_place[place] else 0)
        steps.append(step if random_place[place] else 0)
    items = pool[np.array(chosen, dtype=np.int64)]
    pool_size = np.array(sizes, dtype=np.int64)
    probability = np.divide(1.0, pool_size, out=np.full(count, np.nan), where=pool_size > 0)
    draw = np.where(random_place, RANDOM, RANKED)
    return Selection(items, scores[items], draw, probability, np.array(steps, dtype=np.int64), pool_size)
