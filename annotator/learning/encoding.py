"""Items -> features, once: in shards, by an encoder whose fit is kept, with a sketch and near-duplicates beside them.

Items that come later are added with the same fit. A new fit is made when the project's encoder or its version changes,
or when the pool has grown more than fourfold since an encoder that learns was fitted. An encoding that is killed goes
on from its finished rows.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from annotator.learning import artifacts, grouping, shards, sources
from annotator.learning.loading import Pool
from annotator.learning.shards import Shard, ShardRows
from annotator.models import Project
from models_zoo import encoders
from models_zoo.encoders import Encoder, Sketch, protocol

GROWN = 4  # times the pool of the fit
SKETCH_ROWS = 4096  # from which the sketch is fitted
AT_ONCE = 1024  # items encoded between two reports
WRITE_AFTER = 60.0  # seconds: so much work a killed encoding loses at most
WRITE_BYTES = 2**27
Ints = NDArray[np.int64]
Report = Callable[[float], None]


@dataclass(frozen=True)
class PoolFeatures:
    """What is known of a pool's items, all in the pool's order.

    features: (items, D) float32. sketch: (items, at most 64) float32; the features themselves where they are as short.
    groups: (items,) the position of the first item that each one nearly repeats; its own where it repeats none.
    """

    features: ShardRows
    sketch: ShardRows
    groups: Ints
    fingerprint: str


@dataclass(frozen=True)
class Fit:
    """A fitted encoder, its sketch (none for short features), and the folder of their shards."""

    folder: Path
    encoder: Encoder
    sketch: Sketch | None


def features_of(project: Project, pool: Pool, report: Report) -> PoolFeatures:
    """Encode what is not encoded yet, and open the rest. Raises ValueError where there is nothing to encode."""
    if not len(pool.ids):
        raise ValueError("The project has no items to encode.")
    home = artifacts.folder(project.pk) / "features"
    with _alone(home, report):
        fit = _fit_for(project, pool, home, report)
        _append_missing(project, pool, fit, report)
        found = shards.found(fit.folder)
        groups = grouping.groups_of(fit.folder, found, texts=_has_marks(project), seed=project.seed)
        return _opened(pool, found, groups, fit.folder.name)


def _opened(pool: Pool, found: list[Shard], groups: Ints, fingerprint: str) -> PoolFeatures:
    items = shards.ids_of(found)[:, 0]
    order = np.argsort(items, kind="stable")
    rows = order[np.searchsorted(items, pool.ids, sorter=order)]
    features = shards.rows_of(found, shards.FEATURES, rows)
    has_sketch = found[0].path(shards.SKETCH).exists()
    sketch = shards.rows_of(found, shards.SKETCH, rows) if has_sketch else features
    return PoolFeatures(features, sketch, grouping.for_pool(groups, rows), fingerprint)


def _fit_for(project: Project, pool: Pool, home: Path, report: Report) -> Fit:
    """The kept fit where it still suits; else a new one, and the old one's files go."""
    encoder = sources.encoder_of(project)
    kept = _read_manifest(home)
    if kept and kept["spec"] == encoder.spec and not (encoder.learns and len(pool.ids) > GROWN * kept["items"]):
        return _kept_fit(home / kept["fingerprint"], encoder)
    report(0.0)
    sample = pool.ids[encoders.sample_positions(len(pool.ids), project.seed)]
    encoder.fit(sources.stream(project, sample))
    folder = home / encoder.fingerprint
    folder.mkdir(exist_ok=True)
    fit = Fit(folder, encoder, _fit_sketch(project, pool, encoder, report))
    protocol.save(folder / "encoder.safetensors", encoder.state())
    if fit.sketch is not None:
        protocol.save(folder / "sketch.safetensors", fit.sketch.state())
    _write_manifest(home, {"fingerprint": folder.name, "spec": encoder.spec, "items": len(pool.ids)})
    for old in home.iterdir():
        if old.is_dir() and old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return fit


def _kept_fit(folder: Path, encoder: Encoder) -> Fit:
    encoder.load_state(protocol.load(folder / "encoder.safetensors"))
    path = folder / "sketch.safetensors"
    if not path.exists():
        return Fit(folder, encoder, None)
    sketch = Sketch()
    sketch.load_state(protocol.load(path))
    return Fit(folder, encoder, sketch)


def _fit_sketch(project: Project, pool: Pool, encoder: Encoder, report: Report) -> Sketch | None:
    ids = pool.ids[encoders.sample_positions(len(pool.ids), project.seed, SKETCH_ROWS)]
    rows = []
    for start in range(0, len(ids), AT_ONCE):
        rows.append(encoder.encode(list(sources.stream(project, ids[start : start + AT_ONCE]))))
        report(0.0)
    features = np.concatenate(rows)
    if features.shape[1] <= encoders.SKETCH:
        return None
    sketch = Sketch(seed=project.seed)
    sketch.fit(features)
    return sketch


def _append_missing(project: Project, pool: Pool, fit: Fit, report: Report) -> None:
    """Encode the items that no shard holds, in ascending order, and write them as they come."""
    have = shards.ids_of(shards.found(fit.folder))[:, 0]
    missing = np.setdiff1d(pool.ids, have)
    if len(missing):
        shards.clear_unfinished(fit.folder)
    waiting: list[shards.Parts] = []
    written = time.monotonic()
    for start in range(0, len(missing), AT_ONCE):
        waiting.append(_encoded(project, missing[start : start + AT_ONCE], fit))
        rows = sum(len(parts[shards.IDS]) for parts in waiting)
        size = sum(parts[shards.FEATURES].nbytes for parts in waiting)
        if rows >= shards.ROWS or size >= WRITE_BYTES or time.monotonic() - written > WRITE_AFTER:
            _write(fit, waiting)
            waiting, written = [], time.monotonic()
        report((start + AT_ONCE) / (len(missing) + AT_ONCE))
    if waiting:
        _write(fit, waiting)


def _encoded(project: Project, ids: Ints, fit: Fit) -> shards.Parts:
    items = sources.contents(project, ids)
    features = fit.encoder.encode([content for content, _ in items])
    _require_finite(features)
    parts = {shards.FEATURES: features, shards.IDS: np.stack([ids, [group for _, group in items]], axis=1)}
    if fit.sketch is not None:
        parts[shards.SKETCH] = fit.sketch.encode(features)
    if _has_marks(project):
        parts[shards.MARKS] = encoders.marks(sources.texts(project, ids, items))
    return parts


def _write(fit: Fit, waiting: list[shards.Parts]) -> None:
    shards.append(fit.folder, {name: np.concatenate([parts[name] for parts in waiting]) for name in waiting[0]})


def _require_finite(features: NDArray[np.float32]) -> None:
    if features.dtype != np.float32 or not np.isfinite(features).all():
        raise ValueError("The encoder gave features that are not finite float32 numbers; is its model damaged?")


def _has_marks(project: Project) -> bool:
    return project.kind == Project.Kind.TEXT


@contextmanager
def _alone(home: Path, report: Report) -> Iterator[None]:
    """One process at a time encodes a project; others wait, and report while they do. A killed one holds nothing."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "encoding.lock")
    while True:
        try:
            lock.acquire(timeout=1.0)
            break
        except Timeout:
            report(0.0)
    try:
        yield
    finally:
        lock.release()


def _read_manifest(home: Path) -> dict[str, Any]:
    path = home / "current.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return kept if kept and (home / kept["fingerprint"] / "encoder.safetensors").exists() else {}


def _write_manifest(home: Path, manifest: dict[str, Any]) -> None:
    aside = home / "current.json.aside"
    aside.write_text(json.dumps(manifest))
    aside.replace(home / "current.json")
