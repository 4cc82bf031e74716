"""Several people's answers on real crowds: whose consensus is right, as sure as it says, and with how few answers.

    python -m benchmarks.crowd --shared ../shared/data --seeds 10 --json benchmarks/out/crowd.json
    python -m benchmarks.crowd --peer          # crowd-kit too, in an environment of its own (310 MB)

Sets: rte, product, bluebirds, dog, with what experts say is right. First: accuracy and expected calibration error of
every method by answers an item, drawn at random (nested over their number). Then adaptive overlap: items are asked
again, in turns, of whom the answer is expected to tell most, until the posterior reaches a confidence or the most
answers; beside it, fixed overlap of the same and of the next whole number of answers. "right when sure": accuracy of
the items that reached the confidence.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alcore import overlap
from alcore.consensus import Consensus, resolve
from alcore.evaluation import mean_interval
from alcore.protocols import Floats, Ints
from benchmarks.machine import write_report
from benchmarks.peers import environments
from benchmarks.peers.environments import ARRAYS, Library

SETS = ("rte", "product", "bluebirds", "dog")
NUMBERS = (1, 2, 3, 5, 10)
CONFIDENCES = (0.8, 0.9, 0.95, 0.99)
MOST = 10
BINS = 10
CROWD_KIT = Library("crowd-kit", "crowd-kit", "run_crowd_kit", (("crowd-kit==1.4.2", "pandas", *ARRAYS),))
THEIRS = ("DawidSkene", "GLAD", "MACE")


@dataclass(frozen=True)
class Crowd:
    """item, worker, label: (votes,). truth: (items,), -1 where no expert said."""

    name: str
    item: Ints
    worker: Ints
    label: Ints
    truth: Ints

    @property
    def classes(self) -> int:
        return int(max(self.label.max(), self.truth.max())) + 1


def read(name: str, shared: Path) -> Crowd:
    votes, items = (_rows(shared / f"{name}_crowd" / f"{part}.csv.gz") for part in ("labels", "items"))
    place = {row["item"]: at for at, row in enumerate(items)}
    people = {name: at for at, name in enumerate(sorted({row["worker"] for row in votes}))}
    return Crowd(
        name,
        np.array([place[row["item"]] for row in votes]),
        np.array([people[row["worker"]] for row in votes]),
        np.array([int(row["label"]) for row in votes]),
        np.array([int(row["gold"]) if row["gold"] else -1 for row in items]),
    )


def first_votes(crowd: Crowd, number: int, seed: int) -> Ints:
    """The first so many votes of each item in the seed's order: more votes hold fewer."""
    order = np.random.default_rng([seed, 61]).permutation(len(crowd.item))
    order = order[np.argsort(crowd.item[order], kind="stable")]
    start = np.flatnonzero(np.diff(crowd.item[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
    return order[rank < number]


def ours(crowd: Crowd, votes: Ints, *, by_label: bool = True) -> Floats:
    found = resolved(crowd, votes, by_label=by_label)
    return _told(crowd, found, _spread(crowd, found))


def resolved(crowd: Crowd, votes: Ints, *, by_label: bool = True) -> Consensus:
    item, worker, label = crowd.item[votes], crowd.worker[votes], crowd.label[votes]
    return resolve(item, worker, label, classes=crowd.classes, by_label=by_label)


def _spread(crowd: Crowd, found: Consensus) -> Floats:
    """(items, classes); even where nobody answered."""
    probs = np.full((len(crowd.truth), crowd.classes), 1 / crowd.classes, dtype=np.float32)
    probs[found.items] = found.posterior
    return probs


def _told(crowd: Crowd, found: Consensus, probs: Floats) -> Floats:
    """What is told of each item: its resolved label, one that somebody gave, and how sure that is."""
    told = np.where(np.isin(np.arange(len(probs)), found.items)[:, None], 0, probs)
    told[found.items, found.labels] = found.confidence
    return np.asarray(told, dtype=np.float32)


def majority(crowd: Crowd, votes: Ints) -> Floats:
    counts = np.zeros((len(crowd.truth), crowd.classes))
    np.add.at(counts, (crowd.item[votes], crowd.label[votes]), 1)
    return np.asarray((counts + 1e-6) / (counts + 1e-6).sum(axis=1, keepdims=True), dtype=np.float32)


METHODS: dict[str, Callable[[Crowd, Ints], Floats]] = {
    "winnow": ours,
    "one accuracy": lambda crowd, votes: ours(crowd, votes, by_label=False),
    "majority": majority,
}


def crowd_kit(crowd: Crowd, votes: Ints) -> dict[str, Floats]:
    """What its methods say, in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "votes.npz", Path(folder) / "told.npz"
        np.savez(given, item=crowd.item[votes], worker=crowd.worker[votes], label=crowd.label[votes])
        call = [CROWD_KIT.python, "-m", f"benchmarks.peers.{CROWD_KIT.module}", given, told, *THEIRS]
        subprocess.run(call, check=True, env=environments.surroundings(1), cwd=environments.ROOT, capture_output=True)
        with np.load(told) as found:
            return {f"crowd-kit {name}": _aligned(crowd, found[name], found["items"]) for name in THEIRS}


def _aligned(crowd: Crowd, probs: Floats, items: Ints) -> Floats:
    out = np.full((len(crowd.truth), crowd.classes), 1 / crowd.classes, dtype=np.float32)
    out[items, : probs.shape[1]] = probs
    return out


def judged(crowd: Crowd, probs: Floats) -> tuple[float, float]:
    """Accuracy, ties shared out, and the expected calibration error of the likeliest label."""
    known = crowd.truth >= 0
    told, truth = probs[known], crowd.truth[known]
    best = told.max(axis=1)
    likeliest = np.isclose(told, best[:, None], atol=1e-6)
    right = likeliest[np.arange(len(truth)), truth] / likeliest.sum(axis=1)
    place = np.minimum((best * BINS).astype(int), BINS - 1)
    gaps = [abs(right[place == each].sum() - best[place == each].sum()) for each in range(BINS)]
    return float(right.mean()), float(sum(gaps) / len(truth))


def adaptive(crowd: Crowd, confidence: float, most: int, seed: int) -> dict[str, float]:
    """Votes bought in turns until the posterior is sure; each by whoever is free and tells most."""
    bought = first_votes(crowd, 1, seed)
    has = np.bincount(crowd.item, minlength=len(crowd.truth))
    turns = 0
    while True:
        found = resolved(crowd, bought)
        probs, count = _spread(crowd, found), np.bincount(crowd.item[bought], minlength=len(crowd.truth))
        told = _told(crowd, found, probs)
        open_items = overlap.unsettled(told.max(axis=1), count, confidence=confidence, most=min(most, MOST)) & (
            count < has
        )
        if not open_items.any() or turns > MOST:
            break
        asked = _asked(crowd, bought, np.flatnonzero(open_items), found, probs)
        bought, turns = np.concatenate([bought, asked]), turns + 1
    known = crowd.truth >= 0
    sure = (told.max(axis=1) >= confidence) & known
    right = told.argmax(axis=1) == crowd.truth
    return {
        "answers": len(bought) / len(crowd.truth),
        "accuracy": judged(crowd, told)[0],
        "sure": float(sure[known].mean()),
        "right_when_sure": float(right[sure].mean()) if sure.any() else float("nan"),
    }


def _asked(crowd: Crowd, bought: Ints, items: Ints, found: Consensus, probs: Floats) -> Ints:
    """One more vote of each item: of those who did answer it, whose answer is expected to tell most."""
    assert found.confusions is not None
    usual = found.confusions.mean(axis=0, keepdims=True)
    place = np.full(int(crowd.worker.max()) + 1, len(found.people))
    place[found.people] = np.arange(len(found.people))
    gain = overlap.expected_gain(probs[items], np.concatenate([found.confusions, usual]))
    column = {int(item): at for at, item in enumerate(items)}
    left = np.setdiff1d(np.flatnonzero(np.isin(crowd.item, items)), bought)
    worth = gain[place[crowd.worker[left]], [column[int(item)] for item in crowd.item[left]]]
    order = left[np.argsort(-worth, kind="stable")]
    _, first = np.unique(crowd.item[order], return_index=True)
    return order[first]


def consensus_table(crowd: Crowd, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for number in [n for n in NUMBERS if n <= np.bincount(crowd.item).max()]:
        told: dict[str, list[tuple[float, float]]] = {}
        for seed in range(options.seeds):
            votes = first_votes(crowd, number, seed)
            found = {name: method(crowd, votes) for name, method in METHODS.items()}
            if options.peer:
                found |= crowd_kit(crowd, votes)
            for name, probs in found.items():
                told.setdefault(name, []).append(judged(crowd, probs))
        for name, pairs in told.items():
            accuracy, error = np.array(pairs).T
            rows.append({"answers": number, "method": name, "accuracy": mean_interval(accuracy), "ece": error.mean()})
    return rows


def overlap_table(crowd: Crowd, options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    for confidence in CONFIDENCES:
        runs = [adaptive(crowd, confidence, MOST, seed) for seed in range(options.seeds)]
        mean = {name: float(np.nanmean([run[name] for run in runs])) for name in runs[0]}
        whole = [int(np.floor(mean["answers"])), int(np.ceil(mean["answers"]))]
        fixed = [
            float(np.mean([judged(crowd, ours(crowd, first_votes(crowd, n, s)))[0] for s in range(options.seeds)]))
            for n in whole
        ]
        rows.append({"confidence": confidence, **mean, "fixed_answers": whole, "fixed_accuracy": fixed})
    return rows


def show(crowd: Crowd, consensus: list[dict[str, Any]], adaptively: list[dict[str, Any]]) -> None:
    print(f"\n{crowd.name}: {len(crowd.truth)} items, {len(crowd.item)} answers, {crowd.classes} labels")
    names = list(dict.fromkeys(row["method"] for row in consensus))
    print(f"  {'answers':>8}" + "".join(f"{name:>24}" for name in names))
    for number in dict.fromkeys(row["answers"] for row in consensus):
        told = {row["method"]: row for row in consensus if row["answers"] == number}
        print(
            f"  {number:>8}"
            + "".join(f"{told[name]['accuracy'][0]:>15.3f} ({told[name]['ece']:.3f})" for name in names)
        )
    for row in adaptively:
        fixed = ", ".join(f"{n}: {a:.3f}" for n, a in zip(row["fixed_answers"], row["fixed_accuracy"], strict=True))
        print(
            f"  until {row['confidence']:.2f}: {row['answers']:.2f} answers, {row['accuracy']:.3f} right; sure of "
            f"{row['sure']:.2f}, of which {row['right_when_sure']:.3f} right; fixed {fixed}"
        )


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--peer", action="store_true", help="crowd-kit too")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/crowd.json"))
    return parser.parse_args()


def main() -> None:
    options = options_of()
    if options.peer and not CROWD_KIT.python.exists() and (wrong := environments.install(CROWD_KIT)):
        sys.exit(f"crowd-kit cannot be installed: {wrong}")
    report = {}
    for name in options.sets.split(","):
        crowd = read(name, options.shared)
        consensus, adaptively = consensus_table(crowd, options), overlap_table(crowd, options)
        show(crowd, consensus, adaptively)
        report[name] = json.loads(json.dumps({"consensus": consensus, "overlap": adaptively}, default=float))
    write_report(options.json, {"seeds": options.seeds, "sets": report})


if __name__ == "__main__":
    main()
