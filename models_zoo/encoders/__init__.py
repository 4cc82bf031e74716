"""Raw items -> features: texts, images, table rows and vectors, each by an encoder with one contract (protocol.py).

`encode_*` fit and encode a whole set of items at once, for data that lies in memory.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_zoo.encoders.pixels import PixelPca, RawPixels, read_gray
from models_zoo.encoders.protocol import FIT_ROWS, VERSION, Encoder, Floats, State, sample_positions
from models_zoo.encoders.tables import Scaled, TypedColumns
from models_zoo.encoders.texts import HashedLsa, marks
from models_zoo.encoders.vectors import SKETCH, Sketch, Vectors
from models_zoo.encoders.words import HashedWords

Report = Callable[[float], None]
AT_ONCE = 1024  # items encoded between two reports

__all__ = [
    "FIT_ROWS", "SKETCH", "VERSION", "Encoded", "Encoder", "HashedLsa", "HashedWords", "PixelPca", "RawPixels",
    "Sketch", "State", "TypedColumns", "Vectors", "encode_all", "encode_images", "encode_numbers", "encode_pixels",
    "encode_table", "encode_texts", "make", "marks", "read_gray", "sample_positions",
]  # fmt: skip


@dataclass(frozen=True)
class Encoded:
    """features: (items, D) float32, finite. fingerprint: names encoder, version and fit."""

    features: Floats
    fingerprint: str


def make(name: str, *, seed: int = 0, model: str = "", hub: bool = False) -> Encoder:
    """An encoder by name: lsa, words, pixels, raw, columns, vectors, sentences or images; the last two need a model.

    Raises ValueError on another name, or a model that is not there.
    """
    if name in ("sentences", "images"):
        from models_zoo.encoders.pretrained import ImageEncoder, SentenceEncoder  # loads torch

        return (SentenceEncoder if name == "sentences" else ImageEncoder)(model, hub=hub)
    makers: dict[str, Callable[[], Encoder]] = {
        "lsa": lambda: HashedLsa(seed=seed),
        "words": lambda: HashedWords(seed=seed),
        "pixels": lambda: PixelPca(seed=seed),
        "raw": RawPixels,
        "columns": lambda: TypedColumns(seed=seed),
        "vectors": Vectors,
    }
    if name not in makers:
        raise ValueError(f"There is no encoder {name!r}; there are {', '.join(makers)}, sentences, images.")
    return makers[name]()


def encode_all(
    encoder: Encoder, items: Sequence[Any] | NDArray[Any], *, seed: int, report: Report | None = None
) -> Encoded:
    """Fit the encoder on a sample of the items, drawn by the seed, and encode them all."""
    encoder.fit(_picked(items, sample_positions(len(items), seed)))
    rows = []
    for start in range(0, len(items), AT_ONCE):
        rows.append(encoder.encode(list(items[start : start + AT_ONCE])))
        if report is not None:
            report(start / len(items))
    return Encoded(np.concatenate(rows), encoder.fingerprint)


def encode_texts(texts: Sequence[str], *, seed: int) -> Encoded:
    """Texts by TF-IDF and LSA, at most 256 dimensions, length 1; a text without any known word is a zero vector."""
    if not texts:
        return Encoded(np.zeros((0, 1), dtype=np.float32), f"text-lsa-{VERSION}-empty")
    return encode_all(HashedLsa(seed=seed), texts, seed=seed)


def encode_images(paths: Sequence[Path], *, seed: int, report: Report | None = None) -> Encoded:
    """Read image files as 28 x 28 grays and encode their pixels; raises ValueError naming a file that is no image."""
    return encode_all(PixelPca(seed=seed), paths, seed=seed, report=report)


def encode_pixels(images: NDArray[Any], *, seed: int) -> Encoded:
    """Encode images given as arrays (items, height, width[, channels]): scaled pixels, by PCA where they are many.

    Raises ValueError on another number of axes.
    """
    if images.ndim not in (3, 4):
        raise ValueError(f"images must be (items, height, width[, channels]); their shape is {images.shape}.")
    return encode_all(PixelPca(seed=seed), images, seed=seed)


def encode_numbers(rows: NDArray[Any]) -> Encoded:
    """Encode rows of numbers (items, D): standardized columns; a missing value becomes its column's mean, marked."""
    table = np.asarray(rows, dtype=np.float64)
    table = np.where(np.isfinite(table), table, np.nan)  # Scaled marks the gaps
    scaled = Scaled()
    scaled.fit(table)
    features = scaled.encode(table)
    digest = hashlib.blake2b(np.ascontiguousarray(features[:1000]).tobytes(), digest_size=6).hexdigest()
    return Encoded(features, f"numbers-{VERSION}-{digest}")


def encode_table(rows: Sequence[dict[str, Any]]) -> Encoded:
    """Encode table rows (column -> value) by the type of each column."""
    return encode_all(TypedColumns(), rows, seed=0)


def _picked(items: Sequence[Any] | NDArray[Any], positions: NDArray[np.int64]) -> Iterable[Any]:
    return (items[position] for position in positions.tolist())
