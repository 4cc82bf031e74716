"""Files that the learner keeps for a project: written aside and renamed, so that none is ever half there."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray


def folder(project_id: int) -> Path:
    path = Path(settings.ARTIFACTS_ROOT) / f"project-{project_id}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    aside = path.with_suffix(f".{os.getpid()}.aside")
    with aside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    aside.replace(path)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def write_array(path: Path, array: NDArray[Any]) -> None:
    aside = path.with_suffix(f".{os.getpid()}.aside")
    with aside.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    aside.replace(path)
