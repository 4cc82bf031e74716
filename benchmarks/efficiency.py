"""What each strategy buys: learning curves of all arms on many data sets, with one head and one set of features.

    python -m benchmarks.efficiency --shared ../shared/data --seeds 20 --out benchmarks/out/efficiency
    python -m benchmarks.efficiency --data my.csv --text-column text --label-column label --arms random,margin

Printed, and written to OUT.json, OUT.csv (one row a seed, arm and round) and OUT.png: area under the curve against
random (paired over seeds, 95 % interval), Holm-corrected paired permutation tests, labels that reach random's final
accuracy with a bootstrap interval, and how often each arm surely beats each other one. Audit answers count as spent.
What has been played is kept in OUT.runs.jsonl and not played again by the same code, so that sets, arms and seeds may
be added later. An arm ending in "_top" takes the best scores alone, as the libraries do.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alcore.catalog import GUARD_KEYS, KEYS
from alcore.simulation import Plan, Run, Task, simulate
from annotator.learning import datasets
from annotator.learning.datasets import Columns, Dataset
from benchmarks import comparing
from benchmarks.machine import write_report
from benchmarks.played import Played
from models_zoo import device, heads
from models_zoo.training import TrainingConfig

Runs = dict[str, list[Run]]
ARMS = ("random", "auto", "margin_top", "entropy_top", "bald", "badge", "lcmd", "typiclust", "tcm", "drop_query")


@dataclass(frozen=True)
class Set:
    """A data set as it is played, and what is trained on it.

    change: "", "imbalanced", "redundant", "foreign" or "overrun", "few" before it (see `changed`).
    """

    name: str
    path: str
    columns: Columns
    batch: int = 20
    budget: int = 300
    limit: int | None = 5000
    change: str = ""
    head: str = "linear"
    posterior: str = "mc_dropout"


TEXT = Columns(text="text", split="split")
CLINC = Columns(text="text", label="intent", split="split", out_of_scope="oos")
SETS = (
    Set("digits", "digits", Columns()),
    Set("digits imbalanced", "digits", Columns(), change="imbalanced"),
    Set("fashion", "fashion_mnist/fashion_mnist.npz", Columns()),
    Set("fashion redundant", "fashion_mnist/fashion_mnist.npz", Columns(), change="redundant"),
    Set("fashion foreign", "fashion_mnist/fashion_mnist.npz", Columns(), change="foreign"),
    Set("ag_news", "ag_news/ag_news.csv.gz", TEXT),
    Set("ag_news imbalanced", "ag_news/ag_news.csv.gz", TEXT, change="imbalanced"),
    Set("trec6", "trec6/trec6.csv.gz", TEXT),
    Set("letter", "letter/letter.csv.gz", Columns(), batch=50, budget=750),
)
# for choosing constants, never reported
SEARCH_SETS = (
    Set("mnist", "mnist_10k/mnist_10k.npz", Columns()),
    Set("sms_spam", "sms_spam/sms_spam.csv.gz", Columns(text="text")),
    Set("mnist imbalanced", "mnist_10k/mnist_10k.npz", Columns(), change="imbalanced"),
    Set("mnist foreign", "mnist_10k/mnist_10k.npz", Columns(), change="foreign"),
    Set("mnist overrun", "mnist_10k/mnist_10k.npz", Columns(), change="overrun"),
    Set("clinc20", "clinc150/clinc150.csv.gz", CLINC, change="few"),
    Set("clinc20 imbalanced", "clinc150/clinc150.csv.gz", CLINC, change="few imbalanced"),
    Set("clinc20 foreign", "clinc150/clinc150.csv.gz", CLINC, change="few foreign"),
    Set("clinc20 overrun", "clinc150/clinc150.csv.gz", CLINC, change="few overrun"),
    Set("clinc150", "clinc150/clinc150.csv.gz", CLINC, batch=100, budget=1500),
)


def changed(task: Task, change: str, seed: int) -> Task:
    """The pool made harder; the test items stay.

    imbalanced: half of the classes keep a tenth of their items. redundant: a fifth of the items, five times each,
    with a little noise. foreign: the upper half of the classes is out of scope. overrun: four fifths of them are. few:
    20 classes alone, then what else is said.
    """
    rng = np.random.default_rng([seed, 13])
    if change.startswith("few"):
        return changed(
            _some_classes(task, rng.permutation(task.classes)[:20]), change.removeprefix("few").strip(), seed
        )
    if change == "overrun":
        order = rng.permutation(task.classes)
        return _out_of_scope(task, order[max(2, task.classes // 5) :])
    if change == "imbalanced":
        rare = rng.permutation(task.classes)[: task.classes // 2]
        keep = ~np.isin(task.pool_labels, rare) | (rng.random(len(task.pool_labels)) < 0.1)
        return _taken(task, np.flatnonzero(keep))
    if change == "redundant":
        rows = np.repeat(np.arange(len(task.pool_labels) // 5), 5)
        copied = _taken(task, rows)
        shift = rng.normal(scale=0.01 * float(task.pool.std()), size=copied.pool.shape)
        return replace(copied, pool=copied.pool + shift.astype(np.float32), groups=np.arange(len(rows)) // 5 * 5)
    if change == "foreign":
        return _out_of_scope(task, np.arange(task.classes - task.classes // 2, task.classes))
    return task


def _out_of_scope(task: Task, foreign: Any) -> Task:
    """The others keep their order."""
    inside = np.setdiff1d(np.arange(task.classes), foreign)
    place = np.full(task.classes + 1, len(inside))
    place[inside] = np.arange(len(inside))
    return replace(task, pool_labels=place[task.pool_labels], test_labels=place[task.test_labels], classes=len(inside))


def _some_classes(task: Task, some: Any) -> Task:
    """Without all other items, those out of scope too."""
    place = np.zeros(task.classes + 1, dtype=np.int64)
    place[some] = np.arange(len(some))
    pool, test = (np.flatnonzero(np.isin(labels, some)) for labels in (task.pool_labels, task.test_labels))
    kept = _taken(task, pool)
    return replace(
        kept,
        pool_labels=place[kept.pool_labels],
        test=task.test[test],
        test_labels=place[task.test_labels[test]],
        classes=len(some),
    )


def _taken(task: Task, rows: Any) -> Task:
    return replace(task, pool=task.pool[rows], pool_labels=task.pool_labels[rows], folds=task.folds[rows])


def plan_of(arm: str, seed: int, wanted: Set) -> Plan:
    """The arm's plan: a strategy's key, "_top" for its best alone, "+guard" for a guard."""
    name, *guards = arm.split("+")
    top = name.endswith("_top")
    key = name.removesuffix("_top")
    if key not in KEYS:
        raise SystemExit(f"There is no arm {arm!r}: name one of {', '.join(KEYS)}, with _top or +guard behind it.")
    if wrong := [guard for guard in guards if guard not in GUARD_KEYS]:
        raise SystemExit(f"There is no guard {wrong[0]!r}: name one of {', '.join(GUARD_KEYS)}.")
    return Plan(key, seed, wanted.batch, wanted.budget, spread=not top, guards=tuple(guards))


_taken_set: dict[str, Any] = {}  # in a helper process: what it was started with


def _start(dataset: Dataset, wanted: Set) -> None:
    device.use_threads(1)
    _taken_set.update(dataset=dataset, wanted=wanted)


def _play(arm: str, seed: int) -> tuple[str, int, Run]:
    dataset, wanted = _taken_set["dataset"], _taken_set["wanted"]
    task = changed(dataset.task(seed, wanted.limit), wanted.change, seed)
    head = heads.make(wanted.head, TrainingConfig(posterior=wanted.posterior))
    return arm, seed, simulate(task, plan_of(arm, seed, wanted), head)


def play_set(wanted: Set, dataset: Dataset, arms: tuple[str, ...], seeds: int, jobs: int, played: Played) -> Runs:
    """Arm -> its runs by seed; only what has not been played yet is."""
    context, start = multiprocessing.get_context("spawn"), time.monotonic()
    cells = [(arm, seed) for seed in range(seeds) for arm in arms if played.get(wanted, arm, seed) is None]
    if cells:
        with ProcessPoolExecutor(jobs, context, _start, (dataset, wanted)) as pool:
            for count, done in enumerate(as_completed([pool.submit(_play, *cell) for cell in cells]), start=1):
                played.add(wanted, *done.result())
                left = (time.monotonic() - start) / count * (len(cells) - count)
                end = "\n" if count == len(cells) else "\r"
                sys.stderr.write(f"{wanted.name}: {count}/{len(cells)} runs, about {left:.0f} s left   {end}")
    found = {arm: [played.get(wanted, arm, seed) for seed in range(seeds)] for arm in arms}
    return {arm: [run for run in runs if run is not None] for arm, runs in found.items()}


def write_rows(path: Path, results: dict[str, Runs]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["set", "arm", "seed", "labels", "accuracy", "seconds", "out_of_scope_bought"])
        for name, arms in results.items():
            for arm, runs in arms.items():
                for run in runs:
                    rows = zip(run.labels, run.accuracy, run.seconds, run.out_of_scope_bought, strict=True)
                    writer.writerows([name, arm, run.seed, *row] for row in rows)


def draw(path: Path, results: dict[str, Runs]) -> None:
    """The mean curves, a plot for each set."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    columns = min(3, len(results))
    rows = -(-len(results) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(6 * columns, 4.2 * rows), squeeze=False)
    for axis, (name, arms) in zip(axes.flat, results.items(), strict=False):
        for arm, runs in arms.items():
            mean = np.mean([run.accuracy for run in runs], axis=0)
            axis.plot(runs[0].labels, mean, label=arm, color="black" if arm == "random" else None, linewidth=1.4)
        axis.set(title=name, xlabel="labels spent", ylabel="accuracy")
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def wanted_sets(options: argparse.Namespace) -> list[tuple[Set, Dataset]]:
    if options.data:
        columns = Columns(options.text_column, (), options.label_column, options.split_column, options.oos_value)
        one = Set(Path(options.data).stem, options.data, columns, options.batch, options.budget, options.limit)
        return [(replace(one, head=options.head, posterior=options.posterior), datasets.read(options.data, columns))]
    known = SEARCH_SETS if options.search else SETS
    chosen = [s for s in known if not options.sets or s.name in options.sets.split(",")]
    read: dict[str, Dataset] = {}
    for wanted in chosen:
        full = wanted.path if wanted.path == "digits" else str(options.shared / wanted.path)
        read[wanted.path] = read.get(wanted.path) or datasets.read(full, wanted.columns)
    return [(replace(s, head=options.head, posterior=options.posterior), read[s.path]) for s in chosen]


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", default="", help=f"of {', '.join(s.name for s in SETS)}; all by default")
    parser.add_argument("--search", action="store_true", help="the sets on which constants are chosen instead")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--head", choices=["linear", "mlp"], default="linear")
    parser.add_argument("--posterior", choices=["mc_dropout", "laplace"], default="mc_dropout")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/efficiency"))
    parser.add_argument("--data", help="a file of your own, as for `manage.py simulate`")
    parser.add_argument("--text-column")
    parser.add_argument("--label-column", default="label")
    parser.add_argument("--split-column")
    parser.add_argument("--oos-value")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--limit", type=int)
    return parser.parse_args()


def main() -> None:
    options = options_of()
    arms = tuple(options.arms.split(","))
    for arm in arms:
        plan_of(arm, 0, SETS[0])  # a wrong name ends it here, not in a helper process
    options.out.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Runs] = {}
    played = Played(options.out.with_suffix(".runs.jsonl"))
    for wanted, dataset in wanted_sets(options):
        results[wanted.name] = play_set(wanted, dataset, arms, options.seeds, options.jobs, played)
        write_rows(options.out.with_suffix(".csv"), results)
        print(comparing.set_table(wanted.name, results[wanted.name]), flush=True)
    verdict = comparing.compare(results)
    print(comparing.overall_table(verdict))
    draw(options.out.with_suffix(".png"), results)
    write_report(options.out.with_suffix(".json"), {"seeds": options.seeds, **verdict})


if __name__ == "__main__":
    main()
