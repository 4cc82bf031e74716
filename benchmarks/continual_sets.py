"""The data sets of the benchmark of continual training: pools, corruptions, and streams that evolve."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alcore.protocols import Floats, Ints
from benchmarks.chain import Change, Data
from models_zoo import encoders
from models_zoo.encoders.words import BUCKETS, IDS, UNIT

TEST = 2_000
STAGES = 5  # of classes that arrive
DOMAINS = 3
Stage = tuple[Floats, Ints, Floats, Ints]


@dataclass(frozen=True)
class Set:
    """A set as it is played. labels: spent in the end, whatever the number of rounds."""

    name: str
    kind: str
    head: str
    labels: int = 1_000
    pool: int = 4_000


SETS = (
    Set("fashion", "fashion", "network"),
    Set("cifar10n", "cifar10n", "network"),
    Set("ag_news", "ag_news", "text"),
    Set("letter", "letter", "mlp", labels=2_000, pool=8_000),
    Set("letter linear", "letter", "linear", labels=2_000, pool=8_000),
    Set("ag_news adapter", "ag_news lsa", "adapter"),
)
# for choosing constants, never reported
SEARCH_SETS = (
    Set("mnist", "mnist", "network"),
    Set("trec6", "trec6", "text"),
    Set("clinc20", "clinc20", "mlp", pool=1_900),
)


def load(wanted: Set, shared: Path, seed: int) -> Data:
    """The pool and the test items, drawn by the seed."""
    features, labels, shape, corruptions = READERS[wanted.kind](shared)
    order = np.random.default_rng([seed, 3]).permutation(len(labels))
    test, pool = order[:TEST], order[TEST : TEST + wanted.pool]
    if len(labels) < TEST + wanted.pool // 2:
        test, pool = order[: len(order) // 4], order[len(order) // 4 :]
    classes = int(labels.max()) + 1
    return Data(features[pool], labels[pool], features[test], labels[test], classes, wanted.head, shape, corruptions)


def class_stages(data: Data, seed: int, spent: int) -> list[Stage]:
    """A few classes at a time arrive, `spent` labels in all."""
    order = np.random.default_rng([seed, 23]).permutation(data.classes)
    stages = []
    for classes in np.array_split(order, min(STAGES, data.classes // 2)):
        pool, test = (np.flatnonzero(np.isin(labels, classes)) for labels in (data.pool_labels, data.test_labels))
        pool = pool[: spent * len(classes) // data.classes]
        stages.append((data.pool[pool], data.pool_labels[pool], data.test[test], data.test_labels[test]))
    return stages


def domain_stages(data: Data, seed: int, spent: int) -> list[Stage]:
    """The same classes in another look each time: pictures inverted and turned, words and columns moved about."""
    per, stages = spent // DOMAINS, []
    for number in range(DOMAINS):
        rows = slice(number * per, (number + 1) * per)
        change = _look(data, number, np.random.default_rng([seed, 29, number]))
        pool, test = change(data.pool[rows]), change(data.test)
        stages.append((pool, data.pool_labels[rows], test, data.test_labels))
    return stages


def _look(data: Data, number: int, rng: np.random.Generator) -> Callable[[Floats], Floats]:
    if not number:
        return lambda rows: rows
    if data.shape is not None:
        images = _images(data.shape)
        return (lambda rows: 1 - rows) if number == 1 else (lambda rows: _flat(np.rot90(images(rows), axes=(2, 3))))
    if data.head == "text":
        return lambda rows: _other_words(rows, 7_919 * number)
    order = rng.permutation(data.pool.shape[1])
    return lambda rows: rows[:, order]


def _other_words(rows: Floats, shift: int) -> Floats:
    """The same texts in words that were never seen: hashes moved on."""
    out = rows.copy()
    tokens = out[:, -IDS:]
    ids = np.rint(tokens / UNIT).astype(np.int64)
    tokens[:] = np.where(ids > 0, (ids - 1 + shift) % (BUCKETS - 1) + 1, 0) * UNIT
    return out


def _images(shape: tuple[int, ...]) -> Callable[[Floats], Any]:
    whole = (1, *shape) if len(shape) == 2 else shape
    return lambda rows: rows.reshape(-1, *whole)


def _flat(images: Any) -> Floats:
    return np.ascontiguousarray(images.reshape(len(images), -1), dtype=np.float32)


def _of_pictures(shape: tuple[int, ...]) -> dict[str, Change]:
    images = _images(shape)

    def blurred(rows: Floats, rng: np.random.Generator) -> Floats:
        wide = np.pad(images(rows), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
        height, width = shape[-2:]
        parts = [wide[:, :, y : y + height, x : x + width] for y in range(3) for x in range(3)]
        return _flat(np.mean(parts, axis=0))

    return {
        "noise": lambda rows, rng: np.clip(rows + rng.normal(scale=0.15, size=rows.shape), 0, 1),
        "blur": blurred,
        "contrast": lambda rows, rng: (
            0.4 * (rows - rows.mean(axis=1, keepdims=True)) + rows.mean(axis=1, keepdims=True)
        ),
    }


def _fewer_words(rows: Floats, rng: np.random.Generator) -> Floats:
    out = rows.copy()
    out[:, -IDS:] *= rng.random((len(rows), IDS)) >= 0.3
    return out


def _noisy(rows: Floats, rng: np.random.Generator) -> Floats:
    return rows + rng.normal(scale=0.3, size=rows.shape) * rows.std(axis=0)


Read = tuple[Floats, Ints, tuple[int, ...] | None, dict[str, Change]]


def _pictures(path: Path, names: tuple[str, str] = ("x", "y")) -> Read:
    with np.load(path, allow_pickle=False) as arrays:
        known = names if names[0] in arrays else ("x_train", "y_train")
        x, y = arrays[known[0]], arrays[known[1]]
    shape = x.shape[1:]
    return _flat(x / np.float32(255)), y.astype(np.int64), shape, _of_pictures(shape)


def _cifar(shared: Path) -> Read:
    with np.load(shared / "cifar10n/images.npz", allow_pickle=False) as arrays:
        x = arrays["x"].transpose(0, 3, 1, 2) / np.float32(255)
    rows = _rows(shared / "cifar10n/labels.csv.gz")[: len(x)]
    return _flat(x), np.array([int(row["clean"]) for row in rows]), (3, 32, 32), _of_pictures((3, 32, 32))


def _texts(path: Path, label: str, encoder: str, only: Callable[[dict[str, str]], bool] = lambda row: True) -> Read:
    rows = [row for row in _rows(path) if only(row)]
    encoded = encoders.encode_all(encoders.make(encoder), [row["text"] for row in rows], seed=0)
    change: dict[str, Change] = {"words left out": _fewer_words} if encoder == "words" else {"noise": _noisy}
    return encoded.features, _positions([row[label] for row in rows]), None, change


def _table(path: Path) -> Read:
    rows = _rows(path)
    names = [name for name in rows[0] if name not in ("label", "split")]
    encoded = encoders.encode_all(encoders.make("columns"), [{n: row[n] for n in names} for row in rows], seed=0)
    return encoded.features, _positions([row["label"] for row in rows]), None, {"noise": _noisy}


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _positions(labels: list[str]) -> Ints:
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _clinc20(shared: Path) -> Read:
    rows = _rows(shared / "clinc150/clinc150.csv.gz")
    some = sorted({row["intent"] for row in rows if row["intent"] != "oos"})[::8][:20]
    return _texts(shared / "clinc150/clinc150.csv.gz", "intent", "lsa", lambda row: row["intent"] in some)


READERS: dict[str, Callable[[Path], Read]] = {
    "fashion": lambda shared: _pictures(shared / "fashion_mnist/fashion_mnist.npz"),
    "cifar10n": _cifar,
    "ag_news": lambda shared: _texts(shared / "ag_news/ag_news.csv.gz", "label", "words"),
    "ag_news lsa": lambda shared: _texts(shared / "ag_news/ag_news.csv.gz", "label", "lsa"),
    "letter": lambda shared: _table(shared / "letter/letter.csv.gz"),
    "mnist": lambda shared: _pictures(shared / "mnist_10k/mnist_10k.npz"),
    "trec6": lambda shared: _texts(shared / "trec6/trec6.csv.gz", "label", "words"),
    "clinc20": _clinc20,
}
