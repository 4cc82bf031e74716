"""Play strategies against known labels, side by side and seed by seed, and say what each bought."""

import json
import multiprocessing
import os
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from typing import Any, cast

import numpy as np

from alcore import evaluation
from alcore.simulation import Plan, Run, simulate
from annotator.learning import datasets
from annotator.learning.datasets import Columns, Dataset
from models_zoo import device, heads
from models_zoo.training import Posterior, TrainingConfig

Arm = tuple[str, bool, str]  # strategy, whether cleaning is on, how rounds go on
PACKAGES = ("numpy", "torch", "scikit-learn", "cleanlab", "baal")


@dataclass(frozen=True)
class Wish:
    """What to compare, as asked on the command line."""

    data: str
    columns: Columns
    strategies: tuple[str, ...]
    seeds: int
    batch: int
    budget: int
    cleaning: tuple[bool, ...]
    noise: float = 0.0
    limit: int | None = None
    jobs: int = 1
    encoder: str = ""  # empty: the usual one for the data
    head: str = "linear"
    posterior: str = "mc_dropout"
    guards: tuple[str, ...] = ()
    top: bool = False  # the best scores alone, not spread over the pool
    replays: tuple[str, ...] = ("",)  # how rounds go on; "" for a fresh start each
    semi_supervised: bool = False


def compare(wish: Wish, progress: Callable[[int, int], None]) -> list[Run]:
    """Run every strategy with every seed; seeds share their pool, test items and noise, so runs pair up."""
    dataset = datasets.read(wish.data, wish.columns, encoder=wish.encoder)
    plans = [
        _plan(wish, strategy, seed, cleaning, replay)
        for seed in range(wish.seeds)
        for strategy in wish.strategies
        for cleaning in wish.cleaning
        for replay in wish.replays
    ]
    runs = []
    for run in _play_all(dataset, plans, wish):
        runs.append(run)
        progress(len(runs), len(plans))
    return sorted(runs, key=lambda run: (wish.strategies.index(run.strategy), not run.cleaning, run.replay, run.seed))


def _plan(wish: Wish, strategy: str, seed: int, cleaning: bool, replay: str) -> Plan:
    plan = Plan(strategy, seed, wish.batch, wish.budget, cleaning, wish.noise, not wish.top, wish.guards)
    return replace(plan, replay=replay, semi_supervised=wish.semi_supervised)


def summarize(runs: list[Run], baseline: str = "random") -> dict[str, Any]:
    """Per arm: final accuracy and area under the curve with intervals, and against random, paired by seed."""
    arms = _arms(runs)
    areas = {arm: np.array([run.area for run in found]) for arm, found in arms.items()}
    summary: dict[str, Any] = {}
    for arm, found in arms.items():
        final = np.array([run.accuracy[-1] for run in found])
        entry = {"final_accuracy": _interval(final), "area": _interval(areas[arm]), "seeds": len(found)}
        entry["training"] = trained(found)
        against = (baseline, *arm[1:])
        if arm[0] != baseline and against in arms:
            entry["area_minus_random"] = asdict(evaluation.paired_difference(areas[arm], areas[against]))
            entry["labels_saved"] = saved(found, arms[against])
        if not arm[1] and (arm[0], True, arm[2]) in arms:
            change = evaluation.paired_difference(areas[(arm[0], True, arm[2])], areas[arm])
            entry["area_cleaning_on_minus_off"] = asdict(change)
        if arm[2] and (*arm[:2], "") in arms:
            change = evaluation.paired_difference(areas[arm], areas[(*arm[:2], "")])
            entry["area_continued_minus_fresh"] = asdict(change)
        summary[name_of(arm, arms)] = entry
    return summary


def trained(runs: list[Run]) -> dict[str, float]:
    """Of one run in the mean: seconds of training, gradient samples of one member, and rounds begun afresh."""
    kinds = {"seconds": "training", "samples": "samples", "fresh_rounds": "fresh"}
    return {name: round(float(np.mean([sum(getattr(run, kind)) for run in runs])), 2) for name, kind in kinds.items()}


def saved(runs: list[Run], baseline: list[Run]) -> dict[str, float | int | None]:
    """Labels that reach random's own final accuracy, on the mean curves, against those that random spent."""
    target = float(np.mean([run.accuracy[-1] for run in baseline]))
    spent = float(np.mean([run.labels[-1] for run in baseline]))
    curve = np.mean([run.accuracy for run in runs], axis=0)
    reached = evaluation.labels_to_reach(np.array(runs[0].labels, dtype=float), curve, target)
    found = bool(np.isfinite(reached))
    return {
        "accuracy": round(target, 4),
        "random_labels": spent,
        "labels": round(reached, 1) if found else None,
        "share_saved": round(1 - reached / spent, 3) if found else None,
    }


def curve(runs: list[Run]) -> list[tuple[int, float, float, float]]:
    """Labels, mean accuracy, low and high (95 % over seeds) of one arm."""
    table = np.array([run.accuracy for run in runs])
    return [(spent, *evaluation.mean_interval(table[:, at])) for at, spent in enumerate(runs[0].labels)]


def arms_of(runs: list[Run]) -> dict[str, list[Run]]:
    arms = _arms(runs)
    return {name_of(arm, arms): found for arm, found in arms.items()}


def report(wish: Wish, runs: list[Run]) -> str:
    """The JSON: runs, summary, and what machine, versions and settings made them."""
    return json.dumps(
        {
            "runs": [asdict(run) for run in runs],
            "summary": summarize(runs),
            "config": asdict(wish),
            "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
            "versions": {name: metadata.version(name) for name in PACKAGES},
        },
        indent=1,
    )


def name_of(arm: Arm, arms: dict[Arm, list[Run]]) -> str:
    """The strategy's key; with "cleaning on" or "off", "fresh" or the way to go on, where both were run."""
    cleaning = f"cleaning {'on' if arm[1] else 'off'}" if len({each[1] for each in arms}) > 1 else ""
    replay = (arm[2] or "fresh") if len({each[2] for each in arms}) > 1 else ""
    return ", ".join(filter(None, (arm[0], cleaning, replay)))


def _arms(runs: list[Run]) -> dict[Arm, list[Run]]:
    arms: dict[Arm, list[Run]] = {}
    for run in runs:
        arms.setdefault((run.strategy, run.cleaning, run.replay), []).append(run)
    return arms


def _interval(values: Any) -> dict[str, float]:
    mean, low, high = evaluation.mean_interval(values)
    return {"mean": mean, "low": low, "high": high}


def _play_all(dataset: Dataset, plans: list[Plan], wish: Wish) -> Iterator[Run]:
    if wish.jobs == 1:
        device.use_threads(1)
        yield from (_play(dataset, plan, wish) for plan in plans)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wish.jobs, context, _take_dataset, (dataset, wish)) as pool:
        for done in as_completed([pool.submit(_play_taken, plan) for plan in plans]):
            yield done.result()


def _play(dataset: Dataset, plan: Plan, wish: Wish) -> Run:
    config = TrainingConfig(posterior=cast(Posterior, wish.posterior), shape=dataset.shape)
    return simulate(dataset.task(plan.seed, wish.limit), plan, heads.make(wish.head, config))


_taken: dict[str, Any] = {}  # in a helper process: what it was started with


def _take_dataset(dataset: Dataset, wish: Wish) -> None:
    device.use_threads(1)
    _taken.update(dataset=dataset, wish=wish)


def _play_taken(plan: Plan) -> Run:
    return _play(_taken["dataset"], plan, _taken["wish"])
