"""Which rows of a project are nearly the same item: found once, kept, and added to when items come."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alcore import duplicates
from annotator.learning import artifacts, shards
from annotator.learning.shards import Shard, ShardRows

Ints = NDArray[np.int64]
FILE = "groups.npy"
# Chosen so that what joins another item hardly ever has another label: text needs its words beside the angle.
TEXT_COSINE = 0.95
TEXT_MARKS = 0.85  # of the words and word pairs: "sorry, I'll call later" and "... in meeting" stay two
COSINE = 0.98
DISTANCE = 0.1  # of the shorter vector's length: what an angle alone cannot see, such as twice the number


def groups_of(folder: Path, found: list[Shard], *, texts: bool, seed: int) -> Ints:
    """(rows,) the first row of each row's group, over all shards, whether or not their items still stand."""
    contents = shards.ids_of(found)[:, 1]
    known = _kept(folder)
    if len(known) == len(contents):
        return known
    if texts:
        marks = shards.rows_of(found, shards.MARKS)
        groups = duplicates.near_duplicates(
            _sketch(found), cosine=TEXT_COSINE, seed=seed, known=known, same=lambda a, b: _same_words(marks, a, b)
        )
    else:
        features = shards.rows_of(found, shards.FEATURES)
        groups = duplicates.near_duplicates(
            _sketch(found), cosine=COSINE, seed=seed, known=known, same=lambda a, b: _close(features, a, b)
        )
    groups = duplicates.with_repeats(groups, contents)
    artifacts.write_array(folder / FILE, groups)
    return groups


def for_pool(groups: Ints, rows: Ints) -> Ints:
    """(pool,) the position of the first item of each item's group that still stands in the pool."""
    _, first, places = np.unique(groups[rows], return_index=True, return_inverse=True)
    return np.asarray(first[places], dtype=np.int64)


def _kept(folder: Path) -> Ints:
    path = folder / FILE
    kept: Ints = np.load(path, allow_pickle=False) if path.exists() else np.zeros(0, dtype=np.int64)
    return kept


def _sketch(found: list[Shard]) -> ShardRows:
    part = shards.SKETCH if found[0].path(shards.SKETCH).exists() else shards.FEATURES
    return shards.rows_of(found, part)


def _same_words(marks: ShardRows, first: Ints, second: Ints) -> NDArray[np.bool_]:
    return np.asarray((marks[first] == marks[second]).mean(axis=1) >= TEXT_MARKS)


def _close(features: ShardRows, first: Ints, second: Ints) -> NDArray[np.bool_]:
    a, b = features[first], features[second]
    shorter = np.minimum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    return np.asarray(np.linalg.norm(a - b, axis=1) <= DISTANCE * shorter)
