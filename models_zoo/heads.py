"""The heads that a round can train, and what all of them promise."""

from typing import Protocol

from models_zoo.linear import LinearHead
from models_zoo.mlp import MlpHead
from models_zoo.network import NetworkHead
from models_zoo.training import Floats, Ints, Tensors, TrainingConfig

Ensemble = LinearHead


class Head(Protocol):
    """A cross-fitted ensemble: member m never trains on fold m. `classes` counts out of scope too."""

    def fit(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, *, classes: int, seed: int) -> None:
        """Train all members. features: (n, D); targets, weights, folds: (n,); raises ValueError on other shapes."""

    def logits(self, features: Floats) -> Floats:
        """(members, items, classes), each member's own, uncalibrated."""

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, classes), rows sum to 1."""

    def predict_probs(self, features: Floats) -> Floats:
        """(items, classes): the members' mean."""

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        """(items, classes): each item by the member that never saw its fold."""

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, classes, draws): fixed posterior samples, the same for every item, chunk and number of draws."""

    def state(self) -> Tensors:
        """Everything that prediction and draws need."""

    def load_state(self, state: Tensors) -> None:
        """Take over what `state` gave; raises ValueError naming what is missing."""


KINDS: dict[str, type[LinearHead] | type[MlpHead] | type[NetworkHead]] = {
    "linear": LinearHead,
    "mlp": MlpHead,
    "network": NetworkHead,
}


def make(kind: str, config: TrainingConfig | None = None) -> Head:
    """The head of that name; raises ValueError naming those there are."""
    if kind not in KINDS:
        raise ValueError(f"There is no head {kind!r}; there are {', '.join(KINDS)}.")
    return KINDS[kind](config)
