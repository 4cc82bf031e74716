"""Data sets with known labels for `manage.py simulate`: scikit-learn's digits, .npz arrays, or a CSV."""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from alcore.simulation import Task
from annotator import vectors
from models_zoo import encoders
from models_zoo.encoders.pixels import SIDE
from models_zoo.training import TrainingConfig

TEST_NAMES = ("test", "eval", "validation", "valid", "val", "dev")
HELD_OUT = 0.2
# what may encode each, the usual one first
ENCODERS = {"texts": ("lsa", "words"), "images": ("pixels", "raw"), "rows": ("columns",), "vectors": ("vectors",)}
PRETRAINED = {"texts": "sentences", "images": "images"}


class DataError(ValueError):
    """The data cannot be used as told; the message names what was wrong and what would be right."""


@dataclass(frozen=True)
class Columns:
    """Which columns of a CSV are what."""

    text: str | None = None
    features: tuple[str, ...] = ()
    label: str = "label"
    split: str | None = None
    out_of_scope: str | None = None


@dataclass(frozen=True)
class Dataset:
    """features: (items, D). labels: (items,) in 0..K, K for out of scope. test: (items,) or None for no split.

    shape: of the images that rows of features are; None where they are none.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    test: NDArray[np.bool_] | None
    classes: int
    encoder: str
    shape: tuple[int, ...] | None = None

    def task(self, seed: int, limit: int | None) -> Task:
        """The pool (at most `limit` items, drawn by the seed), the test items, and folds."""
        rng = np.random.default_rng([seed, 7])
        order = rng.permutation(len(self.labels))
        test = self.test
        if test is None:
            test = np.isin(np.arange(len(order)), order[: int(HELD_OUT * len(order))])
        pool = order[~test[order]][:limit]
        held = np.flatnonzero(test)
        return Task(
            self.features[pool],
            self.labels[pool],
            self.features[held],
            self.labels[held],
            rng.integers(0, TrainingConfig().members, len(pool)),
            self.classes,
        )


def read(data: str, columns: Columns, *, encoder: str = "") -> Dataset:
    """Read and encode; raises DataError. encoder: a name or a pretrained model's folder; empty: the usual one."""
    if data == "digits":
        digits = load_digits()
        return _of_pixels(digits.images * (255 / 16), digits.target, None, encoder)
    path = Path(data)
    if not path.is_file():
        raise DataError(f"{data} is no file. Give `digits`, a .npz file or a .csv or .csv.gz file.")
    if path.suffix == ".npz":
        return _read_npz(path, encoder)
    if path.name.endswith((".csv", ".csv.gz")):
        return _read_csv(path, columns, encoder)
    raise DataError(f"{path.name} is of no known kind. Give `digits`, a .npz file or a .csv or .csv.gz file.")


def _read_npz(path: Path, encoder: str) -> Dataset:
    with np.load(path, allow_pickle=False) as arrays:
        names = ("x", "y") if "x" in arrays and "y" in arrays else ("x_train", "y_train")
        if missing := [name for name in names if name not in arrays]:
            raise DataError(f"{path.name} lacks {', '.join(missing)}; it holds {', '.join(arrays.files)}.")
        x, y, test = arrays[names[0]], arrays[names[1]], None
        if "x_test" in arrays and "y_test" in arrays:
            test = np.arange(len(x) + len(arrays["x_test"])) >= len(x)
            x, y = np.concatenate([x, arrays["x_test"]]), np.concatenate([y, arrays["y_test"]])
    if x.ndim == 2:
        if encoder:
            raise DataError(f"{path.name} holds rows of numbers; the encoder {encoder} is not for them.")
        encoded = encoders.encode_numbers(x)
        positions, classes = _positions(y.tolist(), None)
        return Dataset(encoded.features, positions, test, classes, encoded.fingerprint)
    return _of_pixels(x, y, test, encoder)


def _of_pixels(images: NDArray[Any], labels: NDArray[Any], test: NDArray[np.bool_] | None, encoder: str) -> Dataset:
    encoded = _encoded(images, "images", encoder)
    positions, classes = _positions(labels.tolist(), None)
    shape = (SIDE, SIDE) if encoder == "raw" else None
    return Dataset(encoded.features, positions, test, classes, encoded.fingerprint, shape)


def _read_csv(path: Path, columns: Columns, encoder: str) -> Dataset:
    rows = _rows(path)
    known = list(rows[0])
    for name in filter(None, (columns.label, columns.text, columns.split, *columns.features)):
        if name not in known:
            raise DataError(f"{path.name} has no column {name!r}; it has {', '.join(known)}.")
    positions, classes = _positions([row[columns.label] for row in rows], columns.out_of_scope)
    encoded = _encode(rows, columns, encoder)
    return Dataset(encoded.features, positions, _split(rows, columns), classes, encoded.fingerprint)


def _rows(path: Path) -> list[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise DataError(f"{path.name} has no rows below its header.")
    return rows


def _encode(rows: list[dict[str, str]], columns: Columns, encoder: str) -> encoders.Encoded:
    if encoder == "vectors":
        return _encoded([_vector(line, row) for line, row in enumerate(rows, start=2)], "vectors", encoder)
    if columns.text:
        return _encoded([row[columns.text] for row in rows], "texts", encoder)
    names = columns.features or tuple(name for name in rows[0] if name not in (columns.label, columns.split))
    return _encoded([{name: row[name] for name in names} for row in rows], "rows", encoder)


def _vector(row_number: int, row: dict[str, str]) -> NDArray[np.float32]:
    try:
        return np.frombuffer(vectors.packed(row.get("vector", "")), dtype="<f4")
    except ValueError as error:
        raise DataError(f"Row {row_number}: column 'vector' {error}") from error


def _encoded(items: Any, what: str, encoder: str) -> encoders.Encoded:
    """The items by the encoder of that name, by the pretrained model in that folder, or by the usual one."""
    name, model = encoder or ENCODERS[what][0], ""
    if what in PRETRAINED and encoder and Path(encoder).is_dir():
        name, model = PRETRAINED[what], encoder
    elif name not in ENCODERS[what]:
        known = ", ".join(ENCODERS[what]) + (", or a pretrained model's folder" if what in PRETRAINED else "")
        raise DataError(f"There is no encoder {encoder} for {what}; there is {known}.")
    try:
        return encoders.encode_all(encoders.make(name, model=model), items, seed=0)
    except ValueError as error:
        raise DataError(str(error)) from error


def _split(rows: list[dict[str, str]], columns: Columns) -> NDArray[np.bool_] | None:
    if columns.split is None:
        return None
    test = np.array([row[columns.split].strip().lower() in TEST_NAMES for row in rows])
    if not test.any() or test.all():
        seen, wanted = sorted({row[columns.split] for row in rows})[:8], " or ".join(TEST_NAMES)
        raise DataError(f"Column {columns.split!r} must say {wanted} for the test rows; it says {seen}.")
    return test


def _positions(labels: list[Any], out_of_scope: str | None) -> tuple[NDArray[np.int64], int]:
    """Labels as positions 0..K-1 in sorted order, the out-of-scope value as K; and K."""
    names = sorted({label for label in labels if out_of_scope is None or str(label) != out_of_scope})
    if len(names) < 2:
        raise DataError(f"There must be at least two labels; there is only {names}.")
    position = {name: number for number, name in enumerate(names)}
    return np.array([position.get(label, len(names)) for label in labels], dtype=np.int64), len(names)
