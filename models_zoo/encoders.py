"""Raw items -> features: text by hashed TF-IDF and LSA, images as pixels, table rows standardized."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import sparse
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

VERSION = 1  # raised when the same items would give other features
TEXT_DIMENSIONS = 256
PIXEL_DIMENSIONS = 128
FIT_ROWS = 20_000  # rows from which projections are fitted
SIDE = 28  # images are brought to 28 x 28 grays
MOST_CATEGORIES = 50  # values of a column beyond which it says too little per value
Floats = NDArray[np.float32]
Report = Callable[[float], None]


@dataclass(frozen=True)
class Encoded:
    """features: (items, D) float32, finite. fingerprint: names encoder, version and fit."""

    features: Floats
    fingerprint: str


def encode_texts(texts: Sequence[str], *, seed: int) -> Encoded:
    """Encode texts by TF-IDF of hashed words and word pairs, projected to at most 256 dimensions (LSA), length 1.

    Source: Deerwester et al. (1990). Texts without any word become zero vectors.
    """
    if not texts:
        return Encoded(np.zeros((0, 1), dtype=np.float32), f"text-lsa-{VERSION}-empty")
    hashed = HashingVectorizer(n_features=2**18, ngram_range=(1, 2), alternate_sign=False, norm=None)
    counts = hashed.transform(texts)
    counts.data = np.log1p(counts.data)
    weighted = TfidfTransformer().fit_transform(counts).tocsr()
    used = np.flatnonzero(np.bincount(weighted.indices, minlength=weighted.shape[1]) > 1)
    weighted = weighted[:, used]
    features = _project_texts(weighted, seed)
    return Encoded(_unit_rows(features), _fingerprint("text-lsa", features))


def encode_images(paths: Sequence[Path], *, seed: int, report: Report | None = None) -> Encoded:
    """Read image files as 28 x 28 grays and encode their pixels; raises ValueError naming a file that is no image."""
    grays = np.empty((len(paths), SIDE, SIDE), dtype=np.uint8)
    for number, path in enumerate(paths):
        grays[number] = read_gray(path)
        if report is not None and number % 200 == 0:
            report(number / len(paths))
    return encode_pixels(grays, seed=seed)


def read_gray(path: Path) -> NDArray[np.uint8]:
    """(28, 28) uint8; the picture is fitted in, its shape kept, and padded with its own border shade."""
    try:
        with Image.open(path) as picture:
            gray = picture.convert("L")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} cannot be read as an image: {error}") from error
    gray.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    shade = int(np.median(np.asarray(gray)[[0, -1]]))
    canvas = Image.new("L", (SIDE, SIDE), shade)
    canvas.paste(gray, ((SIDE - gray.width) // 2, (SIDE - gray.height) // 2))
    return np.asarray(canvas, dtype=np.uint8)


def encode_pixels(images: NDArray[Any], *, seed: int) -> Encoded:
    """Encode images given as arrays (items, height, width[, channels]): scaled pixels, by PCA where they are many.

    Raises ValueError on another number of axes.
    """
    if images.ndim not in (3, 4):
        raise ValueError(f"images must be (items, height, width[, channels]); their shape is {images.shape}.")
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat /= max(float(flat.max(initial=0)), 1.0)
    features = _reduce(flat, seed)
    return Encoded(features, _fingerprint("pixels", features))


def encode_numbers(rows: NDArray[Any]) -> Encoded:
    """Encode rows of numbers (items, D): standardized columns; a missing value becomes its column's mean."""
    features = _standardize(np.asarray(rows, dtype=np.float64))
    return Encoded(features, _fingerprint("numbers", features))


def encode_table(rows: Sequence[dict[str, Any]]) -> Encoded:
    """Encode table rows (column -> value): numbers standardized, other values one-hot, at most 50 per column."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    parts = [_encode_column([row.get(name) for row in rows]) for name in columns]
    features = np.concatenate(parts, axis=1) if parts else np.zeros((len(rows), 1), dtype=np.float32)
    return Encoded(features, _fingerprint("table", features))


def _encode_column(values: list[Any]) -> Floats:
    numbers = [_number(value) for value in values]
    known = [number for number, value in zip(numbers, values, strict=True) if value not in (None, "")]
    if known and all(number is not None for number in known):
        return _standardize(np.array([[np.nan if n is None else n] for n in numbers], dtype=np.float64))
    words = np.array([["" if value is None else str(value)] for value in values], dtype=object)
    encoder = OneHotEncoder(max_categories=MOST_CATEGORIES, sparse_output=False, dtype=np.float32)
    return np.asarray(encoder.fit_transform(words), dtype=np.float32)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _standardize(table: NDArray[np.float64]) -> Floats:
    table = np.where(np.isfinite(table), table, np.nan)
    means = np.array([np.nanmean(column) if np.isfinite(column).any() else 0.0 for column in table.T])
    filled = np.where(np.isnan(table), means, table)
    return np.asarray(StandardScaler().fit_transform(filled), dtype=np.float32)


def _project_texts(weighted: sparse.csr_matrix, seed: int) -> Floats:
    rank = min(TEXT_DIMENSIONS, weighted.shape[0] - 1, weighted.shape[1] - 1)
    if rank < 2:
        return np.asarray(weighted[:, :TEXT_DIMENSIONS].toarray(), dtype=np.float32).reshape(weighted.shape[0], -1)
    svd = TruncatedSVD(rank, n_iter=4, random_state=seed % 2**32)
    svd.fit(weighted[_sample(weighted.shape[0], seed)])
    return np.asarray(svd.transform(weighted), dtype=np.float32)


def _reduce(flat: Floats, seed: int) -> Floats:
    rank = min(PIXEL_DIMENSIONS, *flat.shape)
    if flat.shape[1] <= rank:
        return flat
    pca = PCA(rank, svd_solver="randomized", random_state=seed % 2**32)
    pca.fit(flat[_sample(len(flat), seed)])
    return np.asarray(pca.transform(flat), dtype=np.float32)


def _sample(count: int, seed: int) -> NDArray[np.int64]:
    if count <= FIT_ROWS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).permutation(count)[:FIT_ROWS])


def _unit_rows(features: Floats) -> Floats:
    if features.shape[1] == 0:
        return np.zeros((len(features), 1), dtype=np.float32)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(norms > 0, norms, 1), dtype=np.float32)


def _fingerprint(name: str, features: Floats) -> str:
    digest = hashlib.blake2b(np.ascontiguousarray(features[:1000]).tobytes(), digest_size=6).hexdigest()
    return f"{name}-{VERSION}-{digest}"
