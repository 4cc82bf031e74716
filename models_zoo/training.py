"""What training is told and what it sees: the configuration, the standardized training set, and its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models_zoo import weighing

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Tensors = dict[str, Tensor]
Posterior = Literal["mc_dropout", "laplace"]


@dataclass(frozen=True)
class TrainingConfig:
    """How heads are trained and how their posterior is sampled."""

    members: int = 5
    calibrated: bool = True  # a temperature is fitted on what members say of items they have not seen
    balanced: bool = False  # rare labels weigh more, by their effective number
    beta: float = 0.999  # of the effective number: Cui et al. (2019) found .99 to .9999 to serve
    bootstrap: bool = False  # each member weighs each item by a Poisson(1) count of its own
    stop_at: float = 0.99  # of the labels a member sees, named in evaluation mode: it is done (Das et al. 2023)
    # what draws are samples of: dropout masks of a small network, or weights of the last layer
    posterior: Posterior = "mc_dropout"
    patched: bool = False  # let baal's patched network draw, mask by mask: the same samples, slower

    # linear heads. L2 strengths to choose from by out-of-fold log-likelihood: scikit-learn's 1 / C over a wide grid
    penalties: tuple[float, ...] = (0.03, 0.3, 3.0, 30.0)
    steps: int = 120
    rate: float = 0.1
    linear_rate: float = 0.01  # of the small steps by which a linear head goes on

    # the network with one hidden layer, also the one that a linear head's MC dropout samples
    hidden: int = 128
    dropout: float = 0.5  # Gal & Ghahramani (2016) on fully connected layers
    # from scratch so many passes over the labels, yet no fewer and no more steps: see models_zoo.body.Pace
    mlp_epochs: int = 20
    mlp_least: int = 200
    mlp_steps: int = 1000
    mlp_batch: int = 256
    mlp_rate: float = 0.01
    mlp_decay: float = 1e-3

    # the convolutional network; its images are (channels, height, width) or (height, width) once unflattened
    shape: tuple[int, ...] | None = None
    channels: tuple[int, int] = (16, 32)
    network_hidden: int = 64
    network_epochs: int = 25
    network_least: int = 200
    network_steps: int = 1000
    network_batch: int = 64
    network_rate: float = 0.005
    network_decay: float = 1e-3

    # the adapter: a bottleneck of so many units beside the features; trained as the network with one hidden layer is
    bottleneck: int = 64
    adapter_rate: float = 0.005

    # the network on words
    text_hidden: int = 64
    text_epochs: int = 40
    text_least: int = 200
    text_steps: int = 1000
    text_batch: int = 64
    text_rate: float = 0.01
    text_decay: float = 1e-4
    table_decay: float = 1e-3  # of embeddings, which else learn every text by heart


@dataclass(frozen=True)
class Scaling:
    """Centers features and brings them to one overall scale, so that one set of penalties serves every encoder."""

    center: Tensor  # (D,)
    scale: float

    @classmethod
    def of(cls, rows: Tensor) -> "Scaling":
        """The scaling that gives these rows, (n, D), mean 0 in every column and mean square 1 overall."""
        center = rows.mean(dim=0)
        spread = float((rows - center).square().mean().sqrt())
        return cls(center, spread if spread > 0 else 1.0)

    def __call__(self, rows: Tensor) -> Tensor:
        """(n, D) -> (n, D)."""
        return (rows - self.center) / self.scale

    def folded(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The layer that gives on raw rows what this one gives on scaled rows: no copy of a pool is ever scaled.

        Args:
            weight: (D, groups, units). bias: (groups, units).
        """
        wide = weight.double() / self.scale
        shifted = bias.double() - torch.einsum("d,dgu->gu", self.center.double(), wide)
        return wide.float().contiguous(), shifted.float().contiguous()


@dataclass(frozen=True)
class TrainingSet:
    """What a fit sees, checked. rows: (n, D) float32, scaled. targets, weights, folds: (n,)."""

    rows: Tensor
    scaling: Scaling
    targets: Tensor
    weights: Tensor
    folds: Tensor
    classes: int
    seed: int

    def member_weights(self, config: TrainingConfig) -> Tensor:
        """(members, n): the items' weights, zero on a member's own fold, times its counts where it is bootstrapped.

        Source: Oza & Russell (2001) on counts that are drawn for each item on its own.
        """
        others = self.folds != torch.arange(config.members).unsqueeze(1)
        weights = self.weights * others
        if config.bootstrap:
            weights = weights * torch.poisson(torch.ones_like(weights), generator=generator(self.seed, 2))
        return self._weighed(weights, config)

    @property
    def labeled(self) -> Tensor:
        """Numbers of the items that are of a fold."""
        return torch.nonzero(self.folds >= 0)[:, 0]

    def all_weights(self, config: TrainingConfig) -> Tensor:
        """(1, n): the weights for a model that sees every label."""
        return self._weighed(self.weights.unsqueeze(0), config)

    def same_items(self, other: "TrainingSet") -> bool:
        """Whether only weights differ."""
        mine, theirs = (self.rows, self.targets, self.folds), (other.rows, other.targets, other.folds)
        same = all(torch.equal(one, two) for one, two in zip(mine, theirs, strict=True))
        return same and (self.seed, self.classes) == (other.seed, other.classes)

    def _weighed(self, weights: Tensor, config: TrainingConfig) -> Tensor:
        if not config.balanced:
            return weights
        return weighing.balanced(weights, self.targets, classes=self.classes, beta=config.beta)


@dataclass(frozen=True)
class Answers:
    """What is known of the items of a training set. targets, weights, folds: (n,); `classes` labels there are."""

    targets: Ints
    weights: Floats
    folds: Ints
    classes: int


def training_set(features: Floats, answers: Answers, scaling: Callable[[Tensor], Scaling], *, seed: int) -> TrainingSet:
    """Tensors of one's own, so that the caller's arrays may change afterwards; `scaling` of the raw rows."""
    raw = torch.from_numpy(np.array(features, dtype=np.float32))
    found = scaling(raw)
    labels, groups = (torch.from_numpy(np.array(one, dtype=np.int64)) for one in (answers.targets, answers.folds))
    shares = torch.from_numpy(np.array(answers.weights, dtype=np.float32))
    return TrainingSet(found(raw), found, labels, shares, groups, answers.classes, seed)


def check(features: Floats, answers: Answers, *, members: int) -> None:
    """Raises ValueError on unequal lengths, NaN or infinity, negative weights, or labels and folds out of range.

    An item of fold -1 is of none: every member sees it.
    """
    targets, weights, folds = answers.targets, answers.weights, answers.folds
    if features.ndim != 2 or not len(features) == len(targets) == len(weights) == len(folds) > 0:
        shapes = [features.shape, targets.shape, weights.shape, folds.shape]
        raise ValueError(f"features (n, D), targets, weights and folds (n,) must fit, n > 0; they are {shapes}.")
    for name, array in (("features", features), ("weights", weights)):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite; they hold NaN or infinity.")
    if weights.min() < 0:
        raise ValueError(f"weights must not be negative; the least is {weights.min()}.")
    for name, numbers, first, end in (("targets", targets, 0, answers.classes), ("folds", folds, -1, members)):
        if numbers.min() < first or numbers.max() >= end:
            raise ValueError(f"{name} must lie in {first}..{end - 1}; they span {numbers.min()}..{numbers.max()}.")


def generator(seed: int, *stream: int) -> torch.Generator:
    """Randomness of its own for each purpose; torch's global state is never touched."""
    state = np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def batches(items: int, size: int, steps: int, source: torch.Generator) -> list[Tensor]:
    """`steps` index tensors: all items where they fit, else batches off shuffled passes. No label has a say."""
    if items <= size:
        return [torch.arange(items)] * steps
    passes = -(-steps * size // items)
    order = torch.cat([torch.randperm(items, generator=source) for _ in range(passes)])
    return list(torch.split(order[: steps * size], size))
