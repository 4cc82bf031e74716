"""Rounds against known labels: the same run_round, with a table of answers instead of people."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from alcore.protocols import Floats, Ints, Model
from alcore.rounds import RoundConfig, RoundInput, run_round

AUDIT_EVERY = 5  # one answer in five goes to the audit, as in the app


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

    spread, guards: as in `RoundConfig`.
    """

    strategy: str
    seed: int
    batch: int
    budget: int
    cleaning: bool = True
    noise: float = 0.0
    spread: bool = True
    guards: tuple[str, ...] = ()


@dataclass
class Run:
    """What a run bought. One entry a round; labels counts every answer spent, the audit's too."""

    strategy: str
    seed: int
    cleaning: bool
    labels: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    out_of_scope_bought: list[int] = field(default_factory=list)
    issues: list[int] = field(default_factory=list)


def simulate(task: Task, plan: Plan, model: Model) -> Run:
    """Play rounds until the budget is spent. Accuracy is measured on the test items that are in scope.

    Raises ValueError on a batch or a budget below 2, or a noise outside [0, 1).
    """
    if plan.batch < 2 or plan.budget < plan.batch or not 0 <= plan.noise < 1:
        raise ValueError(f"Need 2 <= batch <= budget and 0 <= noise < 1; got {plan}.")
    answers = with_noise(task.pool_labels, plan.noise, task.classes, np.random.default_rng([plan.seed, 11]))
    features = np.concatenate([task.pool, task.test]).astype(np.float32)
    run, bought, spent = Run(plan.strategy, plan.seed, plan.cleaning), np.zeros(0, dtype=np.int64), 0
    while True:
        seed = plan.seed * 100_003 + len(run.labels)
        chosen, predictions, seconds, issues = _round(task, plan, features, bought, answers, model, seed)
        if len(bought):
            _note(run, task, predictions, spent, bought, seconds, issues)
        if spent >= plan.budget or not len(chosen):
            return run
        batch = min(plan.batch, plan.budget - spent)
        for_training = chosen[: batch - batch // AUDIT_EVERY]
        bought = np.concatenate([bought, for_training])
        spent += len(for_training) + batch // AUDIT_EVERY


def with_noise(labels: Ints, share: float, classes: int, rng: np.random.Generator) -> Ints:
    """(items,) answers: a share of those in scope names another class, evenly."""
    flipped = (rng.random(len(labels)) < share) & (labels < classes)
    shift = rng.integers(1, max(classes, 2), len(labels))
    return np.where(flipped, (labels + shift) % classes, labels).astype(np.int64)


def _round(  # noqa: PLR0913, PLR0917 - everything a round is made of
    task: Task, plan: Plan, features: Floats, bought: Ints, answers: Ints, model: Model, seed: int
) -> tuple[Ints, Ints, float, int]:
    """Chosen pool items, predictions of the test items, seconds and issues of one round.

    The test items stand where the app has its audit: predicted by every round, never trained, never open.
    """
    pool, items = len(task.pool), len(features)
    test = np.arange(pool, items)
    data = RoundInput(
        features=features,
        folds=np.concatenate([task.folds, np.zeros(len(test), dtype=np.int64)]),
        vote_item=bought,
        vote_annotator=np.zeros(len(bought), dtype=np.int64),
        vote_label=answers[bought],
        open=_open(pool, items, bought),
        trusted=np.zeros(items, dtype=bool),
        audit_item=test,
        audit_label=np.full(len(test), -1, dtype=np.int64),
        audit_reporting=np.ones(len(test), dtype=bool),
        groups=None if task.groups is None else np.concatenate([task.groups, test]),
    )
    config = RoundConfig(
        labels=task.classes,
        strategy=plan.strategy,
        batch=plan.batch,
        seed=seed,
        cleaning=plan.cleaning,
        spread=plan.spread,
        guards=plan.guards,
    )
    result = run_round(data, config, model)
    return result.selection.items, result.audit_predictions, sum(result.timings.values()), len(result.issues)


def _open(pool: int, items: int, bought: Ints) -> NDArray[np.bool_]:
    open_items = np.arange(items) < pool
    open_items[bought] = False
    return open_items


def _note(  # noqa: PLR0913, PLR0917 - one entry of each of the run's lists
    run: Run, task: Task, predictions: Ints, spent: int, bought: Ints, seconds: float, issues: int
) -> None:
    in_scope = task.test_labels < task.classes
    run.labels.append(spent)
    run.accuracy.append(float((predictions == task.test_labels)[in_scope].mean()))
    run.seconds.append(round(seconds, 4))
    run.out_of_scope_bought.append(int((task.pool_labels[bought] == task.classes).sum()))
    run.issues.append(issues)
