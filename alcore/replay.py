"""Which labelled items to replay beside the new ones, with what targets and weights: arrays only.

Source: Das, Bhatt, Bhalerao, Gao, Yang & Bilmes (2023), Continual Active Learning. Unlike their published code: logits
are taken in evaluation mode from the model as it ended the last round, the divergence is one of log-probabilities, and
a choice never copies a model.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from alcore import schemes
from alcore.protocols import Floats, Ints, Steps
from alcore.schemes import Scheme

Logits = Callable[[Ints], Floats]  # rows -> (members, rows, classes), of the last model in evaluation mode
JUDGED = 512  # rows by which it is judged whether training is done, as in a training from scratch
WIDER = 2  # candidates for every replayed row, where a scheme chooses among them; 2 to 2.5 in the paper's scripts
APART = 10  # steps between two looks at whether training is done, at least: a look costs as much as some steps
UNSURE = 1.0  # lambda: what uncertainty counts beside standing for the others (the paper's scripts)


@dataclass(frozen=True)
class Pace:
    """How far a round goes on. epochs: passes over what is new, at most; batch: new rows of a step.

    replayed: rows beside for each new one. Batches of 20 with 40 replayed are the paper's on CIFAR-10; so many epochs
    were enough on mnist and trec6, of which no figure is reported (`benchmarks.continual --search`).
    """

    epochs: int = 15
    batch: int = 20
    replayed: int = 2


def steps(
    new: NDArray[np.bool_], scheme: str, logits: Logits, *, pace: Pace | None = None, rng: np.random.Generator
) -> Steps:
    """The steps of a round that goes on from the last model.

    Which rows stand in which step depends on no label and on no model: so a member learns nothing of its own fold from
    the draw. Only "sds2" looks at the model, and is for one member alone.

    Args:
        new: (n,) True where the last model has not learned the row's label. scheme: a key of `schemes`. logits: what
            the last model says of given rows; asked only of what is replayed, so the cost stays flat.

    Raises ValueError where nothing is new, where nothing is old and the scheme replays, on an unknown scheme, or where
    several members would share a choice that tells of their folds.
    """
    how, taken = schemes.get(scheme), pace or Pace()
    fresh, old = np.flatnonzero(new), np.flatnonzero(~new)
    if not len(fresh) or (how.replays and not len(old)):
        raise ValueError(f"Going on needs new and old rows; there are {len(fresh)} and {len(old)}.")
    source = fresh if how.new_only else np.arange(len(new))
    epoch = -(-len(source) // taken.batch)
    size = -(-len(source) // epoch)
    batches = passes(source, size, taken.epochs * epoch, rng)
    beside = [np.zeros(0, dtype=np.int64)] * len(batches)
    said, known = None, None
    if how.replays:
        beside = _drawn(old, taken.replayed * size * (1 if how.replays == "uniform" else WIDER), len(batches), rng)
        said, known = _stored(beside, len(new), logits) if how.alpha or how.replays == "submodular" else (None, None)
    if how.replays == "submodular" and said is not None:
        beside = [candidates[representative(said[:, candidates], taken.replayed * size)] for candidates in beside]
    return Steps(
        batches,
        beside,
        epoch=max(APART, epoch),
        shares=_shares(how, size, len(fresh), len(new), taken.replayed),
        distance=how.distance,
        alpha=how.alpha,
        beta=how.beta,
        logits=said if how.distance else None,
        known=known if how.distance else None,
        interfered=taken.replayed * size if how.replays == "interfered" else 0,
        judged=(_judged(np.arange(len(new)) if how.replays or not how.new_only else fresh, rng),),
    )


def representative(logits: Floats, count: int) -> Ints:
    """(count,) positions of rows that stand for all and are unsure, by greedy submodular maximization.

    The gain is that of sum_i max_j w_ij + log(1 + sum_j u_j), where w falls with the squared distance of what one
    member says over its mean, and u is 1 minus the likeliest label's probability.

    Args:
        logits: (1, n, classes).

    Raises ValueError for several members: what one says would choose for the others. Source: Das et al. (2023), SDS2.
    """
    if len(logits) != 1:
        raise ValueError(f"Submodular sampling is for one member; there are {len(logits)}.")
    said = logits[0].astype(np.float64)
    squares = ((said[:, None] - said[None]) ** 2).sum(axis=2)
    width = float(squares.mean()) or 1.0
    near, unsure = np.exp(-squares / width), 1 - softmax(said, axis=1).max(axis=1)
    covered, spent, chosen = np.zeros(len(said)), 0.0, []
    left = np.ones(len(said), dtype=bool)
    for _ in range(min(count, len(said))):
        gain = np.maximum(near - covered[:, None], 0).sum(axis=0)
        gain += UNSURE * (np.log1p(spent + unsure) - np.log1p(spent))
        best = int(np.where(left, gain, -np.inf).argmax())
        chosen.append(best)
        left[best] = False
        covered, spent = np.maximum(covered, near[:, best]), spent + float(unsure[best])
    return np.array(chosen, dtype=np.int64)


def passes(rows: Ints, size: int, count: int, rng: np.random.Generator) -> list[Ints]:
    """`count` batches of one size off shuffled passes."""
    order = np.concatenate([rng.permutation(rows) for _ in range(-(-count * size // len(rows)))])
    return list(order[: count * size].reshape(-1, size))


def _drawn(rows: Ints, size: int, count: int, rng: np.random.Generator) -> list[Ints]:
    """`count` draws of `size` rows, each without repeats."""
    size = min(size, len(rows))
    return [rows[np.sort(rng.choice(len(rows), size, replace=False, shuffle=False))] for _ in range(count)]


def _stored(beside: list[Ints], rows: int, logits: Logits) -> tuple[Floats, NDArray[np.bool_]]:
    """(members, rows, classes) with what the last model said of all that is replayed, and (rows,) where it did."""
    known = np.zeros(rows, dtype=bool)
    known[np.concatenate(beside)] = True
    said = logits(np.flatnonzero(known))
    table = np.zeros((len(said), rows, said.shape[2]), dtype=np.float32)  # untouched pages take no memory
    table[:, known] = said
    return table, known


def _shares(how: Scheme, size: int, fresh: int, rows: int, replayed: int) -> tuple[float, float]:
    if not how.replays:
        return 1.0, 0.0
    if how.weighs == "shares":
        return fresh / rows, 1 - fresh / rows
    if how.weighs == "both":
        return 1.0, 1.0
    return 1 / (1 + replayed), replayed / (1 + replayed)


def _judged(rows: Ints, rng: np.random.Generator) -> Ints:
    """A sample of all that is to be known, in no order: the early stopping of a training from scratch."""
    return rng.permutation(rows)[:JUDGED]
