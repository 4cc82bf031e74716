"""A project's arrays in shards: files of 65,536 rows, written once aside and renamed, memory-mapped, never all loaded.

A shard is some parts (features, sketch, marks) and, written last, its `ids`: a shard without ids is not there. The last
shard may be short; it is replaced by a longer one when items are added. Rows keep their place for good.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 65_536
COPIED_AT_ONCE = 8192
FEATURES, SKETCH, MARKS, IDS = "features", "sketch", "marks", "ids"
_NAME = re.compile(r"(\d{5})-(\d{5})\.ids\.npy")
_PART = re.compile(r"(\d{5})-(\d{5})\.\w+\.npy")
Parts = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Shard:
    """One shard's files: the rows from number * 65,536 on, so many."""

    folder: Path
    number: int
    rows: int

    def path(self, part: str) -> Path:
        return self.folder / f"{self.number:05}-{self.rows:05}.{part}.npy"

    def open(self, part: str) -> NDArray[Any]:
        """The part, memory-mapped."""
        array: NDArray[Any] = np.load(self.path(part), mmap_mode="r", allow_pickle=False)
        return array


class ShardRows:
    """Rows of a pool that lie in shards, read like an array: by slice, indices or mask.

    A position is the pool's; `rows` says in which shard row it lies, so withdrawn items leave no hole. Only what is
    asked for is copied into memory.
    """

    ndim = 2

    def __init__(self, arrays: Sequence[NDArray[Any]], rows: NDArray[np.int64]) -> None:
        if not arrays:
            raise ValueError("There is no shard to read rows from.")
        self._arrays, self._rows = tuple(arrays), rows
        self._ends = np.cumsum([len(array) for array in arrays])
        self.dtype = arrays[0].dtype

    @property
    def shape(self) -> tuple[int, int]:
        """(items, D)."""
        return len(self._rows), self._arrays[0].shape[1]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, positions: Any, /) -> NDArray[Any]:
        """(positions, D), or one row (D,) for a single position."""
        rows = np.asarray(self._rows[positions])
        taken = self._take(np.atleast_1d(rows))
        return taken if rows.ndim else taken[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All rows in memory, for what can only take a whole array."""
        return np.asarray(self[:], dtype=dtype)

    def _take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        out = np.empty((len(rows), self.shape[1]), dtype=self.dtype)
        shard = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(shard).tolist():
            mine = shard == number
            start = self._ends[number] - len(self._arrays[number])
            out[mine] = self._arrays[number][rows[mine] - start]
        return out


def found(folder: Path) -> list[Shard]:
    """The finished shards in order; of one that was replaced, the longest."""
    longest: dict[int, int] = {}
    for path in folder.glob(f"*.{IDS}.npy"):
        if name := _NAME.fullmatch(path.name):
            number, rows = int(name[1]), int(name[2])
            longest[number] = max(rows, longest.get(number, 0))
    return [Shard(folder, number, longest[number]) for number in sorted(longest)]


def rows_of(shards: Sequence[Shard], part: str, rows: NDArray[np.int64] | None = None) -> ShardRows:
    """A part of the shards by pool position; every row of every shard where `rows` is left out."""
    if rows is None:
        rows = np.arange(sum(shard.rows for shard in shards))
    return ShardRows([shard.open(part) for shard in shards], rows)


def ids_of(shards: Sequence[Shard]) -> NDArray[np.int64]:
    """(rows, 2): each row's item and the hash of its content."""
    return np.concatenate([np.zeros((0, 2), dtype=np.int64), *(shard.open(IDS) for shard in shards)])


def clear_unfinished(folder: Path) -> None:
    """Remove what a killed encoding left behind; only for who alone writes here."""
    whole = {(shard.number, shard.rows) for shard in found(folder)}
    for path in folder.iterdir():
        name = _PART.fullmatch(path.name)
        if path.suffix == ".aside" or (name and (int(name[1]), int(name[2])) not in whole):
            path.unlink()


def append(folder: Path, parts: Parts) -> None:
    """Add rows behind what is there: into the last shard while it has room, then into new ones."""
    total = len(parts[IDS])
    done = 0
    while done < total:
        shards = found(folder)
        last = shards[-1] if shards and shards[-1].rows < ROWS else None
        number = last.number if last else len(shards)
        count = min(total - done, ROWS - (last.rows if last else 0))
        _write(folder, number, last, {name: part[done : done + count] for name, part in parts.items()})
        done += count


def _write(folder: Path, number: int, before: Shard | None, parts: Parts) -> None:
    shard = Shard(folder, number, (before.rows if before else 0) + len(parts[IDS]))
    for name in sorted(parts, key=lambda name: name == IDS):  # the ids last: they say that the shard is whole
        _join(shard.path(name), before.open(name) if before else None, parts[name])
    for name in parts if before else ():
        before.path(name).unlink(missing_ok=True)  # type: ignore[union-attr]  # who reads it keeps it open


def _join(path: Path, before: NDArray[Any] | None, after: NDArray[Any]) -> None:
    """Both one behind the other into a file, without holding them in memory."""
    before = after[:0] if before is None else before
    start = len(before)
    aside = path.with_suffix(f".{os.getpid()}.aside")
    out = np.lib.format.open_memmap(aside, "w+", after.dtype, (start + len(after), *after.shape[1:]))
    for at in range(0, start, COPIED_AT_ONCE):
        end = min(at + COPIED_AT_ONCE, start)
        out[at:end] = before[at:end]
    out[start:] = after
    out.flush()
    aside.replace(path)
