"""Rounds against known labels: the same run_round, with a table of answers instead of people."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace

import numpy as np

from alcore.chains import Memory
from alcore.configuration import RoundConfig
from alcore.evaluation import area_under_curve
from alcore.inputs import RoundInput
from alcore.protocols import Floats, Ints, Model
from alcore.replay import Pace
from alcore.rounds import COVERAGE, RoundResult, run_round
from alcore.selection import RANDOM, Selection

AUDIT_EVERY = 5  # one answer in five goes to the audit, as in the app
LOOKS_BACK = "contrastive"  # the guard that needs the last round's model


@dataclass(frozen=True)
class Task:
    """A data set with known labels. Labels lie in 0..K; K is out of scope.

    pool, test: (items, D) features. pool_labels, test_labels: (items,). folds: (pool,). classes: K.
    groups: (pool,) the first item of each one's near-duplicate group; None where there are none.
    """

    pool: Floats
    pool_labels: Ints
    test: Floats
    test_labels: Ints
    folds: Ints
    classes: int
    groups: Ints | None = None


@dataclass(frozen=True)
class Plan:
    """How one run is played. noise: share of answers that name a wrong label, the same for every arm of a seed.

    spread, guards, random_share, replay, restart_every, pace, semi_supervised: as in `RoundConfig`.
    """

    strategy: str
    seed: int
    batch: int
    budget: int
    cleaning: bool = True
    noise: float = 0.0
    spread: bool = True
    guards: tuple[str, ...] = ()
    random_share: float = RoundConfig.random_share
    replay: str = ""
    restart_every: int = RoundConfig.restart_every
    pace: Pace | None = None
    semi_supervised: bool = False


@dataclass
class Run:
    """What a run bought. One entry a round; labels counts every answer spent, the audit's too.

    samples: gradient samples of one member. training: seconds. fresh: whether the model was trained from scratch.
    replay: how it went on from round to round; empty where it never did.
    """

    strategy: str
    seed: int
    cleaning: bool
    labels: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    out_of_scope_bought: list[int] = field(default_factory=list)
    issues: list[int] = field(default_factory=list)
    strategies: list[str] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    training: list[float] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)
    replay: str = ""

    @property
    def area(self) -> float:
        """Mean height of the learning curve over the labels spent; see `evaluation.area_under_curve`."""
        return area_under_curve(np.array(self.labels, dtype=float), np.array(self.accuracy))


def simulate(
    task: Task,
    plan: Plan,
    model: Model,
    *,
    watch: Callable[[RoundInput], None] | None = None,
    judge: Callable[[Model | None, int], None] | None = None,
) -> Run:
    """Play rounds until the budget is spent. Accuracy is measured on the test items that are in scope.

    watch: called with what each round sees, before it is run; the test items stand behind the pool's. judge: called
    after each round with the model that serves, None without one, and how many answers may train.

    Raises ValueError on a batch or a budget below 2, or a noise outside [0, 1).
    """
    if plan.batch < 2 or plan.budget < plan.batch or not 0 <= plan.noise < 1:
        raise ValueError(f"Need 2 <= batch <= budget and 0 <= noise < 1; got {plan}.")
    table = _Table(task, plan)
    run = Run(plan.strategy, plan.seed, plan.cleaning, replay=plan.replay)
    previous: Model | None = None
    memory: Memory | None = None
    while True:
        seen = replace(table.seen(), memory=memory)
        if watch is not None:
            watch(seen)
        result = run_round(seen, _config(task, plan, len(run.labels)), model, previous=previous)
        memory = result.training.memory if result.training else None
        if (plan.replay or LOOKS_BACK in plan.guards) and result.strategy != COVERAGE:
            previous = deepcopy(model)  # the next round trains it in place
        if len(table.bought):
            _note(run, table, result)
            if judge is not None:
                judge(result.served, len(table.bought))
        if table.spent >= plan.budget or not len(result.selection):
            return run
        table.answer(result.selection, min(plan.batch, plan.budget - table.spent))


class _Table:
    """The known answers, and which of them have been bought. The audit's are drawn from the pool at the start."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self.task = task
        pool, test = len(task.pool), len(task.test)
        self.answers = with_noise(task.pool_labels, plan.noise, task.classes, np.random.default_rng([plan.seed, 11]))
        self.features = np.concatenate([task.pool, task.test]).astype(np.float32)
        order = np.random.default_rng([plan.seed, 17]).permutation(pool)
        self.audit = order[: min(plan.budget, pool) // AUDIT_EVERY]
        self.test = np.arange(pool, pool + test)
        self.bought = np.zeros(0, dtype=np.int64)
        self.at_random = np.zeros(pool + test, dtype=bool)
        self.audited = 0

    @property
    def spent(self) -> int:
        return len(self.bought) + self.audited

    def answer(self, selection: Selection, count: int) -> None:
        """Buy `count` answers: a fifth for the audit, while it has items, and the first of the selection."""
        audited = min(count // AUDIT_EVERY, len(self.audit) - self.audited)
        self.audited += audited
        taken = slice(0, count - audited)
        self.bought = np.concatenate([self.bought, selection.items[taken]])
        self.at_random[selection.items[taken][selection.draw[taken] == RANDOM]] = True

    def seen(self) -> RoundInput:
        """What a round sees. The test items stand beside the audit's: always predicted, never answered."""
        task, items = self.task, len(self.features)
        audit_label = np.full(len(self.audit) + len(self.test), -1, dtype=np.int64)
        audit_label[: self.audited] = self.answers[self.audit[: self.audited]]
        open_items = np.arange(items) < len(task.pool)
        open_items[self.bought] = open_items[self.audit] = False
        return RoundInput(
            features=self.features,
            folds=np.concatenate([task.folds, np.zeros(len(self.test), dtype=np.int64)]),
            vote_item=self.bought,
            vote_annotator=np.zeros(len(self.bought), dtype=np.int64),
            vote_label=self.answers[self.bought],
            open=open_items,
            trusted=np.zeros(items, dtype=bool),
            audit_item=np.concatenate([self.audit, self.test]),
            audit_label=audit_label,
            audit_reporting=np.arange(len(audit_label)) % 2 == 1,
            groups=None if task.groups is None else np.concatenate([task.groups, self.test]),
            at_random=self.at_random,
        )


def with_noise(labels: Ints, share: float, classes: int, rng: np.random.Generator) -> Ints:
    """(items,) answers: a share of those in scope names another class, evenly."""
    flipped = (rng.random(len(labels)) < share) & (labels < classes)
    shift = rng.integers(1, max(classes, 2), len(labels))
    return np.where(flipped, (labels + shift) % classes, labels).astype(np.int64)


def _config(task: Task, plan: Plan, number: int) -> RoundConfig:
    return RoundConfig(
        labels=task.classes,
        strategy=plan.strategy,
        batch=plan.batch,
        seed=plan.seed * 100_003 + number,
        cleaning=plan.cleaning,
        spread=plan.spread,
        guards=plan.guards,
        random_share=plan.random_share,
        replay=plan.replay,
        restart_every=plan.restart_every,
        pace=plan.pace,
        semi_supervised=plan.semi_supervised,
    )


def _note(run: Run, table: _Table, result: RoundResult) -> None:
    task = table.task
    predictions, in_scope = result.audit_predictions[len(table.audit) :], task.test_labels < task.classes
    run.labels.append(table.spent)
    run.accuracy.append(float((predictions == task.test_labels)[in_scope].mean()))
    run.seconds.append(round(sum(result.timings.values()), 4))
    run.out_of_scope_bought.append(int((task.pool_labels[table.bought] == task.classes).sum()))
    run.issues.append(len(result.issues))
    run.strategies.append(result.strategy)
    trained = result.training
    run.samples.append(trained.samples if trained else 0)
    run.training.append(round(trained.seconds, 4) if trained else 0.0)
    run.fresh.append(trained is None or not trained.went_on)
