"""Items -> features, once: kept as a memory-mapped file until the project's items change."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from annotator.learning import artifacts
from annotator.learning.loading import Pool
from annotator.models import Project
from models_zoo import encoders

Features = NDArray[np.float32]
Report = Callable[[float], None]


def features_of(project: Project, pool: Pool, report: Report) -> Features:
    """(items, D) float32 in the pool's order, memory-mapped; encoded anew when items came or went."""
    folder = artifacts.folder(project.pk)
    wanted = {"items": len(pool.ids), "last": int(pool.ids[-1]), "version": encoders.VERSION}
    kept = _read_manifest(folder)
    if {key: kept.get(key) for key in wanted} != wanted:
        kept = {**wanted, **_encode(project, pool, folder, report)}
        _write_manifest(folder, kept)
    features: Features = np.load(folder / str(kept["file"]), mmap_mode="r", allow_pickle=False)
    return features


def _encode(project: Project, pool: Pool, folder: Path, report: Report) -> dict[str, Any]:
    encoded = _ENCODERS[project.kind](project, pool, report)
    name = f"features-{encoded.fingerprint}.npy"
    artifacts.write_array(folder / name, encoded.features)
    for old in folder.glob("features-*.npy"):
        if old.name != name:
            old.unlink()
    return {"file": name, "fingerprint": encoded.fingerprint}


def _texts(project: Project, pool: Pool, report: Report) -> encoders.Encoded:
    return encoders.encode_texts([text for (text,) in _rows(project, "text")], seed=project.seed)


def _tables(project: Project, pool: Pool, report: Report) -> encoders.Encoded:
    return encoders.encode_table([row or {} for (row,) in _rows(project, "row")])


def _images(project: Project, pool: Pool, report: Report) -> encoders.Encoded:
    paths = [Path(settings.MEDIA_ROOT) / file for (file,) in _rows(project, "file")]
    return encoders.encode_images(paths, seed=project.seed, report=report)


def _rows(project: Project, column: str) -> list[tuple[Any, ...]]:
    from annotator.models import Item

    rows = project.items.exclude(state=Item.State.WITHDRAWN).order_by("id").values_list(column)
    return list(rows.iterator(chunk_size=2000))


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "features.json"
    kept: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return kept if "file" in kept and (folder / kept["file"]).exists() else {}


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    aside = folder / "features.json.aside"
    aside.write_text(json.dumps(manifest))
    aside.replace(folder / "features.json")


_ENCODERS: dict[str, Callable[[Project, Pool, Report], encoders.Encoded]] = {
    Project.Kind.TEXT: _texts,
    Project.Kind.TABLE: _tables,
    Project.Kind.IMAGE: _images,
}
