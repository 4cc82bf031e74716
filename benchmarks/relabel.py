"""A new item, or another opinion on an old one: what answers buy when people of unequal quality give them.

    python -m benchmarks.relabel --shared ../shared/data --seeds 5 --out benchmarks/out/relabel
    python -m benchmarks.relabel --sets "digits, independent" --arms winnow,activelab --seeds 2

Five people, right in 95 to 60 of 100 answers, whose errors fall evenly (independent) or on hard items and there on what
they look like (hard); cifar10n has three answers of real people for each picture. Every arm begins with the same random
answers and buys the same number a round. winnow: a round as in the product, by margin, with cleaning, and second
opinions for up to the adaptive share of the batch, of who tells most. margin: new items alone. activelab: cleanlab
scores old and new items on one scale (Goh & Mueller 2023). entropy: the most uncertain, old or new. random: any item,
old or new. fewest: new items at random, for they have the fewest labels. All train the same linear ensemble, the peers
on cleanlab's majority vote. Printed, and written to OUT.json, OUT.png and OUT.runs.jsonl (what has been played):
accuracy on other items (its mean over the budget, and at the end), and wrong rows at the end, each paired with winnow.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cleanlab.multiannotator import get_active_learning_scores, get_majority_vote_label

from alcore import asking_again, evaluation, overlap
from alcore.configuration import RoundConfig
from alcore.inputs import RoundInput
from alcore.protocols import Floats, Ints
from alcore.rounds import RoundResult, run_round
from benchmarks import noise_sets, outlier_sets
from benchmarks.comparing import permutation_p
from benchmarks.machine import write_report
from benchmarks.noise_sets import SETS, Source
from benchmarks.played import Played
from models_zoo import device, heads
from models_zoo.training import TrainingConfig

RATES = (0.05, 0.1, 0.2, 0.3, 0.4)  # how often each of the five errs
PEOPLE_KINDS = {"independent": "symmetric", "hard": "instance"}
CROWD = Source("cifar10n", "cifar10n/images.npz", human="rand1")
POOL, TEST, START, BATCH, ROUNDS, MOST = 1_500, 2_000, 100, 40, 20, 5
CONFIDENCE = 0.9
ARMS = ("winnow", "margin", "activelab", "entropy", "random", "fewest")
CODE = ("alcore", "models_zoo", "annotator/learning/datasets.py", "benchmarks/noise_sets.py", "benchmarks/relabel.py")


@dataclass(frozen=True)
class Cell:
    source: Source
    people: str

    @property
    def name(self) -> str:
        return f"{self.source.name}, {self.people}"


CELLS = (
    Cell(CROWD, "people"),
    *(Cell(source, kind) for source in SETS if source.name != "trec6" for kind in PEOPLE_KINDS),
)


@dataclass
class Run:
    """One entry a round. wrong: share of wrong rows; again: share of the batch that asked again."""

    answers: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    wrong: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    again: list[float] = field(default_factory=list)


@dataclass
class Table:
    """What everybody would say (pool, people), what has been bought, and other items to judge by."""

    features: Floats
    truth: Ints
    said: Ints
    test: Floats
    test_truth: Ints
    classes: int
    seed: int
    item: list[int] = field(default_factory=list)
    person: list[int] = field(default_factory=list)

    def buy(self, item: int, person: int) -> None:
        self.item.append(item)
        self.person.append(person)

    def anyone(self, item: int, rng: np.random.Generator) -> int | None:
        """Somebody who has not answered it; None where everybody has."""
        known = {person for bought, person in zip(self.item, self.person, strict=True) if bought == item}
        free = sorted(set(range(self.said.shape[1])) - known)
        return int(rng.choice(free)) if free else None

    @property
    def votes(self) -> tuple[Ints, Ints, Ints]:
        item, person = np.array(self.item, dtype=np.int64), np.array(self.person, dtype=np.int64)
        return item, person, self.said[item, person]


def table_of(cell: Cell, seed: int, shared: Path) -> Table:
    features, truth = noise_sets.load(cell.source, shared)
    order = np.random.default_rng([seed, 61]).permutation(len(truth))
    pool, test = order[:POOL], order[POOL : POOL + TEST]
    if len(test) < TEST // 2:  # digits
        pool, test = order[: len(order) // 2], order[len(order) // 2 :]
    if cell.source.human:
        rows = {int(row["index"]): row for row in outlier_sets.rows_of(shared / "cifar10n/labels.csv.gz")}
        with np.load(shared / cell.source.path) as found:
            index = found["index"]
        said = np.array([[int(rows[int(at)][f"rand{n}"]) for n in (1, 2, 3)] for at in index])
    else:
        kind = PEOPLE_KINDS[cell.people]
        told = [
            noise_sets.spoiled(cell.source, shared, kind, rate, seed * 10 + person) for person, rate in enumerate(RATES)
        ]
        said = np.stack(told, axis=1)
    return Table(features[pool], truth[pool], said[pool], features[test], truth[test], int(truth.max()) + 1, seed)


def play(cell: Cell, arm: str, seed: int, shared: Path) -> tuple[Cell, str, int, Run]:
    device.use_threads(1)
    table, run = table_of(cell, seed, shared), Run()
    np.random.seed(seed)  # noqa: NPY002 - cleanlab breaks ties by it
    rng = np.random.default_rng([seed, 62])
    for item in rng.permutation(len(table.truth))[:START]:
        table.buy(int(item), int(rng.integers(table.said.shape[1])))
    player = Winnow(table, cleaning=arm == "winnow") if arm in ("winnow", "margin") else Peer(table, arm)
    for number in range(ROUNDS + 1):
        labels, accuracy = player.learn(number)
        known = labels >= 0
        run.answers.append(len(table.item))
        run.accuracy.append(accuracy)
        run.rows.append(int(known.sum()))
        run.wrong.append(float((labels != table.truth)[known].mean()))
        if number == ROUNDS:
            break
        before = set(table.item)
        for item, person in player.choose(rng):
            table.buy(item, person)
        run.again.append(float(np.mean([item in before for item in table.item[-BATCH:]])))
    return cell, arm, seed, run


class Winnow:
    """A round as in the product."""

    def __init__(self, table: Table, *, cleaning: bool) -> None:
        self.table, self.cleaning, self.share = table, cleaning, asking_again.START
        count = len(table.truth) + len(table.test)
        self.features = np.concatenate([table.features, table.test]).astype(np.float32)
        self.folds = np.random.default_rng([table.seed, 63]).integers(0, TrainingConfig().members, count)
        self.asked: list[tuple[int, int]] = []  # item and label before, of second opinions
        self.result: RoundResult | None = None

    def learn(self, number: int) -> tuple[Ints, float]:
        table, pool = self.table, len(self.table.truth)
        item, person, label = table.votes
        is_open = np.arange(len(self.features)) < pool
        is_open[item] = False
        test = np.arange(pool, len(self.features))
        data = RoundInput(
            features=self.features,
            folds=self.folds,
            vote_item=item,
            vote_annotator=person,
            vote_label=label,
            open=is_open,
            trusted=np.zeros(len(self.features), dtype=bool),
            audit_item=test,
            audit_label=np.full(len(test), -1, dtype=np.int64),
            audit_reporting=np.ones(len(test), dtype=bool),
        )
        config = RoundConfig(
            labels=table.classes,
            strategy="margin",
            batch=BATCH,
            seed=table.seed * 1_000 + number,
            cleaning=self.cleaning,
            random_share=0.0,
        )
        self.result = run_round(data, config, heads.make("linear", TrainingConfig()))
        told = self.result.informed or self.result.resolved
        self.labels = np.full(pool, -1, dtype=np.int64)
        self.labels[told.items] = told.labels
        return self.labels, float((self.result.audit_predictions == table.test_truth).mean())

    def choose(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        assert self.result is not None
        people, again = np.arange(self.table.said.shape[1]), []
        latest = self.asked[-asking_again.LATEST :]
        changed = sum(int(self.labels[item]) != before for item, before in latest)
        self.share = asking_again.next_share(self.share, len(latest), changed)
        informed = self.result.informed
        if self.cleaning and informed is not None:
            votes = np.bincount(informed.votes.at, minlength=len(informed.items))
            wanted = np.flatnonzero(overlap.unsettled(informed.confidence, votes, confidence=CONFIDENCE, most=3))
            seen = np.zeros((len(people), len(informed.items)), dtype=bool)
            seen[informed.votes.who, informed.votes.at] = True
            best = overlap.most_telling(
                overlap.Doubtful(informed.posterior[wanted], informed.votes.given[wanted]),
                seen[:, wanted],
                overlap.confusions_of(people, informed),
                np.ones(len(people), dtype=np.float32),
                count=round(self.share * BATCH),
            )
            again = [(int(informed.items[wanted[one.place]]), one.person) for one in best]
            self.asked += [(item, int(self.labels[item])) for item, _ in again]
        new = self.result.selection.items[: BATCH - len(again)]
        return again + [(int(item), int(rng.integers(len(people)))) for item in new]


class Peer:
    """Majority votes, and a policy over old and new items alike."""

    def __init__(self, table: Table, arm: str) -> None:
        self.table, self.arm = table, arm
        self.folds = np.random.default_rng([table.seed, 63]).integers(0, TrainingConfig().members, len(table.truth))

    def learn(self, number: int) -> tuple[Ints, float]:
        table = self.table
        item, person, label = table.votes
        self.rows = np.unique(item)
        self.matrix = np.full((len(self.rows), table.said.shape[1]), np.nan)
        self.matrix[np.searchsorted(self.rows, item), person] = label
        voted = get_majority_vote_label(self.matrix, verbose=False).astype(np.int64)
        model = heads.make("linear", TrainingConfig())
        even = np.ones(len(self.rows), dtype=np.float32)
        folds, seed = self.folds[self.rows], table.seed * 1_000 + number
        model.fit(table.features[self.rows], voted, even, folds, classes=table.classes, seed=seed)
        self.own = model.out_of_fold_probs(table.features[self.rows], folds)
        self.others = np.setdiff1d(np.arange(len(table.truth)), self.rows)
        self.probs = model.predict_probs(table.features[self.others])
        labels = np.full(len(table.truth), -1, dtype=np.int64)
        labels[self.rows] = voted
        return labels, float((model.predict_probs(table.test).argmax(axis=1) == table.test_truth).mean())

    def choose(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        items = np.concatenate([self.rows, self.others])
        order = items[np.argsort(self._scores(rng), kind="stable")]
        taken: list[tuple[int, int]] = []
        for item in order:
            person = self.table.anyone(int(item), rng)
            if person is not None:
                taken.append((int(item), person))
            if len(taken) == BATCH:
                break
        return taken

    def _scores(self, rng: np.random.Generator) -> Floats:
        """(rows and others,) the lowest are asked first."""
        if self.arm == "activelab":
            used = self.matrix[:, ~np.isnan(self.matrix).all(axis=0)]
            return np.concatenate(get_active_learning_scores(used, self.own, self.probs))
        if self.arm == "entropy":
            both = np.clip(np.concatenate([self.own, self.probs]), 1e-12, 1)
            return np.asarray((both * np.log(both)).sum(axis=1))
        votes = np.concatenate([(~np.isnan(self.matrix)).sum(axis=1), np.zeros(len(self.others))])
        chance = rng.random(len(votes))
        return np.asarray(chance if self.arm == "random" else votes + chance)


def entry(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Every arm's means, and what winnow has beyond it, paired over seeds."""
    told: dict[str, Any] = {}
    figures = {
        arm: {
            "mean": np.array([_area(run) for run in of]),
            "final": np.array([r.accuracy[-1] for r in of]),
            "wrong": np.array([r.wrong[-1] for r in of]),
            "rows": np.array([r.rows[-1] for r in of], dtype=float),
            "again": np.array([np.mean(r.again) for r in of]),
        }
        for arm, of in runs.items()
    }
    for arm, own in figures.items():
        told[arm] = {name: float(value.mean()) for name, value in own.items()}
        for name in ("mean", "final", "wrong"):
            change = evaluation.paired_difference(figures["winnow"][name], own[name])
            told[arm][f"winnow_{name}_beyond"] = [change.mean, change.low, change.high]
            told[arm][f"p_{name}"] = permutation_p(figures["winnow"][name] - own[name], np.random.default_rng(0))
    return told


def _area(run: Run) -> float:
    return evaluation.area_under_curve(np.array(run.answers, dtype=float), np.array(run.accuracy))


def show(name: str, one: dict[str, Any]) -> None:
    print(f"\n{name}\n  {'':11}{'mean':>7}{'final':>7}{'winnow beyond (final)':>25}", end="")
    print(f"{'wrong':>8}{'winnow less':>24}{'rows':>6}{'again':>7}")
    for arm, told in one.items():
        final, wrong = told["winnow_final_beyond"], [-value for value in told["winnow_wrong_beyond"]]
        beyond = "" if arm == "winnow" else "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * value for value in final))
        less = "" if arm == "winnow" else f"{wrong[0]:+.3f} [{wrong[2]:+.3f}, {wrong[1]:+.3f}]"
        print(
            f"  {arm:11}{100 * told['mean']:7.1f}{100 * told['final']:7.1f}{beyond:>25}{told['wrong']:8.3f}{less:>24}"
            f"{told['rows']:6.0f}{told['again']:7.2f}",
            flush=True,
        )


def plot(path: Path, played: dict[str, dict[str, list[Run]]]) -> None:
    from matplotlib import pyplot as plt

    columns = 3
    lines = -(-len(played) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(5 * columns, 3.2 * lines), squeeze=False)
    for axis, (name, runs) in zip(axes.ravel(), played.items(), strict=False):
        for arm, of in runs.items():
            axis.plot(of[0].answers, np.mean([run.accuracy for run in of], axis=0), label=arm)
        axis.set_title(name)
        axis.set_xlabel("answers")
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", default="", help="; between names; all by default")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/relabel"))
    return parser.parse_args()


def main() -> None:
    options = options_of()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    wanted = [name.strip() for name in options.sets.split(";") if name.strip()]
    cells = [cell for cell in CELLS if not wanted or cell.name in wanted]
    arms = ["winnow", *(arm for arm in options.arms.split(",") if arm != "winnow")]
    if not cells or set(arms) - set(ARMS):
        raise SystemExit(f"Sets: {'; '.join(cell.name for cell in CELLS)}. Arms: {', '.join(ARMS)}.")
    played = Played(options.out.with_suffix(".runs.jsonl"), Run, CODE)
    seeds = range(options.seeds)
    missing = [(c, a, s) for s in seeds for c in cells for a in arms if played.get(c, a, s) is None]
    start = time.monotonic()
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(play, *one, options.shared) for one in missing]
        for count, done in enumerate(as_completed(jobs), start=1):
            played.add(*done.result())
            left = (time.monotonic() - start) / count * (len(jobs) - count) / 60
            sys.stderr.write(f"{count}/{len(jobs)} runs, about {left:.0f} min left   \r")
    found = {cell.name: {arm: [played.get(cell, arm, seed) for seed in seeds] for arm in arms} for cell in cells}
    told = {name: entry(runs) for name, runs in found.items()}
    for name, one in told.items():
        show(name, one)
    plot(options.out.with_suffix(".png"), found)
    report = {"seeds": options.seeds, "cells": [asdict(cell) for cell in cells], "sets": told}
    write_report(options.out.with_suffix(".json"), report)


if __name__ == "__main__":
    main()
