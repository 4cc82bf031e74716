"""A class that nobody has named, among scattered out-of-scope answers: how often it is found, and what else is told.

    python -m benchmarks.novelty --shared ../shared/data --seeds 20 --json benchmarks/out/novelty.json

A seed draws the class that is hidden, up to 30 others that are labelled, and items that belong to none of them. Printed
for every set and every mixture of hidden and scattered answers: found (an offer most of which is of the class, and
which holds half of what was answered of it), how pure that offer is and how much of the class it holds, false offers a
run, seconds. clinc150 brings its own queries that are out of scope, the pictures things from another set. Constants of
`alcore.novelty` were chosen on other sets: mnist, trec6, sms_spam and letter.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from alcore import novelty
from alcore.evaluation import mean_interval
from alcore.intervals import wilson
from alcore.protocols import Ints
from benchmarks import outlier_sets
from benchmarks.machine import write_report
from benchmarks.outlier_sets import OUTSIDE, Source
from models_zoo import device

SETS = {"clinc150": "clinc", "fashion_mnist + mnist": "fashion", "cifar10n + cifar100": "cifar"}
CLASSES = 30  # labelled at most
LABELS = 300
MIXTURES = ((38, 60), (15, 60), (38, 200), (0, 60), (0, 200))  # of the hidden class, scattered
HALF = 0.5
COLUMNS = {"set": -24, "hidden": 8, "scattered": 11, "found (95 %)": 20, "purity": 8, "held": 7, "false a run": 22}
HEADING = "".join(f"{name:<{-width}}" if width < 0 else f"{name:>{width}}" for name, width in COLUMNS.items())


@dataclass(frozen=True)
class Draw:
    """One look at the answers. purity, held: of the offer that found the class; None where none did."""

    found: bool
    purity: float | None
    held: float | None
    false: int
    seconds: float


def drawn(source: Source, mixture: tuple[int, int], seed: int) -> tuple[Ints, Ints, int]:
    """Items answered "out of scope", items labelled, and the class that is hidden."""
    rng = np.random.default_rng([seed, 37])
    hidden, *named = rng.permutation(np.unique(source.labels[source.labels != OUTSIDE])).tolist()

    def some(of: list[int], count: int) -> Ints:
        return rng.permutation(np.flatnonzero(np.isin(source.labels, of)))[:count]

    answered = rng.permutation(np.concatenate([some([hidden], mixture[0]), some([OUTSIDE], mixture[1])]))
    return answered, some(named[:CLASSES], LABELS), hidden


def look(source: Source, mixture: tuple[int, int], seed: int) -> Draw:
    """Look once, as a round does."""
    answered, labeled, hidden = drawn(source, mixture, seed)
    rows, known = (source.features[items].astype(np.float32) for items in (answered, labeled))
    start = time.perf_counter()
    groups = novelty.look_alike(rows, known, source.labels[labeled], seed=seed)
    seconds = time.perf_counter() - start
    own = source.labels[answered] == hidden
    offers = [(float(own[group.items].mean()), float(own[group.items].sum() / max(1, own.sum()))) for group in groups]
    right = [offer for offer in offers if offer[0] > HALF]
    purity, held = max((offer for offer in right if offer[1] >= HALF), default=(None, None))
    return Draw(purity is not None, purity, held, len(offers) - len(right), seconds)


def entry(runs: list[Draw]) -> dict[str, object]:
    found = [run for run in runs if run.found]
    return {
        "found": [len(found) / len(runs), *wilson(len(found), len(runs))],
        "purity": float(np.mean([run.purity for run in found])) if found else None,
        "held": float(np.mean([run.held for run in found])) if found else None,
        "false": list(mean_interval(np.array([run.false for run in runs], dtype=float))),
        "seconds": float(np.mean([run.seconds for run in runs])),
        "runs": [asdict(run) for run in runs],
    }


def line(name: str, mixture: tuple[int, int], one: dict[str, object]) -> str:
    told = "{:.2f} [{:.2f}, {:.2f}]".format(*one["found"]) if mixture[0] else ""  # type: ignore[misc]
    shares = [f"{value:.2f}" if isinstance(value, float) else "" for value in (one["purity"], one["held"])]
    false = "{:.2f} [{:.2f}, {:.2f}]".format(*one["false"])  # type: ignore[misc]
    counts = f"{name:24}{mixture[0]:>8}{mixture[1]:>11}"
    return f"{counts}{told:>20}{shares[0]:>8}{shares[1]:>7}{false:>22}{one['seconds']:7.2f}"


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/out/novelty.json"))
    return parser.parse_args()


def main() -> None:
    options = options_of()
    device.use_threads(1)
    print(f"{HEADING}{'s':>7}")
    figures = []
    for name, kind in SETS.items():
        sys.stderr.write(f"{name}: reading\n")
        source = outlier_sets.source(kind, options.shared)
        for mixture in MIXTURES:
            one = entry([look(source, mixture, seed) for seed in range(options.seeds)])
            print(line(name, mixture, one), flush=True)
            figures.append({"set": name, "hidden": mixture[0], "scattered": mixture[1], **one})
    write_report(options.json, {"seeds": options.seeds, "looks": figures})


if __name__ == "__main__":
    main()
