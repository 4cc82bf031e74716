"""Weights on disk: safetensors only, written aside and renamed. Nothing is ever unpickled."""

from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor


def save(path: Path, state: dict[str, Tensor]) -> None:
    """Write tensors to a .safetensors file, so that it is there whole or not at all."""
    aside = path.with_suffix(".aside")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, aside)
    aside.replace(path)


def load(path: Path) -> dict[str, Tensor]:
    """Read tensors; raises FileNotFoundError or safetensors' own error on a damaged file."""
    state: dict[str, Tensor] = load_file(path)
    return state


def require(state: dict[str, Tensor], names: tuple[str, ...]) -> None:
    """Raises ValueError naming the tensors that a checkpoint lacks."""
    if missing := [name for name in names if name not in state]:
        raise ValueError(f"The checkpoint lacks {', '.join(missing)}; it holds {', '.join(state) or 'nothing'}.")
