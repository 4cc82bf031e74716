"""Trials of strategies on a project's own labels: the simulator, one run at a time, so that rounds come between."""

import logging
from typing import Any

import numpy as np
from django.conf import settings
from django.utils import timezone

from alcore import consensus, evaluation
from alcore.simulation import Plan, Run, Task, simulate
from annotator.learning import encoding, loading
from annotator.models import Trial
from models_zoo import device, heads

HELD_OUT = 0.2
MOST_BUDGET = 300
STEPS = 10  # rounds of a run
logger = logging.getLogger(__name__)


def play_next(trial_id: int) -> bool:
    """Play the next run of a trial and store it; returns whether there are more."""
    trial = Trial.objects.select_related("project").get(pk=trial_id)
    if trial.state != Trial.State.RUNNING:
        return False
    try:
        strategy, seed = trial.plan[trial.played]
        _store(trial, _play(trial, strategy, seed))
    except Exception as error:  # whatever went wrong belongs on the row, for the owner to read
        logger.exception("Trial %s failed", trial_id)
        _end(trial, state=Trial.State.FAILED, error=f"{type(error).__name__}: {error}")
    return Trial.objects.filter(pk=trial_id, state=Trial.State.RUNNING).exists()


def _play(trial: Trial, strategy: str, seed: int) -> Run:
    device.use_threads(settings.WORKER_THREADS)
    task = _task(trial, seed)
    budget = min(MOST_BUDGET, len(task.pool) * 3 // 4)
    plan = Plan(strategy, seed, batch=max(5, budget // STEPS), budget=budget, cleaning=False)
    return simulate(task, plan, heads.Ensemble())


def _task(trial: Trial, seed: int) -> Task:
    """The labeled items, a fifth of them held out by the seed; those of the audit's reporting half stay away."""
    project = trial.project
    pool = loading.load_pool(project)
    votes = loading.load_votes(project, pool, trial.sequence)
    resolved = consensus.resolve(votes.item, votes.annotator, votes.label, classes=len(pool.labels) + 1)
    counts = pool.audit[resolved.items] != "reporting"
    items, labels = resolved.items[counts], resolved.labels[counts]
    order = np.random.default_rng([seed, 19]).permutation(len(items))
    test, train = np.split(order, [int(HELD_OUT * len(order))])
    found = encoding.features_of(project, pool, lambda share: None)
    return Task(
        pool=np.asarray(found.features[items[train]], dtype=np.float32),
        pool_labels=labels[train],
        test=np.asarray(found.features[items[test]], dtype=np.float32),
        test_labels=labels[test],
        folds=pool.folds[items[train]],
        classes=len(pool.labels),
    )


def _store(trial: Trial, run: Run) -> None:
    """Once: nothing if another message has played this run meanwhile."""
    row = {"strategy": run.strategy, "seed": run.seed, "labels": run.labels, "accuracy": run.accuracy}
    runs = [*trial.runs, row]
    untouched = Trial.objects.filter(pk=trial.pk, played=trial.played, state=Trial.State.RUNNING)
    if untouched.update(runs=runs, played=len(runs), touched_at=timezone.now()) and len(runs) == len(trial.plan):
        _end(trial, state=Trial.State.DONE, summary=summarized(runs))


def _end(trial: Trial, **fields: Any) -> None:
    Trial.objects.filter(pk=trial.pk).update(finished_at=timezone.now(), **fields)


def summarized(runs: list[dict[str, Any]], baseline: str = "random") -> list[dict[str, Any]]:
    """Of each strategy its mean area, its difference to random with the interval, and its curve; the best first."""
    strategies = list(dict.fromkeys(run["strategy"] for run in runs))
    areas = {key: np.array([_area(run) for run in runs if run["strategy"] == key]) for key in strategies}
    rows = []
    for key in strategies:
        change = evaluation.paired_difference(areas[key], areas[baseline])
        own = [run for run in runs if run["strategy"] == key]
        curve = np.mean([run["accuracy"] for run in own], axis=0)
        rows.append(
            {
                "strategy": key,
                "area": float(areas[key].mean()),
                "change": change.mean,
                "low": change.low,
                "high": change.high,
                "labels": own[0]["labels"],
                "accuracy": [round(float(value), 4) for value in curve],
            }
        )
    return sorted(rows, key=lambda row: -row["area"])


def _area(run: dict[str, Any]) -> float:
    return evaluation.area_under_curve(np.array(run["labels"], dtype=float), np.array(run["accuracy"]))
