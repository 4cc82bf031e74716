"""Small convolutional networks trained end to end on images, all members as one grouped convolution."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models_zoo import crossfit
from models_zoo.body import Body, Layer, Pace, he
from models_zoo.training import Floats, Tensors, TrainingConfig

POOLED = 4  # cells to a side of what the hidden layer sees
BLOCK_FLOATS = 2_000_000  # in the first maps of the images convolved at once: 8 MB stay in the cache's reach


@dataclass(frozen=True)
class NetworkBody(Body):
    """Two convolutions, each rectified and pooled, a hidden layer with dropout, and the last layer.

    shape: (C, H, W) of the images, which come flattened. Zero padding lets no scaling be folded into a convolution.
    """

    shape: tuple[int, int, int] = (1, 4, 4)

    @property
    def layers(self) -> dict[str, Layer]:
        (first, second), hidden = self.config.channels, self.config.network_hidden
        pooled = second * min(POOLED, self.shape[1] // 2) * min(POOLED, self.shape[2] // 2)
        return {
            "first.weight": ((first, self.shape[0], 3, 3), he(9 * self.shape[0])),
            "first.bias": ((first,), 0.0),
            "second.weight": ((second, first, 3, 3), he(9 * first)),
            "second.bias": ((second,), 0.0),
            "hidden.weight": ((pooled, hidden), he(pooled)),
            "hidden.bias": ((hidden,), 0.0),
        }

    @property
    def last_width(self) -> int:
        return self.config.network_hidden

    @property
    def rate(self) -> float:
        return self.config.network_rate

    @property
    def pace(self) -> Pace:
        config = self.config
        return Pace(config.network_batch, config.network_epochs, config.network_least, config.network_steps)

    def decay(self, name: str) -> float:
        return self.config.network_decay

    def units(self, tensors: Tensors, inputs: Tensor) -> Tensor:
        return units(inputs.view(-1, *self.shape), tensors)

    def raw_units(self, ready: Tensors, rows: Tensor) -> Tensor:
        return self._in_blocks(ready, rows, lambda part: (part - ready["center"]) / ready["scale"]).transpose(0, 1)

    def seen_units(self, tensors: Tensors, rows: Tensor) -> Tensor:
        return self._in_blocks(tensors, rows, lambda part: part)

    def _in_blocks(self, tensors: Tensors, rows: Tensor, scaled: Callable[[Tensor], Tensor]) -> Tensor:
        """(members, n, hidden), a few images at a time: a chunk's maps are a hundred times its pixels."""
        members, first = tensors["first.bias"].shape
        block = max(1, BLOCK_FLOATS // (members * first * self.shape[1] * self.shape[2]))
        return torch.cat([self.units(tensors, scaled(part)) for part in torch.split(rows, block)], dim=1)


class NetworkHead(crossfit.CrossFitted):
    """M networks of two convolutions and one hidden layer, each with its own initialization.

    Images come flattened, (n, D), with their shape in the configuration, or as (n, H, W) or (n, C, H, W), of at least
    4 x 4 pixels; raises ValueError where it is not known. Dropout and Laplace's posterior are of the last layer of a
    network trained on all labels.
    """

    def __init__(self, config: TrainingConfig | None = None) -> None:
        super().__init__(config)
        self.shape = _of_three(self.config.shape) if self.config.shape else None

    def _body(self, width: int, classes: int) -> NetworkBody:
        return NetworkBody(self.config, width, classes, self._declared())

    def _flattened(self, features: Floats) -> Floats:
        images = np.asarray(features)
        self.shape = _shape_of(images, self.config.shape)
        return images.reshape(len(images), -1)

    def _constants(self) -> Tensors:
        return {"shape": torch.tensor(self.shape or (0, 0, 0))}

    def _load_constants(self, state: Tensors) -> None:
        """The images' shape travels with the weights."""
        self.shape = _of_three(tuple(int(side) for side in state["shape"]))

    def _to_go_on_from(self, previous: object | None, body: Body) -> crossfit.CrossFitted:
        if isinstance(previous, NetworkHead) and previous.is_trained and previous.shape != self.shape:
            raise ValueError(f"The model to go on from knows images of shape {previous.shape}, not {self.shape}.")
        return super()._to_go_on_from(previous, body)

    def _declared(self) -> tuple[int, int, int]:
        if self.shape is None:
            raise ValueError("The head knows no shape of its images: declare it, or give images of 3 or 4 axes.")
        return self.shape


def units(images: Tensor, tensors: Tensors) -> Tensor:
    """(members, n, hidden): the last hidden layer of all members, from scaled images (n, C, H, W)."""
    first, second = tensors["first.weight"], tensors["second.weight"]
    members, height, width = len(first), *(min(POOLED, side // 2) for side in images.shape[2:])
    maps = nn.functional.conv2d(images, first.flatten(0, 1), tensors["first.bias"].flatten(), padding=1)
    maps = halved(maps).relu_()
    bias = tensors["second.bias"].flatten()
    maps = nn.functional.conv2d(maps, second.flatten(0, 1), bias, padding=1, groups=members).relu()
    pooled = torch.unflatten(nn.functional.adaptive_avg_pool2d(maps, (height, width)), 1, (members, -1)).flatten(2)
    hidden = torch.baddbmm(tensors["hidden.bias"].unsqueeze(1), pooled.transpose(0, 1), tensors["hidden.weight"])
    return hidden.relu()


def halved(maps: Tensor) -> Tensor:
    """(n, C, H, W) -> (n, C, H // 2, W // 2): the largest of every four cells.

    Where nothing is trained by comparing slices: the same numbers sooner than by torch's own pooling.
    """
    if torch.is_grad_enabled():
        return nn.functional.max_pool2d(maps, 2)
    height, width = (side // 2 * 2 for side in maps.shape[2:])
    rows = torch.maximum(maps[:, :, 0:height:2, :width], maps[:, :, 1:height:2, :width])
    return torch.maximum(rows[..., 0::2], rows[..., 1::2])


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
