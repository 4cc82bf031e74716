"""Which items are (nearly) the same, so that a batch never asks the same thing twice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.checking import require_finite, require_shape
from alcore.protocols import Ints, Rows

COSINE = 0.98
MISSED = 0.01  # the chance that a pair just above the threshold shares no bucket
BITS = (8, 24)  # of a bucket's key: at least, at most
MOST_TABLES = 32
LEADERS = 8  # first items of a bucket that others are compared with: beyond, a bucket is a crowd of strangers
CHUNK = 16_384  # rows projected at once
PAIRS = 262_144  # pairs compared at once: 64 dimensions take 128 MB
Bools = NDArray[np.bool_]
Same = Callable[[Ints, Ints], Bools]


@dataclass(frozen=True)
class _Search:
    """What a comparison of two items needs."""

    vectors: Rows
    cosine: float
    same: Same | None

    def agree(self, first: Ints, second: Ints) -> Bools:
        """(pairs,): near by cosine, and the same by the caller's own word where there is one."""
        near = np.zeros(len(first), dtype=bool)
        for start in range(0, len(first), PAIRS):
            part = slice(start, start + PAIRS)
            near[part] = self._near(first[part], second[part])
        if self.same is not None and near.any():
            near[near] = self.same(first[near], second[near])
        return near

    def _near(self, first: Ints, second: Ints) -> Bools:
        a, b = (np.asarray(self.vectors[rows], dtype=np.float32) for rows in (first, second))
        lengths = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
        equal = (a == b).all(axis=1)  # two zero vectors have no angle, and are equal
        return np.asarray(equal | ((lengths > 0) & ((a * b).sum(axis=1) >= self.cosine * lengths)))


def near_duplicates(
    vectors: Rows,
    *,
    cosine: float = COSINE,
    seed: int = 0,
    known: Ints | None = None,
    same: Same | None = None,
    missed: float = MISSED,
) -> Ints:
    """Group items that are nearly the same; returns (items,) the index of each group's first item.

    Every member is near its group's first, so groups do not drift along chains of small changes. Nothing of the size
    items x items is made: random hyperplanes put near items into the same buckets, and each bucket's items are compared
    with its first ones. Cost grows a little faster than the number of items.

    Args:
        vectors: (items, D), finite; may be memory-mapped or any array of rows.
        cosine: at or above it two items are near; equal vectors always are.
        known: (earlier items,) groups found before, which stay as they are; later items join them or open new ones.
        same: asked of pairs (first indices, second indices) that are near: (pairs,) whether they really are the same.
            Vectors of different short texts can coincide, so for texts something must look at more than the vector.
        missed: the chance to overlook a pair just at the threshold; nearer pairs are overlooked more rarely.

    Raises ValueError on a cosine outside (0, 1), or `known` that does not fit. Source: Charikar (2002).
    """
    groups = _start(vectors, known, cosine)
    fresh = 0 if known is None else len(known)
    if fresh == len(groups):
        return groups
    search = _Search(vectors, cosine, same)
    later, earlier = _candidates(search, groups, fresh, seed=seed, missed=missed)
    return _joined(groups, later, earlier, search)


def with_repeats(groups: Ints, contents: Ints) -> Ints:
    """(items,) groups in which items of equal content share a group, whatever their vectors.

    contents: (items,) a hash of what an item shows. Groups found among the first items alone stay as they are.
    """
    require_shape("contents", contents, groups.shape)
    _, first, places = np.unique(contents, return_index=True, return_inverse=True)
    joined = groups[first[places]]
    while (joined[joined] != joined).any():  # who was first joined another group, and takes its own along
        joined = joined[joined]
    return np.asarray(joined, dtype=np.int64)


def _start(vectors: Rows, known: Ints | None, cosine: float) -> Ints:
    """(items,) every new item in a group of its own."""
    if vectors.ndim != 2:
        raise ValueError(f"vectors must be (items, D); their shape is {vectors.shape}.")
    if not 0 < cosine < 1:
        raise ValueError(f"cosine must lie between 0 and 1; it is {cosine}.")
    groups = np.arange(len(vectors), dtype=np.int64)
    if known is None:
        return groups
    require_shape("known", known, (min(len(known), len(groups)),))
    if (known > groups[: len(known)]).any() or (known < 0).any() or (known[known] != known).any():
        raise ValueError("known must hold, for every item, the index of its group's first.")
    groups[: len(known)] = known
    return groups


def _candidates(search: _Search, groups: Ints, fresh: int, *, seed: int, missed: float) -> tuple[Ints, Ints]:
    """Pairs that agree, ascending: a new item, and an earlier one that may be its group's first."""
    places = np.arange(len(groups))
    rows = np.flatnonzero((groups == places) | (places >= fresh))  # an old item that is no first takes nobody in
    bits, tables = _plan(len(rows), search.cosine, missed)
    found = [np.zeros((0, 2), dtype=np.int64)]
    for keys in _keys(search.vectors, rows, bits, tables, seed):
        found += _within_buckets(search, rows, keys, fresh)
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _plan(items: int, cosine: float, missed: float) -> tuple[int, int]:
    """Bits of a key, so that strangers rarely share one, and tables, so that near items rarely share none."""
    agree = 1 - np.arccos(cosine) / np.pi
    bits = int(np.clip(np.ceil(np.log2(max(items, 2))) + 3, *BITS))
    while True:
        tables = int(np.ceil(np.log(missed) / np.log1p(-(agree**bits))))
        if tables <= MOST_TABLES or bits <= BITS[0]:
            return bits, min(max(tables, 1), MOST_TABLES)
        bits -= 1


def _keys(vectors: Rows, rows: Ints, bits: int, tables: int, seed: int) -> NDArray[np.uint32]:
    """(tables, rows): on which side of random planes through the sample's mean a row lies."""
    rng = np.random.default_rng([seed, 47])
    center = np.asarray(vectors[np.sort(rng.permutation(rows)[:CHUNK])], dtype=np.float32).mean(axis=0)
    planes = rng.normal(size=(vectors.shape[1], bits * tables)).astype(np.float32)
    weights = (2 ** np.arange(bits)).astype(np.float32)  # exact: 24 bits are all that float32 counts to
    keys = np.empty((tables, len(rows)), dtype=np.uint32)
    for start in range(0, len(rows), CHUNK):
        part = np.asarray(vectors[rows[start : start + CHUNK]], dtype=np.float32)
        require_finite("vectors", part)
        sides = ((part - center) @ planes > 0).astype(np.float32).reshape(len(part), tables, bits)
        keys[:, start : start + CHUNK] = (sides @ weights).T
    return keys


def _within_buckets(search: _Search, rows: Ints, keys: NDArray[np.uint32], fresh: int) -> Iterator[Ints]:
    """Pairs (new item, earlier item) that agree, found by comparing each bucket's items with its first ones."""
    order = np.argsort(keys, kind="stable")
    rows, keys = rows[order], keys[order]
    for _ in range(LEADERS):
        rows, keys = _worth_comparing(rows, keys, fresh)
        if not len(rows):
            return
        opens = _opens(keys)
        leader = rows[opens][np.cumsum(opens) - 1]
        asks = np.flatnonzero(~opens & (rows >= fresh))
        agreed = asks[search.agree(rows[asks], leader[asks])]
        yield np.stack([rows[agreed], leader[agreed]], axis=1)
        stays = ~opens
        stays[agreed] = False
        rows, keys = rows[stays], keys[stays]


def _worth_comparing(rows: Ints, keys: NDArray[np.uint32], fresh: int) -> tuple[Ints, NDArray[np.uint32]]:
    """Only buckets with more than one item, a new one among them."""
    if not len(rows):
        return rows, keys
    opens = _opens(keys)
    bucket = np.cumsum(opens) - 1
    newest = np.maximum.reduceat(rows, np.flatnonzero(opens))
    worth = ((np.bincount(bucket) > 1) & (newest >= fresh))[bucket]
    return rows[worth], keys[worth]


def _opens(keys: NDArray[np.uint32]) -> Bools:
    """(rows,) where a bucket begins; keys are sorted."""
    return np.concatenate([[True], keys[1:] != keys[:-1]])


def _joined(groups: Ints, later: Ints, earlier: Ints, search: _Search) -> Ints:
    """Each new item into the group of the earliest first that it agrees with; pairs come in ascending order."""
    groups = groups.copy()
    for item, other in zip(later.tolist(), earlier.tolist(), strict=True):
        if groups[item] == item and groups[other] == other:
            groups[item] = other
    # who is near a member only may still be near that member's first
    alone = np.bincount(groups, minlength=len(groups)) == 1
    left = alone[later] & (groups[later] == later)
    later, first = later[left], groups[earlier[left]]
    agreed = search.agree(later, first)
    later, first = later[agreed], first[agreed]
    groups[later[::-1]] = first[::-1]  # the earliest first is written last
    return groups
