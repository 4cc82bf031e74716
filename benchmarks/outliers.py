"""Learning where part of the pool is out of scope: what each arm learns, and what of its budget it spends outside.

    python -m benchmarks.outliers --shared ../shared/data --seeds 10 --out benchmarks/out/outliers
    python -m benchmarks.outliers --sets "clinc150 far 50 %" --arms margin_closed_top,full --seeds 2
    python -m benchmarks.outliers --search

Printed, and written to OUT.json and OUT.png: area under the curve of the accuracy in scope, the full method against
every other arm (paired over seeds, 95 % interval, Holm-corrected permutation tests), the share of the labels bought for
training that is out of scope, AUROC of P(out of scope) on test items of which some are. What has been played is kept in
OUT.runs.jsonl and not played again by the same code.

Accuracy is told in two ways, both on test items in scope alone. "inside": the likeliest of the K classes, as its
authors do; it asks every arm the same, and is the one by which arms are compared. "with": the likeliest of all K + 1,
wrong where it is the extra one; an arm without the extra class cannot be wrong in that way, nor can it ever say that
something is out of scope: that is what the AUROC tells.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from alcore import evaluation
from alcore.protocols import Model
from alcore.simulation import Plan, Run, Task, simulate
from benchmarks import outlier_sets
from benchmarks.comparing import holm, permutation_p
from benchmarks.machine import write_report
from benchmarks.outlier_models import Closed, Filtered, Joint, Single
from benchmarks.outlier_sets import SEARCH_SETS, SETS, Set
from benchmarks.played import CODE, Played
from models_zoo import device, heads
from models_zoo.training import TrainingConfig

FULL = "full"
MARGIN = "margin_closed_top"  # as libraries offer it
USUAL = "auto"


@dataclass(frozen=True)
class Arm:
    """What is played. as_model: what of the model it uses. cleaning is on in the product's own way alone."""

    strategy: str
    guards: tuple[str, ...] = ()
    spread: bool = True
    semi_supervised: bool = False
    as_model: type[Joint] = Joint
    bootstrap: bool = False
    cleaning: bool = False


GUARD = ("in_scope",)
ARMS: dict[str, Arm] = {
    "random": Arm("random"),
    MARGIN: Arm("margin", spread=False, as_model=Closed),
    "bald_closed_top": Arm("bald", spread=False, as_model=Closed),
    "margin_filter_top": Arm("margin", spread=False, as_model=Filtered),
    "margin_closed": Arm("margin", as_model=Closed),
    "margin_filter": Arm("margin", as_model=Filtered),
    "margin": Arm("margin"),
    "margin+in_scope": Arm("margin", GUARD),
    "vr_bald": Arm("vr_bald", spread=False, bootstrap=True),
    "vr_bald_pseudo": Arm("vr_bald", spread=False, semi_supervised=True, bootstrap=True),
    USUAL: Arm("auto", cleaning=True),
    FULL: Arm("auto", GUARD, semi_supervised=True),
    "full-joint": Arm("auto", GUARD, semi_supervised=True, as_model=Closed),
    "full-pseudo": Arm("auto", GUARD),
    "full-ensemble": Arm("auto", GUARD, semi_supervised=True, as_model=Single),
    "full-guard": Arm("auto", semi_supervised=True),
}


@dataclass
class Scoped(Run):
    """A run, and what the model that serves says of test items after each round.

    inside: accuracy in scope among the K classes. whole: accuracy over all test items among K + 1. auroc: of what is
    out of scope. trained: labels bought for training.
    """

    inside: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    auroc: list[float] = field(default_factory=list)
    trained: list[int] = field(default_factory=list)

    @property
    def inside_area(self) -> float:
        return evaluation.area_under_curve(np.array(self.labels, dtype=float), np.array(self.inside))

    @property
    def spent_outside(self) -> float:
        """Of the labels bought for training."""
        return self.out_of_scope_bought[-1] / self.trained[-1]


def play(wanted: Set, arm: str, seed: int, shared: Path, head: str) -> tuple[Set, str, int, Scoped]:
    device.use_threads(1)
    warnings.filterwarnings("ignore", "The number of unique classes")  # of few labels, most are of a class of their own
    task, chosen = outlier_sets.task(wanted, shared, seed), ARMS[arm]
    model = chosen.as_model(heads.make(head, TrainingConfig(bootstrap=chosen.bootstrap)))
    plan = Plan(
        chosen.strategy,
        seed,
        wanted.batch,
        wanted.budget,
        cleaning=chosen.cleaning,
        spread=chosen.spread,
        guards=chosen.guards,
        semi_supervised=chosen.semi_supervised,
    )
    said: list[tuple[float, float, float, int]] = []
    run = simulate(task, plan, model, judge=lambda served, trained: said.append((*judged(served, task), trained)))
    columns = {
        name: list(column)
        for name, column in zip(("inside", "whole", "auroc", "trained"), zip(*said, strict=True), strict=True)
    }
    return wanted, arm, seed, Scoped(**{**vars(run), **columns})


def judged(served: Model | None, task: Task) -> tuple[float, float, float]:
    """Accuracy among the K classes, on all test items among K + 1, and AUROC; of chance without a model."""
    inside = task.test_labels < task.classes
    if not isinstance(served, Joint):
        return 1 / task.classes, 1 / (task.classes + 1), 0.5
    right = served.inside(task.test[inside]).argmax(axis=1) == task.test_labels[inside]
    whole = served.predict_probs(task.test).argmax(axis=1) == task.test_labels
    told = roc_auc_score(~inside, served.foreign(task.test)) if not inside.all() else 1.0
    return float(right.mean()), float(whole.mean()), float(told)


def compared(arms: dict[str, list[Scoped]]) -> dict[str, dict[str, Any]]:
    """Every arm's means, and the full method's area beyond it with interval and corrected p."""
    rng = np.random.default_rng(0)
    areas = {arm: np.array([run.inside_area for run in runs]) for arm, runs in arms.items()}
    entries: dict[str, dict[str, Any]] = {
        arm: {
            "inside_area": float(areas[arm].mean()),
            "with_area": float(np.mean([run.area for run in runs])),
            "inside": float(np.mean([run.inside[-1] for run in runs])),
            "with": float(np.mean([run.accuracy[-1] for run in runs])),
            "whole": float(np.mean([run.whole[-1] for run in runs])),
            "auroc": float(np.mean([run.auroc[-1] for run in runs])),
            "outside": list(evaluation.mean_interval(np.array([run.spent_outside for run in runs]))),
            "seconds": float(np.mean([sum(run.seconds) for run in runs])),
        }
        for arm, runs in arms.items()
    }
    others = [arm for arm in arms if arm != FULL and FULL in arms]
    ps = holm([permutation_p(areas[FULL] - areas[arm], rng) for arm in others]) if others else []
    for arm, p in zip(others, ps, strict=True):
        change = evaluation.paired_difference(areas[FULL], areas[arm])
        entries[arm] |= {"full_beyond": [change.mean, change.low, change.high], "p_holm": p}
    return entries


def table(name: str, entries: dict[str, dict[str, Any]]) -> str:
    """One set's arms, the best first."""
    head = f"  {'arm':18}{'inside':>8}{'full beyond it':>26}{'p':>8}{'with':>8}{'final':>7}{'with':>7}{'whole':>7}"
    lines = ["", name, f"{head}{'AUROC':>7}{'spent outside':>22}{'s':>6}"]
    for arm, one in sorted(entries.items(), key=lambda item: -item[1]["inside_area"]):
        told, p = "", ""
        if "full_beyond" in one:
            mean, low, high = (100 * value for value in one["full_beyond"])
            told, p = f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]", f"{one['p_holm']:.3f}"
        spent = "{:.3f} [{:.3f}, {:.3f}]".format(*one["outside"])
        finals = f"{one['with_area']:8.4f}{one['inside']:7.3f}{one['with']:7.3f}{one['whole']:7.3f}{one['auroc']:7.3f}"
        lines.append(f"  {arm:18}{one['inside_area']:8.4f}{told:>26}{p:>8}{finals}{spent:>22}{one['seconds']:6.1f}")
    return "\n".join(lines)


def goals(results: dict[str, dict[str, dict[str, Any]]], shares: dict[str, float]) -> str:
    """How many outliers the full method buys against margin without the extra class, its place, its cost at 0 %."""
    lines = [""]
    for name, entries in results.items():
        if FULL not in entries:
            continue
        best = max(entries, key=lambda arm: entries[arm]["inside_area"])
        line = f"{name}: best in scope {best}"
        if MARGIN in entries and shares[name]:
            line += (
                f"; full buys {entries[FULL]['outside'][0] / entries[MARGIN]['outside'][0]:.2f} of {MARGIN}'s outliers"
            )
        if USUAL in entries and "full_beyond" in entries[USUAL]:
            line += "; full - auto {:+.4f} [{:+.4f}, {:+.4f}]".format(*entries[USUAL]["full_beyond"])
        lines.append(line)
    return "\n".join(lines)


def draw(path: Path, results: dict[str, dict[str, list[Scoped]]]) -> None:
    """Mean accuracy in scope over labels, and outliers bought, a column for each set."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(results), figsize=(5 * len(results), 8), squeeze=False)
    for column, (name, arms) in enumerate(results.items()):
        for arm, runs in arms.items():
            for row, told in enumerate(("inside", "out_of_scope_bought")):
                mean = np.mean([getattr(run, told) for run in runs], axis=0)
                style = {"color": "black", "linewidth": 2.2} if arm == FULL else {"linewidth": 1}
                axes[row, column].plot(runs[0].labels, mean, label=arm, **style)
        axes[0, column].set(title=name, ylabel="accuracy in scope")
        axes[1, column].set(xlabel="labels spent", ylabel="out of scope among them")
    axes[0, 0].legend(fontsize=6)
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def play_all(options: argparse.Namespace, sets: list[Set], arms: list[str], played: Played) -> None:
    """Play what has not been played yet."""
    cells = [
        (wanted, arm, seed)
        for seed in range(options.seeds)
        for wanted in sets
        for arm in arms
        if played.get(wanted, arm, seed) is None
    ]
    if not cells:
        return
    start = time.monotonic()
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(play, *cell, options.shared, options.head) for cell in cells]
        for count, done in enumerate(as_completed(waiting), start=1):
            played.add(*done.result())
            left = (time.monotonic() - start) / count * (len(cells) - count)
            end = "\n" if count == len(cells) else "\r"
            sys.stderr.write(f"{count}/{len(cells)} runs, about {left / 60:.0f} min left   {end}")


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--sets", default="", help=f"of {', '.join(s.name for s in SETS)}; all by default")
    parser.add_argument("--search", action="store_true", help="the sets on which constants are chosen instead")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--head", choices=["linear", "mlp"], default="linear")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/outliers"))
    return parser.parse_args()


def main() -> None:
    options = options_of()
    arms = options.arms.split(",")
    if wrong := [arm for arm in arms if arm not in ARMS]:
        raise SystemExit(f"There is no arm {wrong[0]!r}: name some of {', '.join(ARMS)}.")
    known = SEARCH_SETS if options.search else SETS
    sets = [one for one in known if not options.sets or one.name in options.sets.split(",")]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    suffix = f".{options.head}.runs.jsonl"
    played = Played(
        options.out.with_suffix(suffix),
        Scoped,
        (*CODE, "benchmarks/outlier_models.py", "benchmarks/outlier_sets.py", "benchmarks/patches.py"),
    )
    play_all(options, sets, arms, played)
    runs = {
        one.name: {arm: [played.get(one, arm, seed) for seed in range(options.seeds)] for arm in arms} for one in sets
    }
    results = {name: compared(found) for name, found in runs.items()}
    for name, entries in results.items():
        print(table(name, entries))
    print(goals(results, {one.name: one.share for one in sets}))
    draw(options.out.with_suffix(".png"), runs)
    write_report(options.out.with_suffix(".json"), {"seeds": options.seeds, "head": options.head, "sets": results})


if __name__ == "__main__":
    main()
