"""What a round needs of a model."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Report = Callable[[str, float], None]


class Rows(Protocol):
    """(items, D) float32: an array, a memory-mapped file, or shards of one read as if they were one array."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: Any, /) -> Floats: ...


class Model(Protocol):
    """A cross-fitted ensemble: member m never trains on fold m. `classes` counts out of scope too."""

    def fit(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, *, classes: int, seed: int) -> None:
        """Train all members. features: (n, D); targets, weights, folds: (n,); raises ValueError on other shapes."""

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, classes), rows sum to 1."""

    def predict_probs(self, features: Floats) -> Floats:
        """(items, classes): the ensemble's mean."""

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        """(items, classes): each item by the member that never saw its fold."""

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, classes, draws): fixed posterior samples, the same for every item and every chunk.

        Few draws are the first of many, so that a shortlist may be scored again with more.
        """
