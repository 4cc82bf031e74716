"""What all heads share: cross-fitting, calibration, consistent draws, and their state as tensors."""

import math
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from models_zoo import calibration, checkpoints, inference, laplace, mc_dropout, training
from models_zoo.training import Floats, Ints, Tensors, TrainingConfig, TrainingSet

DRAWS = "draws."  # tensors of the model that draws are samples of, beside the members' own


class CrossFitted(ABC):
    """M members; member m never trains on fold m, and what is known of an item's own fold never moves its weights.

    Two numbers are shared by all members, chosen by what each says of its own fold: a linear head's penalty and the
    temperature. So a fold's labels have a say in them, though none in its member's weights at a given penalty. The
    temperature, one scalar, divides all members' logits: it moves how sure a member is, never what it thinks likeliest.
    """

    def __init__(self, config: TrainingConfig | None = None) -> None:
        self.config = config or TrainingConfig()
        self.temperature = 1.0
        self._tensors: Tensors = {}
        self._seen: TrainingSet | None = None
        self._own = torch.zeros(0, 0)  # (n, classes): logits of what the last fit saw, each by who never saw the item
        self._last: mc_dropout.LastLayer | laplace.LastLayer | None = None

    def fit(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, *, classes: int, seed: int) -> None:
        """Train all members from scratch.

        Args:
            features: (n, D) numbers; images flattened. targets: (n,) in 0..classes-1, out of scope last.
            weights: (n,), 1 on average. folds: (n,) in 0..members-1.

        Raises ValueError on unequal lengths, NaN or infinite features, or labels and folds out of range.
        """
        training.check(features, targets, weights, folds, classes=classes, members=self.config.members)
        seen = training.training_set(features, targets, weights, folds, classes=classes, seed=seed)
        self._tensors = self._train(seen)
        self._seen, self._last = seen, None
        self._own = self._logits(inference.rows_of(features))[torch.arange(len(folds)), seen.folds]
        self.temperature = self._fit_temperature(seen) if self.config.calibrated else 1.0

    def logits(self, features: Floats) -> Floats:
        """(members, items, classes): each member's own logits, before any temperature."""
        return np.asarray(self._logits(self._rows(features)).transpose(0, 1).numpy())

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, classes): each member's calibrated probabilities; rows sum to 1."""
        return np.asarray(self._probs(features, self.temperature).transpose(0, 1).numpy())

    def predict_probs(self, features: Floats) -> Floats:
        """(items, classes): the mean over members; rows sum to 1.

        A mean is already less sure than its members: a temperature above 1 suits each of them and is too much for it,
        none at all leaves it too sure, and its root lies between. One below 1 stands. Source: Rahaman & Thiery (2021)
        on means and their own temperature; the root was chosen on data sets that no benchmark reports.
        """
        softened = math.sqrt(self.temperature) if self.temperature > 1 else self.temperature
        return np.asarray(self._probs(features, softened).mean(dim=1).numpy())

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        """(items, classes): each item by the one member that never saw its fold."""
        return np.asarray(self.member_probs(features)[folds, np.arange(len(folds))])

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, classes, draws): fixed posterior samples of a model trained on all labels of the last fit.

        Sample t is the same for every item, in chunks of any size, and for any number of draws. Samples only choose
        what to ask; no temperature touches them, and out-of-fold probabilities never come from them.

        Raises ValueError on fewer than one draw, and where the head came from a state without draws.
        """
        if draws < 1:
            raise ValueError(f"draws must be 1 or more; they are {draws}.")
        rows, last = self._rows(features), self._last_layer()
        with torch.no_grad():
            probs = inference.softmax_(last.logits(self._units(rows), draws=draws, seed=seed))
        return np.asarray(probs.transpose(1, 2).numpy())

    @property
    def is_trained(self) -> bool:
        """Whether it was fitted or took over a state."""
        return bool(self._tensors)

    def state(self, *, with_draws: bool = True) -> Tensors:
        """Everything that prediction and draws need, as tensors; trains the model behind draws if none asked yet.

        Without draws nothing is trained, and the head that takes the state over predicts but gives no draws.
        """
        if with_draws:
            self._last_layer()
        kept = {name: tensor for name, tensor in self._tensors.items() if with_draws or not name.startswith(DRAWS)}
        return {**kept, "temperature": torch.tensor([self.temperature], dtype=torch.float64)}

    def load_state(self, state: Tensors) -> None:
        """Take over what `state` gave under the same configuration; raises ValueError naming what is missing."""
        with_draws = any(name.startswith(DRAWS) for name in state)
        draw_names = (DRAWS + name for name in self._draw_names()) if with_draws else ()
        checkpoints.require(state, ("temperature", *self._names(), *draw_names))
        self._tensors = {name: tensor for name, tensor in state.items() if name != "temperature"}
        self._seen, self._last = None, None
        self.temperature = float(state["temperature"][0])

    @abstractmethod
    def _train(self, seen: TrainingSet) -> Tensors:
        """Members' tensors, on raw rows, as `_names` tells them."""

    @abstractmethod
    def _logits(self, rows: Tensor) -> Tensor:
        """(items, members, classes) from raw rows, in memory that the caller may overwrite."""

    @abstractmethod
    def _names(self) -> tuple[str, ...]:
        """The tensors that `_train` gives."""

    @abstractmethod
    def _train_for_draws(self, seen: TrainingSet) -> Tensors:
        """Tensors of the model behind draws: its body, `weight` (units, classes), `bias`, and for Laplace `root`."""

    @abstractmethod
    def _units(self, rows: Tensor) -> Tensor:
        """(items, units): what the last layer of the model behind draws sees."""

    @abstractmethod
    def _draw_names(self) -> tuple[str, ...]:
        """The tensors that `_train_for_draws` gives."""

    def _draw_tensors(self) -> Tensors:
        return {name.removeprefix(DRAWS): tensor for name, tensor in self._tensors.items() if name.startswith(DRAWS)}

    def _rows(self, features: Floats) -> Tensor:
        if not self.is_trained:
            raise ValueError("The head knows nothing yet: fit it or load a state first.")
        return inference.rows_of(features)

    def _probs(self, features: Floats, temperature: float) -> Tensor:
        return inference.softmax_(self._logits(self._rows(features)), temperature)

    def _fit_temperature(self, seen: TrainingSet) -> float:
        known = calibration.known_labels(seen.targets, seen.folds, classes=seen.classes)
        return calibration.temperature(self._own, seen.targets, seen.weights, known=known)

    def _last_layer(self) -> mc_dropout.LastLayer | laplace.LastLayer:
        if self._last is None:
            if DRAWS + "weight" not in self._tensors:
                self._tensors |= {DRAWS + name: t for name, t in self._train_for_draws(self._training_set()).items()}
            self._last = self._make_last_layer()
        return self._last

    def _make_last_layer(self) -> mc_dropout.LastLayer | laplace.LastLayer:
        tensors = self._draw_tensors()
        if self.config.posterior == "laplace":
            return laplace.LastLayer(tensors["weight"], tensors["bias"], tensors["root"])
        return mc_dropout.LastLayer(
            tensors["weight"], tensors["bias"], rate=self.config.dropout, patched=self.config.patched
        )

    def _training_set(self) -> TrainingSet:
        if self._seen is None and self._tensors:
            raise ValueError("The head's state was kept without draws: fit it, or load a state with them.")
        if self._seen is None:
            raise ValueError("The head knows nothing yet: fit it or load a state first.")
        return self._seen
