"""The order in which a strategy would ask -> a batch, with a random share; every draw with its probability."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_shape
from alcore.protocols import Ints

RANKED, RANDOM, SAMPLED = "ranked", "random", "sampled"


@dataclass(frozen=True)
class Pick:
    """What a strategy would ask. items: (n,) indices, best first.

    log_weights: (n,) where the batch is to be drawn from these items by weight, without replacement; None where it
    takes them in their order.
    """

    items: Ints
    log_weights: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Selection:
    """A batch, first to ask first. All arrays: (batch,).

    items: indices into the pool. scores: as the strategy gave them (NaN where it gave none). draw: "ranked", "random"
    or "sampled". probability: of this draw among what was left at its step (NaN where ranked); step: 1 for the first
    drawn (0 where ranked); pool_size: how many were left to draw from (0 where ranked).
    """

    items: Ints
    scores: NDArray[np.float32]
    draw: NDArray[np.str_]
    probability: NDArray[np.float64]
    step: Ints
    pool_size: Ints

    def __len__(self) -> int:
        return len(self.items)


def fill(
    pick: Pick, open_items: NDArray[np.bool_], *, batch: int, random_share: float, rng: np.random.Generator
) -> Selection:
    """Fill the places of a batch in turn: the pick's, and a random share drawn from all that is left.

    Where the pick has fewer items than places, the others are drawn at random too. Scores are left NaN.

    Args:
        pick: items that are open. open_items: (items,) True where an item may be asked.
        batch: how many; fewer come back when fewer are open. random_share: in [0, 1], of the batch.

    Raises ValueError on a wrong share or batch, or where the pick names an item that is not open or names one twice.
    """
    _check(pick, open_items, batch, random_share)
    count = min(batch, int(open_items.sum()))
    places = _Places(pick, open_items, rng)
    for is_random in is_random_place(count, random_share):
        places.draw_any() if is_random else places.take_next()
    return places.selection()


def is_random_place(count: int, share: float) -> NDArray[np.bool_]:
    """(count,) True at the places of the batch that are drawn at random, spread evenly over it."""
    filled = np.floor(np.arange(1, count + 1) * share + 0.5)
    return np.asarray(np.diff(filled, prepend=0) > 0)


class _Places:
    """What has been put into the batch so far."""

    def __init__(self, pick: Pick, open_items: NDArray[np.bool_], rng: np.random.Generator) -> None:
        self.pick, self.rng = pick, rng
        self.left, self.size = open_items.copy(), int(open_items.sum())
        self.next, self.step = 0, 0
        self.rows: list[tuple[int, str, float, int, int]] = []

    def draw_any(self) -> None:
        """One of all that is left, all alike."""
        item = int(np.flatnonzero(self.left)[self.rng.integers(self.size)])
        self._put(item, RANDOM, 1 / self.size, self.size)

    def take_next(self) -> None:
        """The pick's best that is left, or one drawn by weight."""
        if self.pick.log_weights is not None:
            return self._draw_by_weight(self.pick.log_weights)
        while self.next < len(self.pick.items) and not self.left[self.pick.items[self.next]]:
            self.next += 1
        if self.next == len(self.pick.items):
            return self.draw_any()
        return self._put(int(self.pick.items[self.next]), RANKED, np.nan, 0)

    def _draw_by_weight(self, log_weights: NDArray[np.float64]) -> None:
        candidates = np.flatnonzero(self.left[self.pick.items])
        if not len(candidates):
            return self.draw_any()
        logs = log_weights[candidates]
        shares = np.exp(logs - np.logaddexp.reduce(logs))
        at = int(np.argmax(logs + self.rng.gumbel(size=len(logs))))
        return self._put(int(self.pick.items[candidates[at]]), SAMPLED, float(min(shares[at], 1)), len(candidates))

    def _put(self, item: int, draw: str, probability: float, size: int) -> None:
        self.left[item] = False
        self.size -= 1
        self.step += draw != RANKED
        self.rows.append((item, draw, probability, self.step if draw != RANKED else 0, size))

    def selection(self) -> Selection:
        items, draw, probability, step, size = zip(*self.rows, strict=True) if self.rows else ((), (), (), (), ())
        return Selection(
            items=np.array(items, dtype=np.int64),
            scores=np.full(len(items), np.nan, dtype=np.float32),
            draw=np.array(draw, dtype=np.str_),
            probability=np.array(probability, dtype=np.float64),
            step=np.array(step, dtype=np.int64),
            pool_size=np.array(size, dtype=np.int64),
        )


def _check(pick: Pick, open_items: NDArray[np.bool_], batch: int, random_share: float) -> None:
    if not 0 <= random_share <= 1 or batch < 0:
        raise ValueError(f"random_share must lie in [0, 1] and batch be positive; they are {random_share}, {batch}.")
    if not open_items[pick.items].all():
        raise ValueError("The pick names an item that may not be asked.")
    if len(np.unique(pick.items)) != len(pick.items):
        raise ValueError("The pick names an item twice.")
    if pick.log_weights is not None:
        require_shape("log_weights", pick.log_weights, pick.items.shape)
