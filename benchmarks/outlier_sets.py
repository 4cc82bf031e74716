"""The data sets of the benchmark of outliers: pools with a share out of scope, and test items with some of it."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcore.protocols import Floats, Ints
from alcore.simulation import Task
from benchmarks import efficiency, patches
from models_zoo import encoders
from models_zoo.training import TrainingConfig

OUTSIDE = -1  # among labels by kind of item: what no class of the pool is
TEST_INSIDE, TEST_OUTSIDE = 2_000, 300
DOMAINS = 2  # of clinc150's ten in scope, 30 intents; near outliers are of five others
NEAR_DOMAINS = 5
INTENTS = 20  # in scope, when constants are chosen


@dataclass(frozen=True)
class Set:
    """A set as it is played. share: of the pool out of scope; fewer items where outliers do not reach."""

    name: str
    kind: str
    share: float = 0.5
    batch: int = 25
    budget: int = 400
    pool: int = 2_000


SETS = (
    Set("clinc150 0 %", "clinc far", 0.0),
    Set("clinc150 far 20 %", "clinc far", 0.2),
    Set("clinc150 far 50 %", "clinc far", 0.5),
    Set("clinc150 far 80 %", "clinc far", 0.8),
    Set("clinc150 near 20 %", "clinc near", 0.2),
    Set("clinc150 near 50 %", "clinc near", 0.5),
    Set("clinc150 near 80 %", "clinc near", 0.8),
    Set("fashion + mnist", "fashion", 0.5, 20, 300, 3_000),
    Set("cifar10n + cifar100", "cifar", 0.5, 30, 450, 1_400),
)
# for choosing constants, never reported
SEARCH_SETS = (
    Set("mnist foreign", "mnist foreign", 0.5, 20, 300, 5_000),
    Set("mnist overrun", "mnist overrun", 0.8, 20, 300, 5_000),
    Set("mnist", "mnist", 0.0, 20, 300, 5_000),
    Set("clinc20 foreign", "clinc20 foreign", 0.5, 20, 300),
    Set("clinc20 overrun", "clinc20 overrun", 0.8, 20, 300),
    Set("clinc20", "clinc20", 0.0, 20, 300),
    Set("clinc20 far 5 %", "clinc20 far", 0.05, 20, 300, 4_000),
    Set("clinc20 far 50 %", "clinc20 far", 0.5, 20, 300, 4_000),
    Set("clinc20 far 80 %", "clinc20 far", 0.8, 20, 300, 2_000),
)


@dataclass(frozen=True)
class Source:
    """Items with what they are. labels: (n,), 0 or more of a class, OUTSIDE for none. test: (n,) held out."""

    features: Floats
    labels: Ints
    test: NDArray[np.bool_]
    domains: tuple[tuple[int, ...], ...] = ()


def task(wanted: Set, shared: Path, seed: int) -> Task:
    """The pool with its share of outliers, and the test items with some, drawn by the seed."""
    rng = np.random.default_rng([seed, 23])
    if wanted.kind in [one.name for one in efficiency.SEARCH_SETS]:
        return _searched(wanted, shared, seed)
    found = source(wanted.kind.split()[0], shared)
    inside, outside = _scope(wanted, found, rng)
    place = np.full(found.labels.max() + 2, OUTSIDE)
    place[inside] = np.arange(len(inside))
    place[outside] = len(inside)
    labels = place[found.labels]
    parts = [
        rng.permutation(np.flatnonzero((found.test == held) & (labels >= 0) & ((labels == len(inside)) == foreign)))
        for held in (False, True)
        for foreign in (False, True)
    ]
    foreign = min(int(wanted.share * wanted.pool), len(parts[1]))
    familiar = int(foreign / wanted.share * (1 - wanted.share)) if wanted.share else wanted.pool
    pool = rng.permutation(np.concatenate([parts[0][:familiar], parts[1][:foreign]]))
    test = np.concatenate([parts[2][:TEST_INSIDE], parts[3][:TEST_OUTSIDE]])
    folds = rng.integers(0, TrainingConfig().members, len(pool))
    return Task(found.features[pool], labels[pool], found.features[test], labels[test], folds, len(inside))


def _scope(wanted: Set, source: Source, rng: np.random.Generator) -> tuple[Ints, Any]:
    """Labels in scope, and those (or OUTSIDE) that are not."""
    if not source.domains:
        return np.unique(source.labels[source.labels >= 0]), OUTSIDE
    if wanted.kind.startswith("clinc20"):
        every = np.concatenate([np.array(domain) for domain in source.domains])
        return rng.permutation(every)[:INTENTS], OUTSIDE
    order = [np.array(source.domains[at]) for at in rng.permutation(len(source.domains))]
    near = np.concatenate(order[DOMAINS : DOMAINS + NEAR_DOMAINS])
    return np.concatenate(order[:DOMAINS]), near if wanted.kind.endswith("near") else OUTSIDE


def _searched(wanted: Set, shared: Path, seed: int) -> Task:
    """As `benchmarks.efficiency --search` plays it."""
    one = next(one for one in efficiency.SEARCH_SETS if one.name == wanted.kind)
    return efficiency.changed(_read(one, shared).task(seed, one.limit), one.change, seed)


@cache
def _read(one: efficiency.Set, shared: Path) -> Any:
    return efficiency.datasets.read(str(shared / one.path), one.columns)


@cache
def source(kind: str, shared: Path) -> Source:
    """All items of a kind, one of SOURCES."""
    return SOURCES[kind](shared)


def _clinc(shared: Path) -> Source:
    """Its own queries that are out of scope; of those for testing 300 stay so, the others fill the pool."""
    rows = _clinc_rows(shared)
    names = sorted({row["intent"] for row in rows if row["intent"] != "oos"})
    number = {name: at for at, name in enumerate(names)} | {"oos": OUTSIDE}
    domains: dict[str, set[int]] = {}
    for row in rows:
        if row["domain"] != "oos":
            domains.setdefault(row["domain"], set()).add(number[row["intent"]])
    labels = np.array([number[row["intent"]] for row in rows])
    test = np.array([row["split"] in ("test", "val") for row in rows])
    foreign = np.flatnonzero((labels == OUTSIDE) & np.array([row["split"] == "test" for row in rows]))
    test[labels == OUTSIDE] = False
    test[np.random.default_rng(0).permutation(foreign)[:TEST_OUTSIDE]] = True
    features = encoders.encode_texts([row["text"] for row in rows], seed=0).features
    return Source(features, labels, test, tuple(tuple(sorted(domains[name])) for name in sorted(domains)))


def _clinc_and_others(shared: Path) -> Source:
    """Its queries in scope, beside short messages and questions from elsewhere."""
    rows = [row for row in _clinc_rows(shared) if row["intent"] != "oos"]
    others = [
        row["text"].lower() for name in ("sms_spam", "trec6") for row in rows_of(shared / name / f"{name}.csv.gz")
    ]
    names = sorted({row["intent"] for row in rows})
    number = {name: at for at, name in enumerate(names)}
    labels = np.array([number[row["intent"]] for row in rows] + [OUTSIDE] * len(others))
    chance = np.random.default_rng(0).random(len(others)) < 0.2
    test = np.concatenate([np.array([row["split"] in ("test", "val") for row in rows]), chance])
    features = encoders.encode_texts([row["text"] for row in rows] + others, seed=0).features
    return Source(features, labels, test, (tuple(range(len(names))),))


def _fashion(shared: Path) -> Source:
    """Clothes, and digits as outliers."""
    with (
        np.load(shared / "fashion_mnist/fashion_mnist.npz") as clothes,
        np.load(shared / "mnist_10k/mnist_10k.npz") as d,
    ):
        pictures = np.concatenate([clothes["x_train"], clothes["x_test"], d["x"]])
        labels = np.concatenate([clothes["y_train"], clothes["y_test"], np.full(len(d["x"]), OUTSIDE)]).astype(np.int64)
        train = len(clothes["x_train"])
    test = np.arange(len(labels)) >= train
    outside = np.flatnonzero(labels == OUTSIDE)
    test[outside[: len(outside) // 2]] = False
    return Source(encoders.encode_pixels(pictures, seed=0).features, labels, test)


def _cifar(shared: Path) -> Source:
    """CIFAR-10 under its clean labels, and 1,000 pictures of other things, of which 300 are for testing."""
    with np.load(shared / "cifar10n/images.npz") as found:
        known, index = found["x"], found["index"]
    clean = {int(row["index"]): int(row["clean"]) for row in rows_of(shared / "cifar10n/labels.csv.gz")}
    with np.load(shared / "cifar100_outliers/cifar100_outliers.npz") as found:
        others = found["x"]
    labels = np.array([clean[int(at)] for at in index] + [OUTSIDE] * len(others))
    rng, test = np.random.default_rng(0), np.zeros(len(labels), dtype=bool)
    test[rng.permutation(len(known))[:TEST_INSIDE]] = True
    test[len(known) + rng.permutation(len(others))[:TEST_OUTSIDE]] = True
    return Source(patches.encode(np.concatenate([known, others])), labels, test)


SOURCES: dict[str, Callable[[Path], Source]] = {
    "clinc": _clinc,
    "clinc20": _clinc_and_others,
    "fashion": _fashion,
    "cifar": _cifar,
}


def _clinc_rows(shared: Path) -> list[dict[str, str]]:
    return rows_of(shared / "clinc150" / "clinc150.csv.gz")


def rows_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
