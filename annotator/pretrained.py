"""Pretrained models that a project may name: folders under WINNOW_MODELS, and hub names where WINNOW_HUB allows them.

A name comes from the web: it has no “..” and no leading “/”, so it leads nowhere else.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from annotator.errors import InvalidInputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")  # model, or owner/model


@dataclass(frozen=True)
class Model:
    """name: the folder's path, or the hub's name."""

    name: str
    on_hub: bool = False


def locate(name: str) -> Model:
    """Where the model of that name is; raises InvalidInputError saying which there are."""
    if not NAME.fullmatch(name):
        raise InvalidInputError(f"A model is named by letters, digits, “.”, “_” and “-”, not by {name[:60]!r}.")
    folder = Path(settings.MODELS) / name
    if (folder / "config.json").is_file():
        return Model(str(folder))
    if settings.HUB:
        return Model(name, on_hub=True)
    raise InvalidInputError(f"There is no model {name!r} on this server; there are {', '.join(names()) or 'none yet'}.")


def names() -> list[str]:
    """The models that lie on this server."""
    root = Path(settings.MODELS)
    found = [*root.glob("*/config.json"), *root.glob("*/*/config.json")]
    return sorted(path.parent.relative_to(root).as_posix() for path in found if NAME.fullmatch(path.parent.name))
