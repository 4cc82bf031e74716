"""What one kind of network computes, all members at once: its layers, its units, and how it is trained."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from models_zoo import inference
from models_zoo.training import Scaling, Tensors, TrainingConfig

LAST = ("weight", "bias")  # of every kind of network: (members, units, classes) and (members, classes)
BLOCK = 1024  # rows that go through a network at once where nothing is trained
Layer = tuple[tuple[int, ...], float]  # its shape without the members' axis; the spread that it starts with


@dataclass(frozen=True)
class Pace:
    """How long a training from scratch may take: so many passes over the items, between so many steps and so many.

    batch: all items up to here, drawn batches beyond. No member is done before `least` steps: a handful of labels is
    named long before a network is as good as it gets (MNIST, 100 labels: .73 right against .76).
    """

    batch: int
    epochs: int
    least: int
    most: int

    def steps(self, items: int) -> int:
        """Steps at most for so many items."""
        return min(self.most, max(self.least, self.epochs * -(-items // self.batch)))


@dataclass(frozen=True)
class Body(ABC):
    """A kind of network for features of a width. Every tensor has the members as its first axis.

    Training sees scaled rows, prediction raw ones: `ready` gives the tensors for those.
    """

    config: TrainingConfig
    width: int
    classes: int

    @property
    @abstractmethod
    def layers(self) -> dict[str, Layer]:
        """All tensors by name, without those of the last layer."""

    @property
    @abstractmethod
    def last_width(self) -> int:
        """Units that the last layer sees."""

    @property
    @abstractmethod
    def rate(self) -> float:
        """Of the optimizer."""

    @property
    @abstractmethod
    def pace(self) -> Pace:
        """Of a training from scratch."""

    @abstractmethod
    def units(self, tensors: Tensors, inputs: Tensor) -> Tensor:
        """(members, n, units): what the last layer sees, from what `inputs` gave."""

    @abstractmethod
    def raw_units(self, ready: Tensors, rows: Tensor) -> Tensor:
        """(n, members, units) of raw rows by what `ready` gave."""

    @abstractmethod
    def decay(self, name: str) -> float:
        """Of a tensor: times half its squares is added to a member's mean loss."""

    @property
    def dropout(self) -> float:
        """The share of the last units that is dropped in training."""
        return self.config.dropout

    @property
    def names(self) -> tuple[str, ...]:
        """All tensors."""
        return (*self.layers, *LAST)

    def shapes(self, members: int) -> dict[str, tuple[int, ...]]:
        """All tensors' shapes."""
        last = {"weight": (self.last_width, self.classes), "bias": (self.classes,)}
        shapes = {name: shape for name, (shape, _) in self.layers.items()} | last
        return {name: (members, *shape) for name, shape in shapes.items()}

    def start(self, members: int, source: torch.Generator) -> Tensors:
        """Each member drawn on its own; the last layer at zero, where a member that sees nothing stays.

        It then knows no label from another.
        """
        spreads = {name: spread for name, (_, spread) in self.layers.items()}
        return {
            name: torch.randn(shape, generator=source) * spreads[name] if spreads.get(name) else torch.zeros(shape)
            for name, shape in self.shapes(members).items()
        }

    def inputs(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """(n, ...): what the first layer takes, which is what mixup may mix."""
        return rows

    def entering(self, rows: Tensor, tensors: Tensors) -> tuple[Tensor, Tensors]:
        """A training's scaled rows and tensors as the network takes them; `leaving` undoes it."""
        return rows, tensors

    def leaving(self, trained: Tensors, rows: Tensor, tensors: Tensors) -> Tensors:
        """What was trained, in place of the tensors that entered with these rows."""
        return trained

    def scaling(self, raw: Tensor) -> Scaling:
        """How raw rows (n, D) are scaled for training."""
        return Scaling.of(raw)

    def ready(self, tensors: Tensors, scaling: Scaling) -> Tensors:
        """The tensors as prediction from raw rows takes them."""
        return {**tensors, "center": scaling.center, "scale": torch.tensor(scaling.scale)}

    def raw_logits(self, ready: Tensors, rows: Tensor) -> Tensor:
        """(n, members, classes) of raw rows by what `ready` gave."""
        return last_logits(self.raw_units(ready, rows).transpose(0, 1), ready).transpose(0, 1)

    def seen_units(self, tensors: Tensors, rows: Tensor) -> Tensor:
        """(members, n, units) of rows as they enter, in evaluation mode, some at a time."""
        parts = [self.units(tensors, self.inputs(tensors, part)) for part in torch.split(rows, BLOCK)]
        return torch.cat(parts, dim=1)


def he(inputs: int) -> float:
    """The spread of weights that keeps what goes through a rectified layer at one size. Source: He et al. (2015)."""
    return math.sqrt(2 / inputs)


def last_logits(units: Tensor, tensors: Tensors) -> Tensor:
    """(members, n, classes) of (members, n, units)."""
    return torch.baddbmm(tensors["bias"].unsqueeze(1), units, tensors["weight"])


def hidden_layer(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(n, members, hidden) of rows that all members see, by one product; weight: (members, D, hidden)."""
    return inference.affine(rows, weight.transpose(0, 1), bias).relu_()


def scaled(ready: Tensors, rows: Tensor) -> Tensor:
    """Raw rows as training saw them."""
    return (rows - ready["center"]) / ready["scale"]
