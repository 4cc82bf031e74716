"""May the random share of the batches tell how good the model is? Coverage of LURE's intervals, against known labels.

    python -m benchmarks.draws --data ../shared/data/mnist_10k/mnist_10k.npz --seeds 40

Two models are judged on the same draws. One that never sees the project's labels: the interval should hold the truth in
95 of 100 runs. And the round's own members, each on the items of its own fold, against the accuracy of those members on
the whole pool and of the ensemble on the test items: what they have learned was chosen by models that saw the draws, so
nothing promises that the interval holds.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from alcore import evaluation
from alcore.evaluation import DrawnEstimate
from alcore.inputs import RoundInput
from alcore.simulation import Plan, Task, simulate
from annotator.learning import datasets
from models_zoo import device
from models_zoo.heads import Ensemble

OUTSIDE = 200  # test items that the outside model learns from


@dataclass(frozen=True)
class Judged:
    """An estimate and what it should have told."""

    found: DrawnEstimate
    truth: float

    @property
    def holds(self) -> bool:
        return self.found.low <= self.truth <= self.found.high


def judged(task: Task, plan: Plan) -> dict[str, Judged]:
    """Play all rounds; what the last one's draws say of both models, and the truth."""
    model, rounds = Ensemble(), list[RoundInput]()
    simulate(task, plan, model, watch=rounds.append)
    bought, pool = rounds[-1].vote_item, np.setdiff1d(np.arange(len(task.pool)), rounds[-1].audit_item)
    at_random = np.asarray(rounds[-1].at_random)[bought]
    chances = np.where(at_random, 1 / (len(pool) - np.arange(len(bought))), np.nan)
    own = model.member_probs(task.pool).argmax(axis=2)[task.folds, np.arange(len(task.pool))] == task.pool_labels
    outside = outside_model(task, plan.seed).predict_probs(task.pool).argmax(axis=1) == task.pool_labels
    ensemble = float((model.predict_probs(task.test).argmax(axis=1) == task.test_labels).mean())
    other, members = (
        evaluation.lure_estimate(right[bought].astype(float), chances, len(pool)) for right in (outside, own)
    )
    return {
        "outside model, pool": Judged(other, float(outside[pool].mean())),
        "members out of fold, pool": Judged(members, float(own[pool].mean())),
        "members out of fold, ensemble on test": Judged(members, ensemble),
    }


def outside_model(task: Task, seed: int) -> Ensemble:
    model, rows = Ensemble(), np.random.default_rng([seed, 23]).permutation(len(task.test))[:OUTSIDE]
    even = np.ones(len(rows), dtype=np.float32)
    model.fit(
        task.test[rows], task.test_labels[rows], even, np.arange(len(rows)) % 5, classes=task.classes + 1, seed=seed
    )
    return model


def table_of(runs: list[dict[str, Judged]]) -> str:
    lines = [f"{'':40}{'covered':>8}{'bias':>9}{'s.e.':>8}{'width':>8}"]
    for name in runs[0]:
        found = [run[name] for run in runs]
        errors = np.array([one.found.share - one.truth for one in found])
        width = np.mean([one.found.high - one.found.low for one in found])
        spread = errors.std(ddof=1) / np.sqrt(len(errors)) if len(errors) > 1 else float("nan")
        covered = np.mean([one.holds for one in found])
        lines.append(f"{name:40}{covered:8.2f}{errors.mean():+9.4f}{spread:8.4f}{width:8.3f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--text-column")
    parser.add_argument("--strategies", default="random,margin,badge")
    parser.add_argument("--share", type=float, default=0.3, help="of every batch, drawn at random")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--limit", type=int, default=5000)
    options = parser.parse_args()
    device.use_threads(1)
    dataset = datasets.read(options.data, datasets.Columns(text=options.text_column))
    for strategy in options.strategies.split(","):
        plans = (Plan(strategy, seed, 20, options.budget, random_share=options.share) for seed in range(options.seeds))
        runs = [judged(dataset.task(plan.seed, options.limit), plan) for plan in plans]
        drawn = runs[0]["outside model, pool"].found.drawn
        print(f"{strategy}: {options.seeds} seeds, {drawn} draws\n{table_of(runs)}\n", flush=True)


if __name__ == "__main__":
    main()
