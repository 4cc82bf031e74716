"""Score a pool in chunks: what the strategy needs of the model is never held for all items at once."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alcore import catalog
from alcore.checking import require_finite
from alcore.protocols import Floats, Model, Report

CHUNK = 16_384  # items scored at once: 20 draws of 150 labels take 200 MB
SMALLEST = 1e-12


class Config(Protocol):
    """What scoring needs of a round's configuration."""

    @property
    def strategy(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def draws(self) -> int: ...


def score(features: Floats, open_items: NDArray[np.bool_], model: Model, config: Config, *, report: Report) -> Floats:
    """(items,) scores, higher is more worth asking; zero where the item is not open.

    A strategy looks at the K labels alone, made to sum to 1; its score is then multiplied by the probability that the
    item is in scope at all, so that the budget goes to items that can teach (Stojnic et al. 2024).
    """
    scores = np.zeros(len(features), dtype=np.float32)
    pool = np.flatnonzero(open_items)
    for start in range(0, len(pool), CHUNK):
        rows = pool[start : start + CHUNK]
        scores[rows] = _score_chunk(np.asarray(features[rows]), model, config, start)
        report("score", min(1.0, (start + len(rows)) / len(pool)))
    return scores


def _score_chunk(features: Floats, model: Model, config: Config, start: int) -> Floats:
    require_finite("features", features)
    strategy = catalog.get(config.strategy)
    function = catalog.load(config.strategy)
    if strategy.needs == "nothing":
        return np.asarray(function(len(features), np.random.default_rng([config.seed, 3, start])))
    if strategy.needs == "probs":
        probs = model.mean_probs(features)
        return np.asarray(function(in_scope(probs, axis=1)) * (1 - probs[:, -1]))
    if strategy.needs == "members":
        members = model.member_probs(features)
        return np.asarray(function(in_scope(members, axis=2)) * (1 - members.mean(axis=0)[:, -1]))
    draws = model.draw_probs(features, draws=config.draws, seed=config.seed)
    return np.asarray(function(in_scope(draws, axis=1)) * (1 - draws.mean(axis=2)[:, -1]))


def in_scope(probs: Floats, *, axis: int) -> Floats:
    """The probabilities of the K labels alone, made to sum to 1 along the axis (out of scope is its last entry)."""
    inside = np.delete(probs, -1, axis=axis)
    inside = np.maximum(inside, SMALLEST)
    return np.asarray(inside / inside.sum(axis=axis, keepdims=True), dtype=np.float32)
