"""Wrong labels: how well they are found, whether what is promised of the flags is kept, and what finding them is worth.

    python -m benchmarks.noise --shared ../shared/data --seeds 10 --out benchmarks/out/noise
    python -m benchmarks.noise --sets ag_news,digits --sizes 100,300 --rates 0.1 --seeds 2
    python -m benchmarks.noise --search
    python -m benchmarks.noise --data mine.csv --text text --label label

Labels go wrong evenly (symmetric), to the next class (pairwise), or where an item is hard and to what it looks like
(instance); cifar10n has the labels that people gave. The labelled set is drawn at random or chosen by margin, round by
round, with the wrong labels in the training. Printed, and written to OUT.json, OUT.csv (a row a run) and OUT.runs.jsonl
(what has been played): average precision and AUROC of every detector paired with cleanlab's default (self-confidence of
the round's own out-of-fold probabilities), and of the flags of Winnow and of cleanlab how many there are, how many were
promised to be wrong and how many are. "nothing" flags nothing: its average precision is the share of wrong labels.

Then what it is worth: accuracy on other items, with their true labels, of the round's own linear ensemble trained on
the labels as given (none), without what cleanlab's default filter flags (cleanlab), with Winnow's weights (winnow), and
on true labels (clean); and at the same number of answers, a fifth of them spent on asking again what looks most wrong,
of somebody who knows: by Winnow's doubt (review) and by self-confidence (cl. review). Won back is the part of what is
lost between none and clean. Wrong rows are counted in what would be exported.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from alcore import evaluation
from alcore.evidence import judges, scores
from alcore.inputs import RoundInput
from alcore.protocols import Floats, Ints
from alcore.simulation import Plan, Task, simulate
from annotator.learning.datasets import Columns
from benchmarks import noise_sets, noise_worth
from benchmarks.comparing import permutation_p
from benchmarks.machine import write_report
from benchmarks.noise_sets import HUMAN_SETS, KINDS, SEARCH_SETS, SETS, Source
from benchmarks.noise_worth import Judge, Labels, Looked
from benchmarks.played import Played
from models_zoo import device, heads
from models_zoo.training import TrainingConfig

OURS, PEER = "winnow", "cleanlab"
DETECTORS = (OURS, PEER, "normalized_margin", "neighbors", "trees", "logistic", "votes", "nothing")
ROUNDS = 10
POOL = 10_000
TEST = 2_000  # other items, on which accuracy is measured
CODE = (
    "alcore", "models_zoo", "annotator/learning/datasets.py", "benchmarks/noise_sets.py", "benchmarks/noise_worth.py",
    "benchmarks/noise.py",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """What is played under one heading."""

    source: Source
    kind: str
    rate: float
    size: int
    active: bool

    @property
    def name(self) -> str:
        noise = (self.source.human and "people") or f"{self.kind} {self.rate:.0%}"
        return f"{self.source.name}, {noise}, {self.size} {'chosen' if self.active else 'at random'}"


@dataclass
class Found:
    """One run. precision, auroc: by detector; 0 and .5 where nothing is wrong. share: of labels that are wrong.

    flagged, promised, right: of Winnow's flags. peer_flagged, peer_right: of cleanlab's default filter. note: why there
    are no flags.
    """

    share: float
    precision: dict[str, float] = field(default_factory=dict)
    auroc: dict[str, float] = field(default_factory=dict)
    flagged: int = 0
    promised: float = 0.0
    right: int = 0
    peer_flagged: int = 0
    peer_right: int = 0
    seconds: float = 0.0
    note: str = ""
    accuracy: dict[str, float] = field(default_factory=dict)
    wrong_rows: dict[str, float] = field(default_factory=dict)


def play(cell: Cell, seed: int, shared: Path) -> tuple[Cell, int, Found]:
    device.use_threads(1)
    features, truth = noise_sets.load(cell.source, shared)
    given = noise_sets.spoiled(cell.source, shared, cell.kind, cell.rate, seed)
    pool = np.random.default_rng([seed, 43]).permutation(len(truth))[:POOL]
    items = pool[_chosen(features[pool], given[pool], cell, seed)]
    labels = Labels(features[items], given[items], truth[items])
    looked = noise_worth.look(labels.features, labels.given, seed)
    found = detect(labels, looked, seed)
    test = np.setdiff1d(pool, items)[:TEST]
    judge = Judge(features[test], truth[test], int(truth.max()) + 1, seed)
    found.accuracy, found.wrong_rows = noise_worth.worth(looked, labels, judge)
    return cell, seed, found


def _chosen(features: Floats, given: Ints, cell: Cell, seed: int) -> Ints:
    """Positions: at random, or what margin asks in ten rounds of learning from the labels as given."""
    if not cell.active:
        return np.arange(min(cell.size, len(given)))
    seen: list[RoundInput] = []
    folds = np.random.default_rng([seed, 44]).integers(0, TrainingConfig().members, len(given))
    # the audit takes a fifth of all answers
    batch = max(2, cell.size * 5 // 4 // ROUNDS)
    plan = Plan("margin", seed, batch, batch * ROUNDS, cleaning=False)
    task = Task(features, given, features[:2], given[:2], folds, int(given.max()) + 1)
    simulate(task, plan, heads.make("linear", TrainingConfig()), watch=seen.append)
    return np.asarray(seen[-1].vote_item[: cell.size])


def detect(labels: Labels, looked: Looked, seed: int) -> Found:
    """What every detector says of these labels."""
    features, given, wrong = labels.features, labels.given, labels.given != labels.truth
    count, classes = len(given), int(given.max()) + 1
    probs, found, folds = looked.probs, looked.cleaned, noise_worth.folds_of(len(given), seed)
    own = scores.self_confidence(probs, given)
    said = {
        OURS: own if found.wrong is None else found.wrong,
        PEER: own,
        "normalized_margin": scores.normalized_margin(probs, given),
        "votes": 1 - looked.resolved.confidence,
        "nothing": np.zeros(count),
    }
    for judge in (judges.neighbors, judges.trees, judges.logistic):
        told = judges.out_of_fold(judge, features, given, [folds], classes=classes, seed=seed)
        said[judge.__name__] = scores.self_confidence(told, given)
    flags = np.array([issue.item for issue in found.issues], dtype=np.int64)
    theirs = scores.confident_learning(probs, given)
    some = bool(wrong.any() and not wrong.all())
    return Found(
        share=float(wrong.mean()),
        precision={name: float(average_precision_score(wrong, said[name])) if some else 0.0 for name in DETECTORS},
        auroc={name: float(roc_auc_score(wrong, said[name])) if some else 0.5 for name in DETECTORS},
        flagged=len(flags),
        promised=float(sum(1 - issue.quality for issue in found.issues)),
        right=int(wrong[flags].sum()),
        peer_flagged=int(theirs.sum()),
        peer_right=int(wrong[theirs].sum()),
        seconds=looked.seconds,
        note=found.note if not found.issues else "",
    )


def entry(runs: list[Found]) -> dict[str, Any]:
    """Of one cell: every detector's mean, and its difference to the peer's paired over seeds."""
    peer = np.array([run.precision[PEER] for run in runs])
    told: dict[str, Any] = {"share": float(np.mean([run.share for run in runs])), "detectors": {}}
    for name in DETECTORS:
        own = np.array([run.precision[name] for run in runs])
        change = evaluation.paired_difference(own, peer)
        told["detectors"][name] = {
            "average_precision": float(own.mean()),
            "auroc": float(np.mean([run.auroc[name] for run in runs])),
            "minus_peer": [change.mean, change.low, change.high],
            "p": permutation_p(own - peer, np.random.default_rng(0)),
        }
    for name in ("flagged", "promised", "right", "peer_flagged", "peer_right", "seconds"):
        told[name] = float(np.sum([getattr(run, name) for run in runs])) / len(runs)
    told["silent"] = float(np.mean([bool(run.note) for run in runs]))
    told["worth"] = noise_worth.entry([run.accuracy for run in runs], [run.wrong_rows for run in runs])
    return told


def line(name: str, one: dict[str, Any]) -> str:
    found = one["detectors"]
    change = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*found[OURS]["minus_peer"])
    shown = "".join(f"{found[each]['average_precision']:7.3f}" for each in DETECTORS)
    flags = _flags(one["flagged"], one["right"], one["promised"])
    theirs = _flags(one["peer_flagged"], one["peer_right"], None)
    return f"{name:42}{one['share']:6.3f}{shown}{change:>26}{flags:>20}{theirs:>14}{one['silent']:7.2f}"


def _flags(count: float, right: float, promised: float | None) -> str:
    if not count:
        return "0"
    told = "" if promised is None else f" of {promised / count:.2f}"
    return f"{count:.0f}: {right / count:.2f}{told}"


def heading() -> str:
    shown = "".join(f"{each[:6]:>7}" for each in DETECTORS)
    return (
        f"{'':42}{'wrong':>6}{shown}{'winnow - cleanlab':>26}{'flags: right of said':>20}{'cleanlab':>14}{'silent':>7}"
    )


def cells_of(options: argparse.Namespace) -> list[Cell]:
    known = SEARCH_SETS if options.search else (*SETS, *HUMAN_SETS)
    if options.data:
        columns = Columns(text=options.text, label=options.label)
        known = (Source(Path(options.data).name, str(Path(options.data).resolve()), columns),)
    wanted = [one for one in known if not options.sets or one.name in options.sets.split(",")]
    if not wanted:
        raise SystemExit(f"There is no set {options.sets!r}; there are {', '.join(one.name for one in known)}.")
    sizes, rates = [int(n) for n in options.sizes.split(",")], [float(rate) for rate in options.rates.split(",")]
    kinds = options.kinds.split(",")
    if wrong := set(kinds) - set(KINDS):
        raise SystemExit(f"There is no noise {', '.join(wrong)}; there are {', '.join(KINDS)}.")
    noises = [(kind, rate) for rate in rates for kind in (kinds if rate else kinds[:1])]
    return [
        Cell(one, kind, rate, size, active)
        for one in wanted
        for kind, rate in ([("people", 0.0)] if one.human else noises)
        for size in sizes
        for active in (False, True)
    ]


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", default="", help="names, by commas; all by default")
    parser.add_argument("--search", action="store_true", help="the sets on which constants are chosen instead")
    parser.add_argument("--data", default="", help="another set: .csv, .csv.gz or .npz")
    parser.add_argument("--text", default=None, help="of --data: the column with the text, where it holds texts")
    parser.add_argument("--label", default="label", help="of --data: the column with the true label")
    parser.add_argument("--sizes", default="100,300,1000,3000")
    parser.add_argument("--rates", default="0,0.05,0.1,0.2,0.4")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/noise"))
    return parser.parse_args()


def play_all(cells: list[Cell], options: argparse.Namespace, played: Played) -> None:
    missing = [(c, s) for s in range(options.seeds) for c in cells if played.get(c, OURS, s) is None]
    start = time.monotonic()
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(play, cell, seed, options.shared) for cell, seed in missing]
        for count, done in enumerate(as_completed(jobs), start=1):
            cell, seed, found = done.result()
            played.add(cell, OURS, seed, found)
            left = (time.monotonic() - start) / count * (len(jobs) - count) / 60
            sys.stderr.write(
                f"{count}/{len(jobs)} runs, about {left:.0f} min left   {chr(10) if count == len(jobs) else chr(13)}"
            )


def main() -> None:
    options = options_of()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    played, cells = Played(options.out.with_suffix(".runs.jsonl"), Found, CODE), cells_of(options)
    play_all(cells, options, played)
    print(heading())
    figures, rows = [], []
    for cell in cells:
        runs = [played.get(cell, OURS, seed) for seed in range(options.seeds)]
        one = entry(runs)
        print(line(cell.name, one), flush=True)
        figures.append({**asdict(cell), "name": cell.name, **one})
        rows += [{"cell": cell.name, "seed": seed, **_flat(run)} for seed, run in enumerate(runs)]
    print(f"\n{noise_worth.heading()}")
    for one in figures:
        print(noise_worth.line(one["name"], one), flush=True)
    print(f"\n{noise_worth.summary(figures, OURS)}")
    with options.out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    write_report(options.out.with_suffix(".json"), {"seeds": options.seeds, "cells": figures})


def _flat(run: Found) -> dict[str, Any]:
    told = asdict(run)
    return told | {
        f"{what}_{name}": value
        for what in ("precision", "auroc", "accuracy", "wrong_rows")
        for name, value in told.pop(what).items()
    }


if __name__ == "__main__":
    main()
