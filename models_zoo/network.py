"""Small convolutional networks trained end to end on images, all members as one grouped convolution."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from models_zoo import crossfit, laplace, mlp
from models_zoo.descent import Descent
from models_zoo.training import Floats, Ints, Tensors, TrainingConfig, TrainingSet, batches, generator

CONVOLUTIONS = ("first.weight", "first.bias", "second.weight", "second.bias")
SCALING = ("center", "scale")
NAMES = (*CONVOLUTIONS, *mlp.NAMES)
POOLED = 4  # cells to a side of what the hidden layer sees
BLOCK_FLOATS = 2_000_000  # in the first maps of the images convolved at once: 8 MB stay in the cache's reach


class NetworkHead(crossfit.CrossFitted):
    """M networks of two convolutions and one hidden layer, each with its own initialization.

    Images come flattened, (n, D), with their shape in the configuration, or as (n, H, W) or (n, C, H, W), of at least
    4 x 4 pixels. Dropout and Laplace's posterior are of the last layer of a network trained on all labels.
    """

    def __init__(self, config: TrainingConfig | None = None) -> None:
        super().__init__(config)
        self.shape = _of_three(self.config.shape) if self.config.shape else None

    def fit(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, *, classes: int, seed: int) -> None:
        """As for any head, and images of 3 or 4 axes besides; raises ValueError where their shape is not known."""
        features = np.asarray(features)
        self.shape = _shape_of(features, self.config.shape)
        flat = features.reshape(len(features), -1)
        super().fit(flat, targets, weights, folds, classes=classes, seed=seed)

    def _train(self, seen: TrainingSet) -> Tensors:
        tensors = train(seen, seen.member_weights(self.config), self._declared(), self.config, stream=0)
        return {**tensors, **self._constants(seen)}

    def _logits(self, rows: Tensor) -> Tensor:
        return mlp.last_logits(self._hidden(rows, self._tensors), self._tensors).transpose(0, 1)

    def _names(self) -> tuple[str, ...]:
        return (*NAMES, *SCALING, "shape")

    def _train_for_draws(self, seen: TrainingSet) -> Tensors:
        weights = seen.all_weights(self.config)
        tensors = train(seen, weights, self._declared(), self.config, stream=1)
        if self.config.posterior == "laplace":
            hidden = _units_in_blocks(seen.rows, self._declared(), tensors)
            precision = self.config.network_decay * len(hidden)
            mode = mlp.last_mode(hidden, tensors, weights, precision)
            tensors["root"] = laplace.root(mode, self._own, seen.targets)
        return mlp.single(tensors)

    def _units(self, rows: Tensor) -> Tensor:
        return self._hidden(rows, self._draw_tensors())[:, 0]

    def _draw_names(self) -> tuple[str, ...]:
        return (*NAMES, "root") if self.config.posterior == "laplace" else NAMES

    def load_state(self, state: Tensors) -> None:
        """As for any head; the images' shape travels with the weights."""
        super().load_state(state)
        self.shape = _of_three(tuple(int(side) for side in state["shape"]))

    def _hidden(self, rows: Tensor, tensors: Tensors) -> Tensor:
        """(n, members, hidden) from raw rows."""
        center, scale = (self._tensors[name] for name in SCALING)
        if rows.shape[1] != len(center):
            raise ValueError(f"features must be (n, {len(center)}) as in training; they are {tuple(rows.shape)}.")
        return _units_in_blocks(rows, self._declared(), tensors, lambda part: (part - center) / scale)

    def _constants(self, seen: TrainingSet) -> Tensors:
        """What the scaling and the images are: zero padding lets no scaling be folded into a convolution."""
        scale, shape = torch.tensor([seen.scaling.scale]), torch.tensor(self._declared())
        return {"center": seen.scaling.center, "scale": scale, "shape": shape}

    def _declared(self) -> tuple[int, int, int]:
        if self.shape is None:
            raise ValueError("The head knows no shape of its images: declare it, or give images of 3 or 4 axes.")
        return self.shape


def train(
    seen: TrainingSet, weights: Tensor, shape: tuple[int, int, int], config: TrainingConfig, *, stream: int
) -> Tensors:
    """Train len(weights) networks at once; returns the tensors that `NAMES` tells, on scaled images.

    Args:
        weights: (members, n), zero on the items that a member must not see. stream: tells apart the random numbers of
            several trainings with one seed.
    """
    source, images = generator(seen.seed, stream), _images(seen.rows, shape)

    def forward(tensors: Tensors, items: Tensor) -> Tensor:
        return mlp.last_logits(mlp.dropped(units(images[items], tensors), config.dropout, source), tensors)

    start = _start(len(weights), shape, seen.classes, config, source)
    taken = batches(len(images), config.network_batch, config.network_steps, source)
    return Descent(taken, config.network_rate, config.network_decay)(start, forward, seen, weights)


def units(images: Tensor, tensors: Tensors) -> Tensor:
    """(n, members, hidden): the last hidden layer of all members, from scaled images (n, C, H, W)."""
    first, second = tensors["first.weight"], tensors["second.weight"]
    members, height, width = len(first), *(min(POOLED, side // 2) for side in images.shape[2:])
    maps = nn.functional.conv2d(images, first.flatten(0, 1), tensors["first.bias"].flatten(), padding=1)
    maps = nn.functional.max_pool2d(maps.relu(), 2)
    bias = tensors["second.bias"].flatten()
    maps = nn.functional.conv2d(maps, second.flatten(0, 1), bias, padding=1, groups=members).relu()
    pooled = torch.unflatten(nn.functional.adaptive_avg_pool2d(maps, (height, width)), 1, (members, -1)).flatten(2)
    hidden = torch.baddbmm(tensors["hidden.bias"].unsqueeze(1), pooled.transpose(0, 1), tensors["hidden.weight"])
    return hidden.relu().transpose(0, 1)


def _units_in_blocks(
    rows: Tensor, shape: tuple[int, int, int], tensors: Tensors, scaled: Callable[[Tensor], Tensor] = lambda part: part
) -> Tensor:
    """(n, members, hidden) from flattened images, a few at a time: a chunk's maps are a hundred times its pixels."""
    members, first = tensors["first.bias"].shape
    block = max(1, BLOCK_FLOATS // (members * first * shape[1] * shape[2]))
    return torch.cat([units(_images(scaled(part), shape), tensors) for part in torch.split(rows, block)])


def _start(
    members: int, shape: tuple[int, int, int], classes: int, config: TrainingConfig, source: torch.Generator
) -> Tensors:
    """He's initialization, each member its own; the last layer at zero, where a member that sees nothing stays."""
    (first, second), hidden = config.channels, config.network_hidden
    pooled = second * min(POOLED, shape[1] // 2) * min(POOLED, shape[2] // 2)
    sizes = {
        "first.weight": ((members, first, shape[0], 3, 3), 9 * shape[0]),
        "second.weight": ((members, second, first, 3, 3), 9 * first),
        "hidden.weight": ((members, pooled, hidden), pooled),
    }
    drawn = {
        name: torch.randn(size, generator=source) * math.sqrt(2 / inputs) for name, (size, inputs) in sizes.items()
    }
    zeros = {"first.bias": (first,), "second.bias": (second,), "hidden.bias": (hidden,), "bias": (classes,)}
    biases = {name: torch.zeros(members, *size) for name, size in zeros.items()}
    return {**drawn, **biases, "weight": torch.zeros(members, hidden, classes)}


def _images(rows: Tensor, shape: tuple[int, int, int]) -> Tensor:
    return rows.view(-1, *shape)


def _shape_of(features: Floats, declared: tuple[int, ...] | None) -> tuple[int, int, int]:
    """(C, H, W): as declared, else the features' own."""
    shape = _of_three(declared or features.shape[1:])
    if math.prod(shape) != math.prod(features.shape[1:]):
        raise ValueError(f"images of shape {shape} do not fit features of shape {features.shape}.")
    return shape


def _of_three(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(H, W) or (C, H, W) -> (C, H, W)."""
    whole = (1, *shape) if len(shape) == 2 else shape
    if len(whole) != 3 or min(whole[1:]) < 4:
        raise ValueError(f"images must be (H, W) or (C, H, W), 4 x 4 pixels at least; their shape is {shape}.")
    return whole[0], whole[1], whole[2]
