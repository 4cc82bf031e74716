"""Trials of strategies on a project's own labels: the simulator, one run at a time, so that rounds come between."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone
from numpy.typing import NDArray

from alcore import consensus
from alcore.simulation import Plan, Run, Task, simulate
from annotator.learning import encoding, loading, simulating, training
from annotator.models import Item, Project, Trial
from models_zoo import device

HELD_OUT = 0.2
MOST_BUDGET = 300
STEPS = 10  # rounds of a run
logger = logging.getLogger(__name__)


def play_next(trial_id: int) -> bool:
    """Play the next run of a trial and store it; returns whether there are more."""
    trial = Trial.objects.select_related("project").filter(pk=trial_id, state=Trial.State.RUNNING).first()
    if trial is None:
        return False
    try:
        strategy, seed = trial.plan[trial.played]
        _store(trial, _play(trial, strategy, seed))
    except Exception as error:  # whatever went wrong belongs on the row, for the owner to read
        logger.exception("Trial %s failed", trial_id)
        told = f"{type(error).__name__}: {error}"
        Trial.objects.filter(pk=trial_id).update(state=Trial.State.FAILED, error=told, finished_at=timezone.now())
    return Trial.objects.filter(pk=trial_id, state=Trial.State.RUNNING).exists()


def _play(trial: Trial, strategy: str, seed: int) -> Run:
    device.use_threads(settings.WORKER_THREADS)
    task = _task(trial, seed)
    budget = min(MOST_BUDGET, len(task.pool) * 3 // 4)
    plan = Plan(strategy, seed, batch=max(5, budget // STEPS), budget=budget, cleaning=False)
    project = _labeled(trial.pk, trial.created_at).project
    return simulate(task, plan, training.head_for_trials(project))


def _task(trial: Trial, seed: int) -> Task:
    """The labeled items, a fifth of them held out by the seed."""
    known = _labeled(trial.pk, trial.created_at)
    order = np.random.default_rng([seed, 19]).permutation(len(known.labels))
    test, train = np.split(order, [int(HELD_OUT * len(order))])
    return Task(
        pool=known.features[train],
        pool_labels=known.labels[train],
        test=known.features[test],
        test_labels=known.labels[test],
        folds=known.folds[train],
        classes=known.classes,
    )


@dataclass(frozen=True)
class _Labeled:
    """What a trial plays with. features: (n, D). labels, folds: (n,); label K is out of scope. classes: K.

    project: as its settings were when the features were read, so that all runs train the same.
    """

    project: Project
    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    folds: NDArray[np.int64]
    classes: int


@lru_cache(maxsize=1)
def _labeled(trial_id: int, created_at: datetime) -> _Labeled:
    """Read once for all runs of a trial. The audit's reporting half stays away: it only reports."""
    trial = Trial.objects.select_related("project").get(pk=trial_id, created_at=created_at)
    project = trial.project
    pool = loading.load_pool(project)
    votes = loading.load_votes(project, pool, trial.sequence)
    resolved = consensus.resolve(votes.item, votes.annotator, votes.label, classes=len(pool.labels) + 1)
    counts = pool.audit[resolved.items] != Item.Audit.REPORTING
    items = resolved.items[counts]
    features = encoding.features_of(project, pool, lambda share: None).features
    rows = np.asarray(features[items], dtype=np.float32)
    return _Labeled(project, rows, resolved.labels[counts], pool.folds[items], len(pool.labels))


def _store(trial: Trial, run: Run) -> None:
    """Once, and with the last run its summary in the same write: nothing if another message has played it meanwhile."""
    runs = [*trial.runs, asdict(run)]
    fields: dict[str, Any] = {"runs": runs, "played": len(runs), "touched_at": timezone.now()}
    if len(runs) == len(trial.plan):
        fields |= {"state": Trial.State.DONE, "summary": summarized(runs), "finished_at": timezone.now()}
    Trial.objects.filter(pk=trial.pk, played=trial.played, state=Trial.State.RUNNING).update(**fields)


def summarized(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each strategy its mean area, its difference to random with the interval, and its end; the best first."""
    found = simulating.summarize([Run(**run) for run in runs])
    nothing = {"mean": 0.0, "low": 0.0, "high": 0.0}  # random against itself
    rows = [
        {
            "strategy": strategy,
            "area": told["area"]["mean"],
            "final": told["final_accuracy"]["mean"],
            **{name: told.get("area_minus_random", nothing)[name] for name in nothing},
        }
        for strategy, told in found.items()
    ]
    return sorted(rows, key=lambda row: -row["area"])
