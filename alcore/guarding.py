"""What the guards make of a strategy's scores, whatever the strategy: each one changes the scores of the whole pool."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from alcore import guards, learnable, outliers
from alcore.protocols import Floats, Ints, Rows
from alcore.scoring import Predicts, Scored, Scorer, rows_of

MOST_WATCHED = 3_000  # labeled items whose learning is watched; so many take some seconds with a hundred labels
NO_PREVIOUS = "There is no earlier model of these labels yet, so nothing could be compared with it."
NO_COSTS = (
    "What each answer costs is not known, so all counted alike: it takes 30 timed answers, and texts of which the "
    "longer surely take longer."
)
FEW_OUTLIERS = (
    "{} labels are out of scope, too few to learn it: what lies far from all that is in scope was asked less."
)
NO_ITEMS: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Known:
    """What the guards look at beside the scores.

    labeled, labels, folds: (n,) items, their labels (K for out of scope) and folds. costs: (items,) of asking each;
    None where unknown. previous: the last round's model; None without one. current: this round's, trained as that one
    was; None where it is the model that scores, which may have seen unlabelled items or weighed suspects too.
    """

    features: Rows
    labeled: Ints
    labels: Ints
    folds: Ints
    costs: Floats | None = None
    previous: Predicts | None = None
    current: Predicts | None = None


@dataclass
class Guarding:
    """The guards of a round, in their order: too uncertain, contrast, what cannot be learned, out of scope, cost.

    Every change but the first multiplies scores, or takes a mean of logarithms: so any guards go together and with any
    strategy, what scores 0 stays at 0, and a strategy's own order is kept where a guard rates items alike. notes: what
    the guards found, for the round's row. unlearned: labeled items that look as if they could not be learned.
    """

    scorer: Scorer
    chosen: tuple[str, ...]
    batch: int
    known: Known
    notes: list[str] = field(default_factory=list)
    unlearned: Ints = field(default_factory=lambda: NO_ITEMS)

    def __call__(self, scored: Scored) -> Scored:
        """The scores guarded, and the pool in their order; as they were where no guard has anything to say."""
        pool = self.scorer.pool
        if not len(pool):
            return scored
        given = scored.scores[pool]
        given = given - min(0.0, float(given.min()))  # rounding may leave a score below 0
        changed = self._changed(given)
        if changed is None:
            return scored
        scores = scored.scores.copy()
        scores[pool] = changed
        return self.scorer.ranked(scores)

    def _changed(self, given: Floats) -> Floats | None:
        """(pool,) after all guards; None where none changed anything."""
        steps: dict[str, Callable[[Floats], Floats | None]] = {
            "contrastive": self._contrasted,
            "unlearnable": self._learnable,
            "in_scope": self._in_scope,
            "cost": self._per_cost,
        }
        scores, clips = given, "ignore_most_uncertain" in self.chosen
        changes = clips
        for name in (name for name in steps if name in self.chosen):
            made = steps[name](scores)
            changes, scores = changes or made is not None, scores if made is None else made
        if clips:  # found by the strategy's own scores, and last in the end
            last = guards.clip_most_uncertain(given, batch=self.batch) != given
            scores = np.where(last, scores.min(), scores)
        return scores if changes else None

    def _contrasted(self, scores: Floats) -> Floats | None:
        """The geometric mean of the strategy's score and the contrastive one: asked first is what both want.

        Its authors let their score stand for a strategy. Here it goes with one: a mean of logarithms needs no common
        scale, and scores in [0, 1] stay there.
        """
        previous, labels = self.known.previous, []
        current = self.known.current or self.scorer.model
        if previous is None or not self._knows_the_labels(previous):
            self.notes.append(NO_PREVIOUS)
            return None

        def moved(rows: Floats) -> Floats:
            now, before = current.predict_probs(rows), previous.predict_probs(rows)
            margins, label = guards.moved_margins(now, before)
            labels.append(label)
            return margins

        margins = self.scorer.over(self.scorer.pool, moved, width=8)
        contrast = np.maximum(guards.persistent(margins, np.concatenate(labels)), 0)
        return np.asarray(np.sqrt(scores * contrast), dtype=np.float32)

    def _knows_the_labels(self, previous: Predicts) -> bool:
        """Whether the last round's model has the same labels; an owner may have added one since."""
        one = rows_of(self.known.features, self.scorer.pool[:1])
        return previous.predict_probs(one).shape == self.scorer.model.predict_probs(one).shape

    def _learnable(self, scores: Floats) -> Floats | None:
        """Times the probability that the item can be learned."""
        rows = np.arange(len(self.known.labeled))
        if len(rows) > MOST_WATCHED:
            rows = np.sort(np.random.default_rng([self.scorer.seed, 9]).permutation(rows)[:MOST_WATCHED])
        features = rows_of(self.known.features, self.known.labeled[rows])
        found = learnable.find(features, self.known.labels[rows], self.known.folds[rows])
        self.notes.append(found.note)
        if found.flags is None or not found.flags.any():
            return None
        self.unlearned = self.known.labeled[rows[found.flags]]
        chance = guards.unlearnable_chance(features, found.flags)
        return np.asarray(scores * (1 - self.scorer.over(self.scorer.pool, chance, width=8)), dtype=np.float32)

    def _in_scope(self, scores: Floats) -> Floats | None:
        """Times the probability that the item is in scope, by a model that `outliers.evened` has seen to.

        By distance while outliers are too few to be learned; None without any, and while they may hide a class.
        """
        outside = self._classes() - 1
        foreign = self.known.labels == outside
        found, pool = int(foreign.sum()), self.scorer.pool
        if not found or outliers.hides_a_class(self.known.labels, outside):
            return None
        if found >= outliers.ENOUGH:
            ask = self.scorer.model.predict_probs
            inside = self.scorer.over(pool, lambda rows: 1 - ask(rows)[:, -1], width=8)
            return np.asarray(scores * np.maximum(inside, 0), dtype=np.float32)
        self.notes.append(FEW_OUTLIERS.format(found))
        known = rows_of(self.known.features, self.known.labeled[~foreign])
        away = self.scorer.over(
            pool, outliers.distance(known, seed=self.scorer.seed), width=min(len(known), outliers.MOST_KNOWN)
        )
        return np.asarray(scores * outliers.in_scope_by_distance(away, found, len(foreign)), dtype=np.float32)

    def _classes(self) -> int:
        """K + 1."""
        return int(self.scorer.model.predict_probs(rows_of(self.known.features, self.scorer.pool[:1])).shape[1])

    def _per_cost(self, scores: Floats) -> Floats | None:
        """Score for a unit of cost."""
        if self.known.costs is None:
            self.notes.append(NO_COSTS)
            return None
        return guards.per_cost(scores, self.known.costs[self.scorer.pool])
