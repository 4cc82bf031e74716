"""From a trained model to a batch: score the pool, guard, make a shortlist, and pick what is worth asking together."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alcore import catalog, control, guards, outliers, plans, selection
from alcore.batches import Shortlist
from alcore.configuration import RoundConfig
from alcore.control import Answers, Control
from alcore.guarding import Guarding, Known
from alcore.plans import Decision
from alcore.protocols import Floats, Ints, Model, Report, Rows
from alcore.scoring import Predicts, Scored, Scorer, rows_of
from alcore.selection import Pick, Selection
from alcore.strategies.diversity import uncertainty_herding

PER_PLACE = 50  # candidates for every place of the batch, where a strategy looks at them together
FEWEST = 1_000  # in a shortlist, where the pool has as many
BALANCED_FROM = 5  # batches of what the strategy would ask; a class that has none there is looked for beyond
MOST_BALANCED = 200  # of those, as a strategy's cost may grow with the square; with draws of the model, one batch
NO_ITEMS: Ints = np.zeros(0, dtype=np.int64)
NO_ANSWERS = Answers(NO_ITEMS, NO_ITEMS)
MOST = 10_000  # in a shortlist: what is held in full, 15 MB at 384 dimensions


@dataclass(frozen=True)
class Pool:
    """What may be asked, and what is known of the rest.

    features: (items, D). open: (items,) True where an item may be asked. labeled, labels: (n,) indices and their
    labels, K for out of scope. groups: (items,) the first item of each one's near-duplicate group; None for no groups.
    asked, random: the answers as they were asked, and those to what was drawn at random (the audit's choices half too).
    stop_set: (s,) items drawn at random on which models are compared. folds: (n,) of the labeled items. costs: (items,)
    of asking each; None where unknown.
    """

    features: Rows
    open: NDArray[np.bool_]
    labeled: Ints
    labels: Ints
    groups: Ints | None = None
    asked: Answers = NO_ANSWERS
    random: Answers = NO_ANSWERS
    stop_set: Ints = field(default_factory=lambda: NO_ITEMS)
    folds: Ints = field(default_factory=lambda: NO_ITEMS)
    costs: Floats | None = None


@dataclass(frozen=True)
class Chosen:
    """A batch, the strategy that made it, why a plan named that one (empty without a plan), and what guards found.

    unlearned: labeled items that look as if they could not be learned.
    """

    selection: Selection
    strategy: str
    why: str
    notes: tuple[str, ...] = ()
    unlearned: Ints = field(default_factory=lambda: NO_ITEMS)


@dataclass
class Choice:
    """One round's choice, step by step. Every step asks the model only for what it needs."""

    pool: Pool
    config: RoundConfig
    model: Model
    report: Report
    previous: Model | None = None  # the last round's, for the guard that looks at what has changed
    current: Model | None = None  # this round's, trained as the last one was; None where it is the model that serves

    @cached_property
    def scored(self) -> Scored:
        """The pool by what the strategy ranks it by, guarded."""
        return self.guarding(self.scorer.score(self.strategy.ranked_by or self.strategy.key))

    @cached_property
    def guarding(self) -> Guarding:
        """The guards that change scores."""
        pool = self.pool
        previous, current = (model and self._to_scores(model) for model in (self.previous, self.current))
        known = Known(pool.features, pool.labeled, pool.labels, pool.folds, pool.costs, previous, current)
        return Guarding(self.scorer, self.config.guards, self.config.batch, known)

    def score(self) -> Scored:
        """The slow part, done once: score the whole pool."""
        return self.scored

    def made(self) -> Chosen:
        """The batch; never two items of one near-duplicate group, and a random share of all that is open."""
        share = self.decision.random_share
        share = self.config.random_share if share is None else share
        batch = self.config.batch
        chosen = selection.fill(self._pick(), self.askable, batch=batch, random_share=share, rng=self._rng(2))
        scores = self.scored.scores[chosen.items]
        guarded = self.guarding
        return Chosen(
            replace(chosen, scores=scores),
            self.strategy.key,
            self.decision.why,
            tuple(guarded.notes),
            guarded.unlearned,
        )

    @cached_property
    def decision(self) -> Decision:
        """The configured strategy, or what the configured plan decided."""
        configured = catalog.get(self.config.strategy)
        if configured.kind != "plan":
            return Decision(configured.key, "")
        return plans.load(configured.key)(self._state())

    @property
    def strategy(self) -> catalog.Strategy:
        """The strategy in use."""
        return catalog.get(self.decision.key)

    def _state(self) -> plans.State:
        return plans.State(self.pool.labels, self.config.labels, self._control, self._agreement)

    def _control(self) -> Control | None:
        return control.compare(self.pool.features, self.pool.asked, self.pool.random)

    def _agreement(self) -> float | None:
        if not len(self.pool.stop_set):
            return None
        members = self.model.member_probs(rows_of(self.pool.features, self.pool.stop_set)).argmax(axis=2)
        return float((members == members[0]).all(axis=0).mean())

    @cached_property
    def askable(self) -> NDArray[np.bool_]:
        """(items,) one open item of each near-duplicate group; groups with a label only where there is nothing else."""
        return one_of_each_group(self.pool, self.config.batch)

    @cached_property
    def scorer(self) -> Scorer:
        """Over all that may be asked, or the part of it that the guards leave."""
        looked_at = np.flatnonzero(self.askable)
        rng = self._rng(6)
        if "partial_pool" in self.config.guards:
            looked_at = guards.pool_subset(self.askable, batch=self.config.batch, rng=rng)
        if "rare_classes" in self.config.guards:
            looked_at = np.union1d(looked_at, self._near_anchors(rng))
        keep = min(len(looked_at), max(PER_PLACE * self.config.batch, FEWEST))
        model = self._to_scores(self.model)
        return Scorer(self.pool.features, looked_at, model, self.config.seed, keep, self.report)

    def _to_scores(self, model: Model) -> Predicts:
        """The model as scores are to see it."""
        if "in_scope" not in self.config.guards:
            return model
        return outliers.evened(model, self.pool.labels, self.config.labels)

    def _near_anchors(self, rng: np.random.Generator) -> Ints:
        """Open items near those that are labeled, class by class."""
        known = rows_of(self.pool.features, self.pool.labeled)
        near = guards.anchors(self.pool.features, known, self.pool.labels, rng=rng)  # type: ignore[arg-type]
        return np.asarray(near[self.askable[near]])

    def _pick(self) -> Pick:
        if "class_balance" not in (*self.config.guards, *self.decision.guards):
            return self._asked_first(self.config.batch)
        batch, most = self.config.batch, 0 if self.strategy.needs == "draws" else MOST_BALANCED
        first = self._asked_first(max(batch, min(BALANCED_FROM * batch, most))).items
        order = self.scored.order[: self.scorer.keep]
        return self._balanced(np.concatenate([first, order[~np.isin(order, first)]]))

    def _asked_first(self, count: int) -> Pick:
        """What the strategy would ask, `count` items at least where there are as many."""
        strategy, order = self.strategy, self.scored.order[: self.scorer.keep]
        if not len(order):
            return Pick(order)
        if strategy.kind == "batch":
            picked: Pick = catalog.load(strategy.key)(self._shortlist(order[:MOST]), count)
            return picked
        return Pick(order) if strategy.needs == "nothing" or not self.config.spread else self._spread(count)

    def _spread(self, count: int) -> Pick:
        labeled, scored = rows_of(self.pool.features, self.pool.labeled), self.scored
        rng = self._rng(8)
        return Pick(uncertainty_herding(self.pool.features, scored.scores, scored.order, labeled, batch=count, rng=rng))

    def _balanced(self, order: Ints) -> Pick:
        predicted = self.scorer.probs(order)[:, :-1].argmax(axis=1).astype(np.int64)
        counts = np.bincount(self.pool.labels, minlength=self.config.labels + 1)[: self.config.labels]
        return Pick(guards.balance_quotas(order, predicted, counts, self.config.batch))

    def _shortlist(self, items: Ints) -> Shortlist:
        known = self.pool.labeled
        return Shortlist(
            items=items,
            scores=self.scored.scores[items],
            features=rows_of(self.pool.features, items),
            probs=self.scorer.probs(items),
            draws=lambda count: self.scorer.draws(items, count),
            known=rows_of(self.pool.features, known),
            known_probs=self.scorer.probs(known),
            rng=self._rng(7),
        )

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.config.seed, stream])


def one_of_each_group(pool: Pool, batch: int) -> NDArray[np.bool_]:
    """(items,) the first open item of every near-duplicate group without a label; with too few, of the others too."""
    if pool.groups is None:
        return pool.open
    fresh = pool.open & ~np.isin(pool.groups, pool.groups[pool.labeled])
    first = _first_of_group(fresh, pool.groups)
    return first if first.sum() >= batch else _first_of_group(pool.open, pool.groups)


def _first_of_group(open_items: NDArray[np.bool_], groups: Ints) -> NDArray[np.bool_]:
    items = np.flatnonzero(open_items)
    _, first = np.unique(groups[items], return_index=True)
    found = np.zeros(len(open_items), dtype=bool)
    found[items[first]] = True
    return found
