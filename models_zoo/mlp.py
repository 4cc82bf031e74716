"""Networks with one hidden layer and dropout, all members trained as one model."""

import math

import torch
from torch import Tensor

from models_zoo import crossfit, inference, laplace
from models_zoo.descent import Descent
from models_zoo.training import Tensors, TrainingConfig, TrainingSet, batches, generator

NAMES = ("hidden.weight", "hidden.bias", "weight", "bias")


class MlpHead(crossfit.CrossFitted):
    """M networks with one hidden layer, each with its own initialization; draws are of one trained on all labels."""

    def _train(self, seen: TrainingSet) -> Tensors:
        return folded(train(seen, seen.member_weights(self.config), self.config, stream=0), seen)

    def _logits(self, rows: Tensor) -> Tensor:
        return last_logits(units(rows, self._tensors), self._tensors).transpose(0, 1)

    def _names(self) -> tuple[str, ...]:
        return NAMES

    def _train_for_draws(self, seen: TrainingSet) -> Tensors:
        weights = seen.all_weights(self.config)
        tensors = train(seen, weights, self.config, stream=1)
        if self.config.posterior == "laplace":
            hidden = units(seen.rows, tensors)
            precision = self.config.mlp_decay * len(hidden)
            tensors["root"] = laplace.root(last_mode(hidden, tensors, weights, precision), self._own, seen.targets)
        return single(folded(tensors, seen))

    def _units(self, rows: Tensor) -> Tensor:
        return units(rows, self._draw_tensors())[:, 0]

    def _draw_names(self) -> tuple[str, ...]:
        return (*NAMES, "root") if self.config.posterior == "laplace" else NAMES


def train(seen: TrainingSet, weights: Tensor, config: TrainingConfig, *, stream: int) -> Tensors:
    """Train len(weights) networks at once; returns the tensors that `NAMES` tells, on scaled rows.

    Args:
        weights: (members, n), zero on the items that a member must not see. stream: tells apart the random numbers of
            several trainings with one seed.

    A last layer that starts at zero stays there for a member that sees nothing: it knows no label from another.
    """
    source, (width, members) = generator(seen.seed, stream), (seen.rows.shape[1], len(weights))
    hidden = torch.randn(width, members, config.hidden, generator=source) * math.sqrt(2 / width)
    shapes = (members, config.hidden), (members, config.hidden, seen.classes), (members, seen.classes)
    start = dict(zip(NAMES, (hidden, *(torch.zeros(shape) for shape in shapes)), strict=True))

    def forward(tensors: Tensors, items: Tensor) -> Tensor:
        return last_logits(dropped(units(seen.rows[items], tensors), config.dropout, source), tensors)

    taken = batches(len(seen.rows), config.mlp_batch, config.mlp_steps, source)
    return Descent(taken, config.mlp_rate, config.mlp_decay)(start, forward, seen, weights)


def train_single(seen: TrainingSet, config: TrainingConfig) -> Tensors:
    """One network trained on all labels, a member axis of 1 in its tensors: the model behind draws."""
    return train(seen, seen.all_weights(config), config, stream=1)


def units(rows: Tensor, tensors: Tensors) -> Tensor:
    """(n, members, hidden): the hidden layers of all members by one product."""
    return inference.affine(rows, tensors["hidden.weight"], tensors["hidden.bias"]).relu_()


def last_logits(hidden: Tensor, tensors: Tensors) -> Tensor:
    """(members, n, classes) of (n, members, hidden)."""
    return torch.baddbmm(tensors["bias"].unsqueeze(1), hidden.transpose(0, 1), tensors["weight"])


def dropped(hidden: Tensor, rate: float, source: torch.Generator) -> Tensor:
    """Dropout in training: every unit of every item and member on its own."""
    kept = torch.rand(hidden.shape, generator=source) >= rate
    return hidden * kept / (1 - rate)


def last_mode(hidden: Tensor, tensors: Tensors, weights: Tensor, precision: float) -> laplace.Mode:
    """The last layer of one network, (n, 1, hidden) in, as Laplace's posterior takes it."""
    return laplace.Mode(hidden[:, 0], last_logits(hidden, tensors)[0], weights[0], precision=precision)


def folded(tensors: Tensors, seen: TrainingSet) -> Tensors:
    """The same networks on raw rows."""
    weight, bias = seen.scaling.folded(tensors["hidden.weight"], tensors["hidden.bias"])
    return {**tensors, "hidden.weight": weight, "hidden.bias": bias}


def single(tensors: Tensors) -> Tensors:
    """The tensors of one network as the model behind draws: its last layer without the member axis."""
    return {**tensors, "weight": tensors["weight"][0], "bias": tensors["bias"][0]}
