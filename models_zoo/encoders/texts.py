"""Texts -> features without any download: hashed words and word pairs, TF-IDF, and LSA."""

import itertools
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer

from models_zoo.encoders.protocol import VERSION, Floats, State, fingerprint, require, unit_rows

TEXT_DIMENSIONS = 256
HASHES = 2**18  # a collision of two words costs little; a vocabulary would grow with the pool
MOST_COLUMNS = 32_768  # of the hashes the most frequent ones: the projection then takes 32 MB instead of 256
HASHED_AT_ONCE = 1024  # texts
MARKS = 32  # hashes that mark a text: their agreement estimates a Jaccard similarity to about 0.08
_WORD = re.compile(r"\w+")


class HashedLsa:
    """TF-IDF of hashed words and word pairs, projected by LSA, rows of length 1.

    A text without any word of the sample becomes a zero row. Source: Deerwester et al. (1990).
    """

    learns = True

    def __init__(self, *, seed: int = 0, dimensions: int = TEXT_DIMENSIONS, columns: int = MOST_COLUMNS) -> None:
        self.seed, self.dimensions, self.most_columns = seed, dimensions, columns
        self._columns = np.zeros(0, dtype=np.int64)
        self._idf = np.zeros(0, dtype=np.float32)
        self._components = np.zeros((0, 1), dtype=np.float32)

    @property
    def spec(self) -> dict[str, Any]:
        settings = {"seed": self.seed, "dimensions": self.dimensions, "columns": self.most_columns}
        return {"name": "text-lsa", "version": VERSION, **settings}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[str]) -> None:
        counts = [_counts(texts) for texts in _blocks(sample)]
        if not counts:
            raise ValueError("There is no text to fit the encoder on.")
        table = sparse.vstack(counts, format="csr")
        found = np.bincount(table.indices, minlength=HASHES)
        # a word that one text alone has says nothing of any other
        used = np.flatnonzero(found > 1)
        self._columns = np.sort(used[np.argsort(-found[used], kind="stable")[: self.most_columns]])
        self._idf = (np.log((1 + table.shape[0]) / (1 + found[self._columns])) + 1).astype(np.float32)
        self._components = self._axes(self._weighted(table))

    def encode(self, items: Sequence[str]) -> Floats:
        rows = [
            self._weighted(_counts(items[start : start + HASHED_AT_ONCE])) @ self._components
            for start in range(0, len(items), HASHED_AT_ONCE)
        ]
        return unit_rows(np.concatenate(rows)) if rows else np.zeros((0, self._components.shape[1]), dtype=np.float32)

    def state(self) -> State:
        return State({"columns": self._columns, "idf": self._idf, "components": self._components})

    def load_state(self, state: State) -> None:
        require(state, ("columns", "idf", "components"))
        self._columns, self._idf = state.tensors["columns"], state.tensors["idf"]
        self._components = state.tensors["components"]

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """(texts, columns) log counts times idf."""
        return counts[:, self._columns] @ sparse.diags(self._idf, dtype=np.float32)

    def _axes(self, weighted: sparse.csr_matrix) -> Floats:
        """(columns, D): the leading directions of texts brought to one length; the columns where there are few."""
        rank = min(self.dimensions, weighted.shape[0] - 1, weighted.shape[1] - 1)
        if rank < 2:
            return np.eye(weighted.shape[1], max(1, min(self.dimensions, weighted.shape[1])), dtype=np.float32)
        lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        even = sparse.diags(1 / np.where(lengths > 0, lengths, 1), dtype=np.float32) @ weighted
        svd = TruncatedSVD(rank, n_iter=4, random_state=self.seed % 2**32).fit(even)
        return np.ascontiguousarray(svd.components_.T, dtype=np.float32)


def marks(texts: Sequence[str]) -> NDArray[np.uint16]:
    """(texts, 32): hashes whose share of equal ones estimates how many words and word pairs two texts have in common.

    What tells a near-duplicate from another short text that an encoder happens to see alike. Source: Broder (1997).
    """
    found = np.zeros((len(texts), MARKS), dtype=np.uint16)
    mixers = np.random.default_rng(41).integers(1, 2**63, (MARKS, 1), dtype=np.uint64) | np.uint64(1)
    for row, text in enumerate(texts):
        words = np.array([zlib.crc32(word.encode()) for word in _WORD.findall(text.lower())] or [0], dtype=np.uint64)
        pairs = words[:-1] * np.uint64(0x9E3779B97F4A7C15) + words[1:]
        shingles = np.concatenate([words + np.uint64(1), pairs])
        mixed = (shingles ^ (shingles >> np.uint64(29))) * mixers
        found[row] = ((mixed ^ (mixed >> np.uint64(32))) * mixers).min(axis=1) >> np.uint64(16)
    return found


def tokens(text: str, *, most: int, buckets: int) -> list[int]:
    """Ids in 1..buckets-1 of a text's hashed words and word pairs in their order, the first `most` of them."""
    words = _WORD.findall(text.lower())[:most]
    pairs = [f"{first} {second}" for first, second in itertools.pairwise(words)]
    told = itertools.chain.from_iterable(itertools.zip_longest(words, pairs))
    return [1 + zlib.crc32(each.encode()) % (buckets - 1) for each in told if each is not None][:most]


def _blocks(texts: Iterable[str]) -> Iterable[list[str]]:
    found = iter(texts)
    return iter(lambda: list(itertools.islice(found, HASHED_AT_ONCE)), [])


def _counts(texts: Sequence[str]) -> sparse.csr_matrix:
    """(texts, hashes): the logarithm of 1 + how often each hashed word or pair occurs."""
    hashing = HashingVectorizer(
        n_features=HASHES, ngram_range=(1, 2), alternate_sign=False, norm=None, dtype=np.float32
    )
    counts = hashing.transform(texts)
    counts.data = np.log1p(counts.data)
    return counts
