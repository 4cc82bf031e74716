"""A round on very many labels: what each step takes, and cleaning's share of it.

    python -m benchmarks.large_round --shared ../shared/data --labels 100000 --open 100000

Pictures of fashion_mnist, each also shifted by a pixel this way or that (a shifted one is a near-duplicate of its
original, and shares its fold), as the product encodes them; some labels are wrong, and some items have several votes.
Printed, and written to OUT.json: seconds of each step of `run_round`, beside it of what stands beside the suspects, and
the share of cleaning, both together, in the whole; how many flags there are and how many of them are wrong labels.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from alcore import confusing
from alcore.configuration import RoundConfig
from alcore.evidence import nearest
from alcore.inputs import RoundInput
from alcore.protocols import Floats, Ints
from alcore.rounds import RoundResult, run_round
from benchmarks.machine import write_report
from models_zoo import device, heads
from models_zoo.encoders.pixels import SIDE
from models_zoo.training import TrainingConfig

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1))
COMPONENTS = 128  # as the product's encoder of pixels
PEOPLE = (0.05, 0.1, 0.2)  # how often each errs
SHOWN = 500  # suspects that are shown with their neighbors


def features_of(pictures: Any, count: int) -> tuple[Floats, Ints]:
    """The first `count` of all pictures and their shifted copies, and which picture each one is of."""
    rng = np.random.default_rng(0)
    flat = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
    mean = flat.mean(axis=0)
    drawn = rng.permutation(len(flat))[:5_000]
    _, _, axes = np.linalg.svd(flat[drawn] - mean, full_matrices=False)
    rows, origin = [], []
    for down, right in SHIFTS:
        moved = np.roll(pictures, (down, right), axis=(1, 2)).reshape(len(pictures), SIDE * SIDE)
        rows.append((moved.astype(np.float32) / 255 - mean) @ axes[:COMPONENTS].T)
        origin.append(np.arange(len(pictures)))
    order = rng.permutation(sum(map(len, rows)))[:count]
    return np.concatenate(rows)[order].astype(np.float32), np.concatenate(origin)[order]


def input_of(options: argparse.Namespace) -> tuple[RoundInput, Ints]:
    """What the round sees, and the true labels."""
    with np.load(options.shared / "fashion_mnist/fashion_mnist.npz") as found:
        pictures = np.concatenate([found["x_train"], found["x_test"]])
        labels = np.concatenate([found["y_train"], found["y_test"]]).astype(np.int64)
    audit = 2_000
    features, origin = features_of(pictures, options.labels + options.open + audit)
    if len(features) < options.labels + options.open + audit:
        raise SystemExit(f"There are {len(features)} pictures with their shifted copies; ask for less.")
    truth, rng = labels[origin], np.random.default_rng(1)
    _, group = np.unique(origin, return_index=True)
    first = np.full(len(pictures), -1, dtype=np.int64)
    first[origin[group]] = group
    again = rng.permutation(options.labels)[: options.labels // 20]  # one in twenty has a second vote
    item = np.concatenate([np.arange(options.labels), again])
    person = np.concatenate([rng.integers(0, len(PEOPLE), options.labels), np.full(len(again), len(PEOPLE))])
    rate = np.array([*PEOPLE, PEOPLE[0]])[person]
    slip = rng.random(len(item)) < rate
    said = np.where(slip, (truth[item] + rng.integers(1, 10, len(item))) % 10, truth[item])
    rows = np.arange(len(features))
    return (
        RoundInput(
            features=features,
            folds=rng.integers(0, TrainingConfig().members, len(pictures))[origin],
            vote_item=item,
            vote_annotator=person,
            vote_label=said,
            open=(rows >= options.labels) & (rows < options.labels + options.open),
            trusted=np.zeros(len(features), dtype=bool),
            audit_item=rows[-audit:],
            audit_label=truth[-audit:],
            audit_reporting=np.arange(audit) % 2 == 0,
            groups=first[origin],
        ),
        truth,
    )


def beside(data: RoundInput, result: RoundResult) -> float:
    """Seconds for the neighbors of the worst suspects and the pairs of labels that are confused."""
    start = time.perf_counter()
    resolved, issues = result.resolved, result.issues[:SHOWN]
    features: Floats = np.asarray(data.features[resolved.items], dtype=np.float32)
    trusted = ~np.isin(resolved.items, [issue.item for issue in result.issues])
    asked = np.searchsorted(resolved.items, [issue.item for issue in issues])
    for wanted in ([issue.given for issue in issues], [issue.expected for issue in issues]):
        nearest.of_label(features, resolved.labels, trusted, asked, np.array(wanted, dtype=np.int64), count=3)
    told = ((issue.item, issue.given, issue.expected) for issue in result.issues)
    confusing.pairs(resolved.votes, resolved.items.tolist(), told)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--open", type=int, default=100_000, help="items that may be asked")
    parser.add_argument("--strategy", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="the product leaves one core to the pages")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/large_round"))
    options = parser.parse_args()
    device.use_threads(options.threads)
    data, truth = input_of(options)
    result = run_round(
        data, RoundConfig(labels=10, strategy=options.strategy, batch=40), heads.make("linear", TrainingConfig())
    )
    seconds = {**result.timings, "beside": beside(data, result)}
    whole = sum(seconds.values())
    for name, took in seconds.items():
        print(f"{name:10}{took:8.2f} s {took / whole:7.1%}")
    cleaning = (seconds["clean"] + seconds["beside"]) / whole
    flagged = [issue for issue in result.issues if issue.given != truth[issue.item]]
    promised = sum(1 - issue.quality for issue in result.issues)
    wrong = int((result.resolved.labels != truth[result.resolved.items]).sum())
    print(f"{'whole':10}{whole:8.2f} s; cleaning {cleaning:.1%}")
    told = f"{promised:.0f} of them promised to be wrong, {len(flagged)} are, of {wrong} wrong labels"
    print(f"{len(result.issues)} flags, {told}")
    write_report(
        options.out.with_suffix(".json"),
        {"labels": options.labels, "open": options.open, "seconds": seconds, "cleaning": cleaning,
         "flags": len(result.issues), "promised": promised, "right": len(flagged), "wrong": wrong},
    )  # fmt: skip


if __name__ == "__main__":
    main()
