"""Vectors that came with the items, and the short sketch that stands beside any features."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from models_zoo.encoders.protocol import VERSION, Floats, State, fingerprint, require

SKETCH = 64  # dimensions: distances over a whole pool in a quarter to a twelfth of the memory
PCA_ROWS = 4 * SKETCH  # fewer rows say too little of the pool's directions


class Vectors:
    """Precomputed vectors, taken as they are."""

    learns = False

    @property
    def spec(self) -> dict[str, Any]:
        return {"name": "vectors", "version": VERSION}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[NDArray[np.float32]]) -> None:
        """Nothing to learn."""

    def encode(self, items: Sequence[NDArray[np.float32]]) -> Floats:
        lengths = {len(item) for item in items}
        if len(lengths) > 1:
            raise ValueError(f"Vectors must be of one length; they have {sorted(lengths)[:5]}.")
        rows = np.array(items, dtype=np.float32).reshape(len(items), -1)
        if not np.isfinite(rows).all():
            raise ValueError("A vector holds a value that is not finite.")
        return rows

    def state(self) -> State:
        return State()

    def load_state(self, state: State) -> None:
        """Nothing to take over."""


class Sketch:
    """Features -> 64 dimensions: PCA of a sample, or a random projection where the sample is small.

    A random projection keeps distances to about 1/8 with 64 dimensions. Source: Johnson & Lindenstrauss (1984).
    """

    learns = False

    def __init__(self, *, seed: int = 0, dimensions: int = SKETCH) -> None:
        self.seed, self.dimensions = seed, dimensions
        self._mean = np.zeros(0, dtype=np.float32)
        self._axes: Floats = np.zeros((0, dimensions), dtype=np.float32)

    @property
    def spec(self) -> dict[str, Any]:
        return {"name": "sketch", "version": VERSION, "seed": self.seed, "dimensions": self.dimensions}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[NDArray[np.float32]]) -> None:
        rows = np.stack(list(sample))
        width = rows.shape[1]
        if len(rows) >= PCA_ROWS:
            pca = PCA(self.dimensions, svd_solver="randomized", random_state=self.seed % 2**32).fit(rows)
            self._mean, self._axes = pca.mean_.astype(np.float32), pca.components_.T.astype(np.float32)
        else:
            drawn = np.random.default_rng([self.seed, 43]).normal(size=(width, self.dimensions))
            self._mean, self._axes = np.zeros(width, np.float32), (drawn / self.dimensions**0.5).astype(np.float32)

    def encode(self, items: Sequence[NDArray[np.float32]] | Floats) -> Floats:
        return np.asarray((np.asarray(items) - self._mean) @ self._axes, dtype=np.float32)

    def state(self) -> State:
        return State({"mean": self._mean, "axes": self._axes})

    def load_state(self, state: State) -> None:
        require(state, ("mean", "axes"))
        self._mean, self._axes = state.tensors["mean"], state.tensors["axes"]
