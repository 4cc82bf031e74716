"""Rows in shards read like an array, and are written once."""

from pathlib import Path

import numpy as np
import pytest

from annotator.learning import shards
from annotator.learning.shards import FEATURES, IDS, ShardRows

RNG = np.random.default_rng(0)
WHOLE = RNG.normal(size=(20, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "ROWS", 8)


def add(folder: Path, start: int, end: int) -> None:
    ids = np.stack([np.arange(start, end), np.arange(start, end)], axis=1)
    shards.append(folder, {FEATURES: WHOLE[start:end], IDS: ids})


@pytest.mark.parametrize("pool", [np.arange(20), np.array([0, 3, 7, 8, 9, 15, 16, 19]), np.arange(20)[::-1]])
@pytest.mark.parametrize(
    "key",
    [slice(None), slice(2, 6), slice(0, 0), np.array([5, 0, 5]), np.array([], dtype=np.int64), 3, [1, 2]],
    ids=repr,
)
def test_shards_read_like_an_array(pool: np.ndarray, key: object) -> None:
    rows = ShardRows([WHOLE[:8], WHOLE[8:16], WHOLE[16:]], pool)
    same = WHOLE[pool]
    np.testing.assert_array_equal(rows[key], same[key])  # type: ignore[call-overload]
    assert rows[key].dtype == np.float32


def test_shards_take_a_mask_and_become_an_array() -> None:
    rows = ShardRows([WHOLE[:8], WHOLE[8:]], np.arange(20))
    mask = RNG.random(20) < 0.5
    np.testing.assert_array_equal(rows[mask], WHOLE[mask])
    np.testing.assert_array_equal(np.asarray(rows), WHOLE)
    assert (rows.shape, rows.ndim, len(rows), rows.dtype) == (WHOLE.shape, 2, 20, np.float32)


def test_a_short_shard_is_filled_up_before_the_next_begins(tmp_path: Path) -> None:
    for start, end in [(0, 3), (3, 5), (5, 19), (19, 20)]:
        add(tmp_path, start, end)
    found = shards.found(tmp_path)
    assert [shard.rows for shard in found] == [8, 8, 4]
    np.testing.assert_array_equal(np.asarray(shards.rows_of(found, FEATURES)), WHOLE)
    np.testing.assert_array_equal(shards.ids_of(found)[:, 0], np.arange(20))
    assert len(list(tmp_path.iterdir())) == 6


def test_a_full_shard_is_never_written_again(tmp_path: Path) -> None:
    add(tmp_path, 0, 8)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    add(tmp_path, 8, 20)
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}.items()


def test_who_reads_a_shard_that_is_replaced_keeps_it(tmp_path: Path) -> None:
    add(tmp_path, 0, 5)
    rows = shards.rows_of(shards.found(tmp_path), FEATURES)
    add(tmp_path, 5, 20)
    np.testing.assert_array_equal(np.asarray(rows), WHOLE[:5])


def test_a_shard_without_its_ids_is_not_there(tmp_path: Path) -> None:
    add(tmp_path, 0, 10)
    last = shards.found(tmp_path)[-1]
    last.path(IDS).unlink()
    (tmp_path / "00001-00004.features.77.aside").write_bytes(b"half")
    (tmp_path / "groups.npy").write_bytes(b"other")
    assert [shard.rows for shard in shards.found(tmp_path)] == [8]
    shards.clear_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00000-00008.features.npy", "00000-00008.ids.npy", "groups.npy",
    ]  # fmt: skip


def test_without_any_shard_there_is_nothing_to_read() -> None:
    with pytest.raises(ValueError, match="no shard"):
        ShardRows([], np.arange(0))
