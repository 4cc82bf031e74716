"""What every encoder offers, and how its fit is kept: tensors in one safetensors file, its settings as JSON beside."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

VERSION = 2  # raised when the same items would give other features
FIT_ROWS = 20_000  # items from which an encoder is fitted; more change nothing that a batch would notice
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class State:
    """A fit: arrays by name, and what JSON can hold."""

    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)


class Encoder(Protocol):
    """Raw items -> features. Fitted once on a sample; afterwards the same item always gives the same row.

    learns: whether a fit depends on the sample, so that a pool grown much larger deserves a new one.
    """

    learns: bool

    @property
    def spec(self) -> dict[str, Any]:
        """What the encoder is before any fit: name, version and settings. Another spec needs another fit."""

    @property
    def fingerprint(self) -> str:
        """Names encoder, version and fit: equal fingerprints, equal features."""

    def fit(self, sample: Iterable[Any]) -> None:
        """Learn from a sample of items; it is read once and never held raw where it need not be."""

    def encode(self, items: Sequence[Any]) -> Floats:
        """(items, D) float32, finite; raises ValueError naming an item that cannot be encoded."""

    def state(self) -> State:
        """The fit, for load_state."""

    def load_state(self, state: State) -> None:
        """Take over a fit; raises ValueError naming what it lacks."""


def fingerprint(spec: dict[str, Any], state: State) -> str:
    """The spec's name and version, and a digest of spec and fit."""
    digest = hashlib.blake2b(json.dumps([spec, state.config], sort_keys=True).encode(), digest_size=8)
    for name in sorted(state.tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(state.tensors[name]).data)
    return f"{spec['name']}-{spec['version']}-{digest.hexdigest()}"


def save(path: Path, state: State) -> None:
    """Write a fit so that it is there whole or not at all. Nothing is ever pickled."""
    aside = path.with_suffix(".aside")
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in state.tensors.items()}
    save_file(tensors or {"none": np.zeros(1, dtype=np.float32)}, aside, {"config": json.dumps(state.config)})
    aside.replace(path)


def load(path: Path) -> State:
    """Read a fit; raises FileNotFoundError or safetensors' own error on a damaged file."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys() if name != "none"}  # noqa: SIM118 - no dict
        return State(tensors, json.loads(file.metadata()["config"]))


def require(state: State, tensors: Iterable[str] = (), config: Iterable[str] = ()) -> None:
    """Raises ValueError naming what a fit lacks."""
    missing = [name for name in tensors if name not in state.tensors]
    missing += [name for name in config if name not in state.config]
    if missing:
        raise ValueError(f"The encoder's state lacks {', '.join(missing)}.")


def sample_positions(count: int, seed: int, most: int = FIT_ROWS) -> NDArray[np.int64]:
    """(at most `most`,) ascending positions of 0..count-1, drawn evenly by the seed."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, 41]).permutation(count)[:most])


def unit_rows(features: NDArray[Any]) -> Floats:
    """Rows of length 1; a zero row stays zero."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.where(norms > 0, norms, 1), dtype=np.float32)
