"""Rows -> what an encoder takes: the items' contents in pieces, and the encoder that a project asks for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from annotator import pretrained
from annotator.models import Project
from models_zoo import encoders

PIECE = 1000  # items to a query: pieces, so that no read stays open while an encoder computes
Encoder = Project.Encoder
Contents = list[tuple[Any, int]]
COLUMNS = {Project.Kind.TEXT: "text", Project.Kind.TABLE: "row", Project.Kind.IMAGE: "file"}


def encoder_of(project: Project) -> encoders.Encoder:
    """The encoder of the project's settings, not fitted. Raises InvalidInputError where its model is not there.

    A convolutional network learns from the pictures themselves: their pixels stay unprojected, for choosing as well.
    A text network reads the words, which stand beside what choosing looks at.
    """
    if project.head == Project.Head.NETWORK:
        return encoders.make("raw")
    if project.head == Project.Head.TEXT:
        return encoders.make("words", seed=project.seed)
    if project.encoder == Encoder.TRANSFORMER:
        name = "images" if project.kind == Project.Kind.IMAGE else "sentences"
        model = pretrained.locate(project.encoder_path)
        return encoders.make(name, model=model.name, hub=model.on_hub)
    return encoders.make(project.encoder, seed=project.seed)


def contents(project: Project, ids: NDArray[np.int64]) -> Contents:
    """What each item shows, ready for its encoder, with the hash of its content, in the order of the ids.

    Raises LookupError where items are gone, and ValueError where one brought no vector.
    """
    column = "vector__values" if project.encoder == Encoder.VECTORS else COLUMNS[Project.Kind(project.kind)]
    rows = project.items.filter(id__in=ids.tolist()).values_list("id", column, "group")
    by_id = {item: (value, group) for item, value, group in rows}
    if len(by_id) < len(ids):
        raise LookupError(f"{len(ids) - len(by_id)} of the project's items are gone.")
    return [(_shaped(project, by_id[item][0]), by_id[item][1]) for item in ids.tolist()]


def stream(project: Project, ids: NDArray[np.int64]) -> Iterator[Any]:
    """The same one by one, without the hashes: a sample, say, that is never held."""
    for start in range(0, len(ids), PIECE):
        yield from (content for content, _ in contents(project, ids[start : start + PIECE]))


def texts(project: Project, ids: NDArray[np.int64], found: Contents) -> list[str]:
    """The items' texts, whatever encoder the project has: read anew only where their contents are vectors."""
    if project.encoder != Encoder.VECTORS:
        return [text for text, _ in found]
    by_id = dict(project.items.filter(id__in=ids.tolist()).values_list("id", "text"))
    return [by_id[item] for item in ids.tolist()]


def _shaped(project: Project, value: Any) -> Any:
    if project.encoder == Encoder.VECTORS:
        if value is None:
            raise ValueError("An item brought no vector. Choose another encoder, or import the items with vectors.")
        return np.frombuffer(value, dtype="<f4")
    if project.kind == Project.Kind.IMAGE:
        return Path(settings.MEDIA_ROOT) / value
    return value or {} if project.kind == Project.Kind.TABLE else value
