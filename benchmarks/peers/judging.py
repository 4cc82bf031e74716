"""How good a batch is, by the same estimator for every library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

SAMPLED = 200_000  # label configurations, for a standard error below 0.005 nats
LOOKED_AT = 5_000  # items of a pool
ONE_BLOCK = 10_000


def joint_information(draws: Floats, picks: Ints, *, seed: int) -> float:
    """Nats that the labels of these items together tell about which draw is true.

    The mean of log p(y | draw) - log mean p(y | any draw) over draws and labels y sampled from them: unbiased, and
    shares no code with any of the libraries, nor with alcore.
    """
    rng, chances = np.random.default_rng(seed), draws[picks].astype(np.float64)
    logs, count = np.log(np.maximum(chances, 1e-30)), draws.shape[2]
    total, steps = 0.0, SAMPLED // ONE_BLOCK
    for _ in range(steps):
        true = rng.integers(count, size=ONE_BLOCK)
        likely = np.zeros((ONE_BLOCK, count))
        for item, log in zip(chances, logs, strict=True):
            sums = np.cumsum(item[:, true], axis=0)
            label = (sums < rng.random(ONE_BLOCK) * sums[-1]).sum(axis=0)
            likely += log[label]
        own = likely[np.arange(ONE_BLOCK), true]
        total += float((own - np.logaddexp.reduce(likely, axis=1) + np.log(count)).mean())
    return total / steps


def radius(folder: Path, picks: Ints) -> float:
    """The largest distance from an item of the pool to the nearest that is labeled or picked."""
    rows = np.load(folder / "features.npy")
    centers = np.concatenate([np.load(folder / "labeled.npy"), rows[picks]])
    return float(np.sqrt(squared_to_nearest(rows, centers).max()))


def coverage(folder: Path, picks: Ints) -> float:
    """The mean over the pool of the kernel to the nearest pick, in (0, 1]."""
    rows, gamma = np.load(folder / "features.npy"), float(np.load(folder / "gamma.npy"))
    return float(np.exp(-gamma * squared_to_nearest(some(rows), rows[picks])).mean())


def gradient_volume(folder: Path, picks: Ints) -> float:
    """The mean logarithm by which each pick widens the volume that the batch's gradients span.

    By this its authors compare BADGE with draws from a determinantal process. Lengths are shares of the pool's mean.
    """
    rows, errors = np.load(folder / "features.npy"), np.load(folder / "probs.npy").astype(np.float64)
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    lengths = ((errors**2).sum(axis=1) * (rows.astype(np.float64) ** 2).sum(axis=1)).mean()
    products = (errors[picks] @ errors[picks].T) * (rows[picks].astype(np.float64) @ rows[picks].T) / lengths
    return float(np.linalg.slogdet(products)[1] / 2 / len(picks))


def some(rows: Any) -> Any:
    """At most 5,000 of the pool, always the same."""
    return rows[np.sort(np.random.default_rng(0).permutation(len(rows))[:LOOKED_AT])]


def squared_to_nearest(rows: Floats, centers: Floats) -> NDArray[np.float64]:
    found, own = np.empty(len(rows)), (centers.astype(np.float64) ** 2).sum(axis=1)
    for start in range(0, len(rows), ONE_BLOCK):
        block = rows[start : start + ONE_BLOCK].astype(np.float64)
        away = (block**2).sum(axis=1)[:, None] + own - 2 * block @ centers.T.astype(np.float64)
        found[start : start + ONE_BLOCK] = np.maximum(away, 0).min(axis=1)
    return found
