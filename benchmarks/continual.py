"""Going on from round to round with replay, beside retraining from scratch with the same early stopping.

    python -m benchmarks.continual --shared ../shared/data --seeds 5 --out benchmarks/out/continual
    python -m benchmarks.continual --sets fashion --arms scratch,sd --rounds 20
    python -m benchmarks.continual --stream classes

One member, margin's best, one and the same random first batch for all arms of a seed. Printed, and written to
OUT.json and OUT.png: seconds and gradient samples of training against scratch, the cost of the last rounds against
that of the first, accuracy and area under the curve (paired over seeds, 95 % interval), forgetting on earlier rounds'
labels, agreement of the batch with the one a model from scratch would choose on the same labels (a twin from scratch
is the ceiling), accuracy under corruption. --stream classes or domains: what is left, after all stages, of the
earlier ones. What has been played is kept in OUT.runs.jsonl, so that the table may grow over hours.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alcore import evaluation, schemes
from alcore.replay import Pace
from benchmarks import chain, continual_sets
from benchmarks.chain import RESTARTS, SCRATCH, Chain
from benchmarks.comparing import permutation_p
from benchmarks.continual_sets import SEARCH_SETS, SETS, Set
from benchmarks.machine import write_report
from benchmarks.played import Played
from models_zoo import device

ARMS = (SCRATCH, "sd", "sd" + RESTARTS, "er", "der", "mir", "sds2", "warm", "fine_tune")
TWINNED = (SCRATCH, "sd")
STREAMS = ("classes", "domains")
CODE = (
    "models_zoo",
    "alcore/replay.py",
    "alcore/chains.py",
    "alcore/training.py",
    "alcore/schemes.py",
    "benchmarks/chain.py",
    "benchmarks/continual_sets.py",
)


@dataclass(frozen=True)
class Cell:
    """What is played under one heading. stream: "" for rounds of active learning. pace: 0 for the usual one."""

    set: Set
    rounds: int
    stream: str = ""
    epochs: int = 0
    replayed: int = 0

    @property
    def pace(self) -> Pace:
        usual = Pace()
        return Pace(self.epochs or usual.epochs, usual.batch, self.replayed or usual.replayed)


@dataclass
class Streamed:
    """Accuracy on each stage in the end, and seconds of training."""

    stages: list[float]
    seconds: float


def _play(cell: Cell, arm: str, seed: int, shared: Path) -> tuple[Cell, str, int, Any]:
    device.use_threads(1)
    data = continual_sets.load(cell.set, shared, seed)
    if cell.stream:
        stages = continual_sets.class_stages if cell.stream == "classes" else continual_sets.domain_stages
        player = chain.Player(data, arm, seed, cell.pace)
        found = chain.stream(player, stages(data, seed, cell.set.labels))
        return cell, arm, seed, Streamed(**found)
    batch = cell.set.labels // cell.rounds
    twins = arm in TWINNED and cell.rounds > 10
    player = chain.Player(data, arm, seed, cell.pace)
    return cell, arm, seed, chain.play(player, rounds=cell.rounds, batch=batch, twins=twins)


def play_all(cells: list[Cell], options: argparse.Namespace, played: Played) -> dict[Cell, dict[str, list[Any]]]:
    """Cell -> arm -> its runs by seed; only what has not been played yet is, all arms of a seed before the next."""
    arms, seeds = options.arms.split(","), range(options.seeds)
    missing = [(c, a, s) for s in seeds for c in cells for a in arms if played.get(c, a, s) is None]
    start = time.monotonic()
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(_play, *one, options.shared) for one in missing]
        for count, done in enumerate(as_completed(jobs), start=1):
            played.add(*done.result())
            left = (time.monotonic() - start) / count * (len(jobs) - count)
            sys.stderr.write(
                f"{count}/{len(jobs)} runs, about {left:.0f} s left   {chr(10) if count == len(jobs) else chr(13)}"
            )
    found = {cell: {arm: [played.get(cell, arm, seed) for seed in seeds] for arm in arms} for cell in cells}
    return {cell: {arm: [r for r in runs if r is not None] for arm, runs in f.items()} for cell, f in found.items()}


def entry(runs: list[Chain], scratch: list[Chain]) -> dict[str, Any]:
    """One arm of one cell, beside scratch."""
    areas, others = (np.array([run.area for run in found]) for found in (runs, scratch))
    change = evaluation.paired_difference(areas, others)
    return {
        "seconds": _mean(sum(run.seconds) for run in runs),
        "samples": _mean(sum(run.samples) for run in runs),
        "faster": _mean(sum(s.seconds) / sum(r.seconds) for r, s in zip(runs, scratch, strict=True)),
        "fewer_samples": _mean(sum(s.samples) / sum(r.samples) for r, s in zip(runs, scratch, strict=True)),
        "growth": _mean(_growth(run.samples) for run in runs),
        "final": evaluation.mean_interval(np.array([run.accuracy[-1] for run in runs])),
        "area": evaluation.mean_interval(areas),
        "area_minus_scratch": [change.mean, change.low, change.high],
        "p": permutation_p(areas - others, np.random.default_rng(0)),
        "forgotten": _mean(run.forgotten for run in runs),
        "known": _mean(run.known for run in runs),
        "overlap": _mean(np.mean(run.overlap) for run in runs if run.overlap),
        "correlation": _mean(np.mean(run.correlation) for run in runs if run.correlation),
        "corrupted": _mean(np.mean(list(run.corrupted.values())) for run in runs),
        "fresh_rounds": _mean(sum(run.fresh) for run in runs),
    }


def _growth(samples: list[int]) -> float:
    """Of a round's cost: the last quarter's mean against that of the first quarter behind the first round."""
    later = samples[1:]
    quarter = max(1, len(later) // 4)
    return float(np.mean(later[-quarter:]) / max(1.0, np.mean(later[:quarter])))


def _mean(values: Any) -> float | None:
    found = [float(value) for value in values]
    return float(np.mean(found)) if found else None


def table(cell: Cell, entries: dict[str, dict[str, Any]], seeds: int) -> str:
    """One cell."""
    lines = [
        "",
        f"{cell.set.name}, {cell.rounds} rounds, {cell.set.labels} labels, {seeds} seeds",
        f"  {'arm':13}{'train s':>9}{'x faster':>9}{'x fewer':>9}{'growth':>8}{'final':>8}{'area - scratch (95 %)':>28}"
        f"{'p':>7}{'forgot':>8}{'agree':>7}{'corr.':>7}{'corrupted':>10}",
    ]
    for arm, one in entries.items():
        low_high = "[{1:+.4f}, {2:+.4f}]".format(*one["area_minus_scratch"])
        lines.append(
            f"  {arm:13}{one['seconds']:9.1f}{one['faster']:9.2f}{one['fewer_samples']:9.2f}{one['growth']:8.2f}"
            f"{one['final'][0]:8.3f}{one['area_minus_scratch'][0]:+9.4f} {low_high:>18}{one['p']:7.3f}"
            f"{one['forgotten']:8.3f}{_told(one['overlap']):>7}{_told(one['correlation']):>7}{one['corrupted']:10.3f}"
        )
    return "\n".join(lines)


def stream_entry(runs: list[Streamed], joint: list[Streamed]) -> dict[str, Any]:
    """Accuracy on all stages but the last, and on the last, against joint training."""
    old, joint_old = (np.array([np.mean(run.stages[:-1]) for run in found]) for found in (runs, joint))
    change = evaluation.paired_difference(old, joint_old)
    return {
        "old": evaluation.mean_interval(old),
        "old_minus_joint": [change.mean, change.low, change.high],
        "new": _mean(run.stages[-1] for run in runs),
        "seconds": _mean(run.seconds for run in runs),
    }


def stream_table(cell: Cell, entries: dict[str, dict[str, Any]], seeds: int) -> str:
    """One cell of a stream."""
    lines = ["", f"{cell.set.name}, {cell.stream} arrive one after the other, {cell.set.labels} labels, {seeds} seeds"]
    lines.append(f"  {'arm':13}{'train s':>9}{'old stages':>12}{'- joint (95 %)':>30}{'last stage':>12}")
    for arm, one in entries.items():
        told = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*one["old_minus_joint"])
        lines.append(f"  {arm:13}{one['seconds']:9.1f}{one['old'][0]:12.3f}{told:>30}{one['new']:12.3f}")
    return "\n".join(lines)


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def draw(path: Path, results: dict[Cell, dict[str, list[Chain]]]) -> None:
    """Accuracy, and seconds of training so far, by labels: two plots a cell."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(results), 2, figsize=(12, 4 * len(results)), squeeze=False)
    for (left, right), (cell, arms) in zip(axes, results.items(), strict=True):
        for arm, runs in arms.items():
            left.plot(runs[0].labels, np.mean([run.accuracy for run in runs], axis=0), label=arm)
            right.plot(runs[0].labels, np.mean([np.cumsum(run.seconds) for run in runs], axis=0), label=arm)
        left.set(title=f"{cell.set.name}, {cell.rounds} rounds", xlabel="labels", ylabel="accuracy")
        right.set(xlabel="labels", ylabel="seconds of training so far", yscale="log")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def cells_of(options: argparse.Namespace) -> list[Cell]:
    known = SEARCH_SETS if options.search else SETS
    wanted = [s for s in known if not options.sets or s.name in options.sets.split(",")]
    if not wanted:
        raise SystemExit(f"There is no set {options.sets!r}; there are {', '.join(s.name for s in known)}.")
    if options.stream:
        return [Cell(one, 0, options.stream, options.epochs, options.replayed) for one in wanted]
    rounds = [int(number) for number in options.rounds.split(",")]
    return [Cell(one, number, "", options.epochs, options.replayed) for one in wanted for number in rounds]


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", default="", help=f"of {', '.join(s.name for s in SETS)}; all by default")
    parser.add_argument("--search", action="store_true", help="the sets on which constants are chosen instead")
    parser.add_argument("--arms", default=",".join(ARMS), help=f"{SCRATCH}, or of {', '.join(schemes.KEYS)}")
    parser.add_argument("--rounds", default="10,20")
    parser.add_argument("--stream", default="", choices=["", *STREAMS])
    parser.add_argument(
        "--epochs", type=int, default=0, help="passes over what is new; 0: two fifths of a fresh start's"
    )
    parser.add_argument("--replayed", type=int, default=0, help="earlier labels beside each new one; 0: the usual two")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/continual"))
    options = parser.parse_args()
    if SCRATCH not in options.arms.split(","):
        options.arms = f"{SCRATCH},{options.arms}"
    for arm in options.arms.split(","):
        if arm != SCRATCH:
            schemes.get(arm.removesuffix(RESTARTS))
    return options


def main() -> None:
    options = options_of()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    kind = Streamed if options.stream else Chain
    played = Played(options.out.with_suffix(f".{options.stream or 'runs'}.jsonl"), kind, CODE)
    results = play_all(cells_of(options), options, played)
    report, told, rows = (stream_entry, stream_table, "streams") if options.stream else (entry, table, "cells")
    figures = []
    for cell, arms in results.items():
        entries = {arm: report(runs, arms[SCRATCH]) for arm, runs in arms.items()}
        print(told(cell, entries, options.seeds), flush=True)
        figures.append({"set": cell.set.name, "rounds": cell.rounds, "stream": cell.stream, "arms": entries})
    if not options.stream:
        draw(options.out.with_suffix(".png"), results)
    out = options.out.with_suffix(f".{options.stream}.json" if options.stream else ".json")
    write_report(out, {"seeds": options.seeds, rows: figures})


if __name__ == "__main__":
    main()
