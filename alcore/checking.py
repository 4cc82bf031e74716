"""What the public edge of the core refuses, so that everything behind it may trust its arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def require_finite(name: str, array: NDArray[Any]) -> None:
    """Raises ValueError where an array holds NaN or infinity; nothing is ever turned into 0."""
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(f"{name} must be finite; it holds {array[tuple(bad)]} at {bad}.")


def require_probs(name: str, probs: NDArray[Any], dimensions: int) -> None:
    """Raises ValueError unless the array has so many axes, is finite, and lies in [0, 1]."""
    if probs.ndim != dimensions or 0 in probs.shape[1:]:
        raise ValueError(f"{name} must have {dimensions} axes, none empty but the items'; its shape is {probs.shape}.")
    require_finite(name, probs)
    if probs.size and (probs.min() < 0 or probs.max() > 1 + 1e-4):
        raise ValueError(f"{name} must lie in [0, 1]; it spans {probs.min()} to {probs.max()}.")


def require_shape(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}; it has {array.shape}.")
