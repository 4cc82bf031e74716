"""Weights on disk: safetensors only, written aside and renamed. Nothing is ever unpickled."""

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor


def save(path: Path, state: dict[str, Tensor], told: dict[str, str] | None = None) -> None:
    """Write tensors to a .safetensors file, with what is told of them, so that it is there whole or not at all."""
    aside = path.with_suffix(".aside")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, aside, told)
    aside.replace(path)


def load(path: Path) -> dict[str, Tensor]:
    """Read tensors; raises FileNotFoundError or safetensors' own error on a damaged file."""
    state: dict[str, Tensor] = load_file(path)
    return state


def told(path: Path) -> dict[str, str]:
    """What `save` was told of the tensors; raises as `load` does."""
    with safe_open(path, "pt") as file:
        return dict(file.metadata() or {})


def require(state: dict[str, Tensor], names: tuple[str, ...]) -> None:
    """Raises ValueError naming the tensors that a checkpoint lacks."""
    if missing := [name for name in names if name not in state]:
        raise ValueError(f"The checkpoint lacks {', '.join(missing)}; it holds {', '.join(state) or 'nothing'}.")
