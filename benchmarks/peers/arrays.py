"""What every library is handed: features, probabilities and draws as .npy, made from seeds.

A pool is digits (8 x 8 pictures, real) or synthetic: 30 clouds in 384 dimensions, three to a label, ten labels. 200
items are labeled (100 of digits); a logistic regression on them gives probabilities, five on bootstraps of them an
ensemble, and the first under 20 fixed dropout masks of the features the draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

WIDTH, LABELS, CLOUDS, APART = 384, 10, 30, 0.5
WIDE = 8  # directions before the spread in a direction begins to fall, as it does in embeddings
MEMBERS, DRAWS, KEPT = 5, 20, 0.5
JUDGES = 1000  # fresh draws of the same model, never shown to any library
SMALL = 300  # items of the copy to warm up on
KERNEL_SAMPLE = 3000


@dataclass(frozen=True)
class Linear:
    """A softmax layer. weight: (D, labels). bias: (labels,)."""

    weight: Floats
    bias: Floats

    def probs(self, features: Floats) -> Floats:
        """(items, labels)."""
        logits = features @ self.weight + self.bias
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(chances / chances.sum(axis=1, keepdims=True), dtype=np.float32)

    def draws(self, features: Floats, count: int, rng: np.random.Generator) -> Floats:
        """(items, labels, count) under masks that are the same for all items."""
        found = np.empty((len(features), len(self.bias), count), dtype=np.float32)
        for draw in range(count):
            mask = np.where(rng.random(features.shape[1]) < KEPT, 1 / KEPT, 0).astype(np.float32)
            found[:, :, draw] = self.probs(features * mask)
        return found


def digits(seed: int) -> tuple[Floats, Ints]:
    """1,797 pictures and their labels, in random order."""
    found = load_digits()
    order = np.random.default_rng(seed).permutation(len(found.target))
    return (found.data[order] / 16).astype(np.float32), found.target[order].astype(np.int64)


def synthetic(count: int, seed: int) -> tuple[Floats, Ints]:
    """`count` items of 30 clouds, and their labels."""
    rng = np.random.default_rng(seed)
    centers, cloud = clouds(rng), rng.integers(CLOUDS, size=count)
    return around(centers[cloud], rng), (cloud % LABELS).astype(np.int64)


def clouds(rng: np.random.Generator) -> Floats:
    """(clouds, D) centers."""
    return np.asarray(rng.normal(size=(CLOUDS, WIDTH)) * APART * spread(), dtype=np.float32)


def around(centers: Floats, rng: np.random.Generator) -> Floats:
    """(items, D) an item for each of these centers, (items, D)."""
    return np.asarray(rng.standard_normal(centers.shape, dtype=np.float32) * spread() + centers, dtype=np.float32)


def spread() -> Floats:
    """(D,) standard deviation in each direction."""
    return np.asarray(1 / np.sqrt(1 + np.arange(WIDTH) / WIDE), dtype=np.float32)


def write_pool(folder: Path, features: Floats, labels: Ints, *, known: int, seed: int) -> None:
    """All arrays of a pool whose first `known` items are labeled."""
    rng = np.random.default_rng([seed, 1])
    rows, targets, pool = features[:known], labels[:known], features[known:]
    model = fitted(rows, targets)
    bootstraps = [rng.integers(known, size=known) for _ in range(MEMBERS)]
    members = np.stack([fitted(rows[some], targets[some]).probs(pool) for some in bootstraps])
    found: dict[str, NDArray[Any]] = {
        "features": pool,
        "labeled": rows,
        "labels": targets,
        "probs": model.probs(pool),
        "members": members,
        "draws": model.draws(pool, DRAWS, rng),
        "weight": model.weight,
        "bias": model.bias,
        "gamma": np.array(1 / median_squared_distance(pool, rng)),
    }
    write(folder, found, per_item={"features": 0, "probs": 0, "members": 1, "draws": 0})


def write_joint(folder: Path, source: Path, *, candidates: int, draws: int, seed: int) -> None:
    """The most uncertain candidates of a pool, `draws` of each to select by and a thousand others to judge by."""
    rng = np.random.default_rng([seed, 2])
    probs, model = np.load(source / "probs.npy"), Linear(np.load(source / "weight.npy"), np.load(source / "bias.npy"))
    entropies = -(probs * np.log(np.maximum(probs, 1e-12))).sum(axis=1)
    rows = np.load(source / "features.npy")[np.argsort(-entropies)[:candidates]]
    found: dict[str, NDArray[Any]] = {"draws": model.draws(rows, draws, rng), "judges": model.draws(rows, JUDGES, rng)}
    write(folder, found, per_item={"draws": 0, "judges": 0})


def fitted(rows: Floats, targets: Ints) -> Linear:
    """A logistic regression over all ten labels."""
    model = LogisticRegression(max_iter=300).fit(rows, targets)
    weight, bias = np.zeros((rows.shape[1], LABELS), np.float32), np.full(LABELS, -10, np.float32)
    weight[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    return Linear(weight, bias)


def median_squared_distance(points: Floats, rng: np.random.Generator) -> float:
    """Over all pairs of at most 3,000 items."""
    some = points[rng.permutation(len(points))[:KERNEL_SAMPLE]]
    norms = (some**2).sum(axis=1)
    squares = norms[:, None] + norms - 2 * some @ some.T
    np.fill_diagonal(squares, 0)
    return float(np.median(squares[squares > 0]))


def write(folder: Path, found: dict[str, NDArray[Any]], *, per_item: dict[str, int]) -> None:
    """Every array, and beside them a copy with the first items only. per_item: the axis of items."""
    (folder / "small").mkdir(parents=True, exist_ok=True)
    for name, array in found.items():
        np.save(folder / f"{name}.npy", array)
        axis = per_item.get(name)
        few = array if axis is None else np.take(array, np.arange(min(SMALL, array.shape[axis])), axis=axis)
        np.save(folder / "small" / f"{name}.npy", few)
