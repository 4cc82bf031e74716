"""Score a pool chunk by chunk and keep the best: what a strategy needs of the model is never held for all items."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from alcore import catalog
from alcore.checking import require_finite
from alcore.protocols import Floats, Ints, Model, Report, Rows

CHUNK_FLOATS = 6_000_000  # in the largest array made for a chunk, 24 MB: it stays near the caches
MOST_ROWS = 32_768
# BALD by cascade: so many draws for so many of the best so far. Few draws on all items are too noisy to tell the very
# best from the next, and many on all cost too much.
CASCADE = ((10, sys.maxsize), (100, 5_000), (500, 500))
TARGETS = 100  # items whose predictions EPIG wants to be sure of (Bickford Smith et al. 2023)
TARGET_DRAWS = 100
SHORTLIST = 2_000  # of the best by the first look, for scores that are too dear for the whole pool


class Predicts(Protocol):
    """What scores ask of a trained model; see `alcore.protocols.Model`."""

    def member_probs(self, features: Floats) -> Floats: ...
    def predict_probs(self, features: Floats) -> Floats: ...
    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats: ...


@dataclass(frozen=True)
class Scored:
    """scores: (items,), the finest estimate made for each; 0 outside the pool.

    order: (open,) indices of the pool, the first `keep` of them by falling score, the others in no order.
    """

    scores: Floats
    order: Ints


@dataclass(frozen=True)
class Scorer:
    """A trained model over a pool.

    features: (items, D). pool: (open,) indices, rising. keep: how many of the best are wanted, in order.
    """

    features: Rows
    pool: Ints
    model: Predicts
    seed: int
    keep: int
    report: Report

    def score(self, key: str) -> Scored:
        """Score the pool by a strategy of the catalog; higher is more worth asking.

        To a strategy, out of scope is a label like any other: whether something is in scope is a doubt that people can
        settle. Were it left out, what the model wrongly takes for out of scope would never be asked, and never be
        corrected. Ties are broken by the seed. Raises ValueError where a feature is NaN or infinite.
        """
        strategy = catalog.get(key)
        if strategy.kind == "batch":  # without scores of its own: a random shortlist
            return self._by_chance(catalog.get("random"))
        run = {"nothing": self._by_chance, "draws": self._cascade, "targets": self._on_shortlist}
        return run.get(strategy.needs, self._one_pass)(strategy)

    def probs(self, items: Ints) -> Floats:
        """(n, labels + 1) by the ensemble's mean, out of scope last; rows sum to 1."""
        return self.model.predict_probs(rows_of(self.features, items))

    def draws(self, items: Ints, count: int) -> Floats:
        """(n, labels + 1, count) posterior samples, out of scope last."""
        return self.model.draw_probs(rows_of(self.features, items), draws=count, seed=self.seed)

    def _by_chance(self, strategy: catalog.Strategy) -> Scored:
        values = catalog.load(strategy.key)(len(self.pool), np.random.default_rng([self.seed, 3]))
        return self.ranked(self._spread_out(values))

    def _one_pass(self, strategy: catalog.Strategy) -> Scored:
        function, ask = catalog.load(strategy.key), self._members if strategy.needs == "members" else self._mean
        return self.ranked(self._spread_out(self.over(self.pool, lambda rows: ask(function, rows), width=8)))

    def _cascade(self, strategy: catalog.Strategy) -> Scored:
        function, wanted = catalog.load(strategy.key), max(self.keep, CASCADE[1][1])
        scores, order = np.zeros(len(self.features), dtype=np.float32), self.pool
        for draws, most in CASCADE if len(self.pool) > CASCADE[1][1] else CASCADE[1:]:
            head, tail = order[:most], order[most:]
            scores[head] = self.over(head, partial(self._drawn, function, draws), width=draws)
            order = np.concatenate([self._best_first(scores, head, wanted), tail])
        return Scored(scores, order)

    def _on_shortlist(self, strategy: catalog.Strategy) -> Scored:
        """A first look by entropy; the strategy itself, against targets drawn from the pool, on the best of it."""
        function, rng = catalog.load(strategy.key), np.random.default_rng([self.seed, 4])
        first = self._one_pass(catalog.get("entropy"))
        order = self._best_first(first.scores, self.pool, max(self.keep, SHORTLIST))
        head, tail = np.sort(order[:SHORTLIST]), order[SHORTLIST:]
        targets = self.draws(np.sort(rng.permutation(self.pool)[:TARGETS]), TARGET_DRAWS)
        scores = np.zeros_like(first.scores)

        def ask(rows: Floats) -> Floats:
            return self._drawn(function, TARGET_DRAWS, rows, targets)

        scores[head] = self.over(head, ask, width=TARGET_DRAWS)
        return Scored(scores, np.concatenate([self._best_first(scores, head, SHORTLIST), tail]))

    def over(self, items: Ints, ask: Callable[[Floats], Floats], *, width: int) -> Floats:
        """(items,) what `ask` says of each chunk of features."""
        out = np.empty(len(items), dtype=np.float32)
        step = min(MOST_ROWS, max(256, CHUNK_FLOATS // (width * 12)))
        for start in range(0, len(items), step):
            rows = rows_of(self.features, items[start : start + step])
            require_finite("features", rows)
            out[start : start + len(rows)] = ask(rows)
            self.report("score", min(1.0, (start + len(rows)) / len(items)))
        return out

    def _mean(self, function: Callable[..., Floats], rows: Floats) -> Floats:
        return np.asarray(function(self.model.predict_probs(rows)))

    def _members(self, function: Callable[..., Floats], rows: Floats) -> Floats:
        return np.asarray(function(self.model.member_probs(rows)))

    def _drawn(self, function: Callable[..., Floats], count: int, rows: Floats, *more: Floats) -> Floats:
        return np.asarray(function(self.model.draw_probs(rows, draws=count, seed=self.seed), *more))

    def _spread_out(self, values: Floats) -> Floats:
        scores = np.zeros(len(self.features), dtype=np.float32)
        scores[self.pool] = values
        return scores

    def ranked(self, scores: Floats) -> Scored:
        """These scores, (items,), with the pool in their order."""
        return Scored(scores, self._best_first(scores, self.pool, self.keep))

    def _best_first(self, scores: Floats, items: Ints, count: int) -> Ints:
        return best_first(scores, items, count, np.random.default_rng([self.seed, 5]))


def best_first(scores: Floats, items: Ints, count: int, rng: np.random.Generator) -> Ints:
    """The `count` best of the items by falling score, equal scores in random order; the others follow unsorted."""
    chance = rng.random(len(items))
    values = scores[items]
    if count >= len(items):
        return np.asarray(items[np.lexsort((chance, -values))])
    if count == 0:
        return np.asarray(items)
    threshold = np.partition(values, len(values) - count)[len(values) - count]
    above = np.flatnonzero(values > threshold)
    equal = np.flatnonzero(values == threshold)
    equal = equal[np.argsort(chance[equal], kind="stable")]
    head = np.concatenate([above[np.lexsort((chance[above], -values[above]))], equal[: count - len(above)]])
    rest = np.ones(len(items), dtype=bool)
    rest[head] = False
    return np.asarray(np.concatenate([items[head], items[rest]]))


def predicted(features: Rows, items: Ints, model: Model) -> Ints:
    """(items,) the likeliest label of each, K for out of scope, chunk by chunk."""
    parts = [items[start : start + MOST_ROWS] for start in range(0, len(items), MOST_ROWS)]
    labels = [model.predict_probs(rows_of(features, part)).argmax(axis=1) for part in parts]
    return np.concatenate([np.zeros(0, dtype=np.int64), *labels]).astype(np.int64)


def rows_of(features: Rows, items: Ints) -> Floats:
    """(n, D) float32 rows; without a copy where the indices follow each other in a file or an array."""
    if len(items) and items[-1] - items[0] + 1 == len(items) and (np.diff(items) == 1).all():
        return np.asarray(features[int(items[0]) : int(items[-1]) + 1], dtype=np.float32)
    return np.asarray(features[items], dtype=np.float32)
