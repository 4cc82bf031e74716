"""What a round needs of a model."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Report = Callable[[str, float], None]


class Model(Protocol):
    """A cross-fitted ensemble: member m never trains on fold m. `classes` counts out of scope too."""

    def fit(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, *, classes: int, seed: int) -> None:
        """Train all members. features: (n, D); targets, weights, folds: (n,); raises ValueError on other shapes."""

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, classes), rows sum to 1."""

    def mean_probs(self, features: Floats) -> Floats:
        """(items, classes): the ensemble's mean."""

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        """(items, classes): each item by the member that never saw its fold."""

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, classes, draws): fixed posterior samples, the same for every item and every chunk."""
