"""Last-layer Laplace: a Gaussian posterior over the last layer's weights, around the trained ones.

Sources: Kristiadi et al. (2020); Daxberger et al. (2021), who tune the width on held-out likelihood too.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from models_zoo import inference

NARROWEST = 1e-3  # of the covariance's width: draws must still differ by more than rounding


class LastLayer:
    """Samples of a last layer from its posterior.

    weight: (units, classes) and bias: (classes,), the mode. root: (units + 1, units + 1), a root of the covariance
    that all classes share; the bias comes last.
    """

    def __init__(self, weight: Tensor, bias: Tensor, root: Tensor) -> None:
        self.weight, self.bias, self.root = weight, bias, root
        self._layer: tuple[tuple[int, int], tuple[Tensor, Tensor]] | None = None

    def logits(self, units: Tensor, *, draws: int, seed: int) -> Tensor:
        """(items, draws, classes) of (items, units)."""
        return inference.affine(units, *self._sampled(draws, seed))

    def _sampled(self, draws: int, seed: int) -> tuple[Tensor, Tensor]:
        """(units, draws, classes) and (draws, classes), kept for the next chunk."""
        if self._layer is None or self._layer[0] != (draws, seed):
            mode = torch.cat([self.weight, self.bias.unsqueeze(0)]).unsqueeze(1)
            sampled = mode + self._noise(draws, seed)
            self._layer = (draws, seed), (sampled[:-1].contiguous(), sampled[-1])
        return self._layer[1]

    def _noise(self, draws: int, seed: int) -> Tensor:
        """(units + 1, draws, classes) of the posterior's covariance: one stream, so few draws begin many."""
        width, classes = len(self.root), self.weight.shape[1]
        normal = np.random.default_rng(seed).standard_normal((draws, classes, width), dtype=np.float32)
        return (self.root @ torch.from_numpy(normal).view(-1, width).T).view(width, draws, classes)


@dataclass(frozen=True)
class Mode:
    """The trained last layer as it stands to its n items.

    units: (n, units). logits: (n, classes). weights: (n,). precision: of the weights' prior, the strength of the L2
    penalty on the summed loss.
    """

    units: Tensor
    logits: Tensor
    weights: Tensor
    precision: float


def root(mode: Mode, own: Tensor, targets: Tensor, *, items: Tensor | None = None) -> Tensor:
    """A root of the posterior's covariance, (units + 1, units + 1); the bias comes last.

    Args:
        own: (k, classes), logits by models that never saw the item, which say how wide the posterior may be: the width
            that its curvature gives blurs all that was learned (digits, 100 labels: draws right on 81 %, the mode on
            90 %; with the fitted width, 90 %, and what draws disagree about is wrong far more often). targets: (k,).
        items: (k,) numbers of the mode's items that these are; all of them by default. Without any the width is the
            middle of its range.
    """
    rows = torch.cat([mode.units, torch.ones(len(mode.units), 1)], dim=1).double()
    curvature = _curvature(mode)
    gram = rows.T @ (rows * curvature.unsqueeze(1))
    gram.diagonal().add_(mode.precision)
    lower = torch.linalg.cholesky(gram)
    inverse = torch.linalg.solve_triangular(lower.T, torch.eye(len(gram), dtype=gram.dtype), upper=True)
    variance = (rows @ inverse).square().sum(dim=1)
    unseen = variance / (1 - curvature * variance).clamp(min=0.1)  # had the item not been among the labels
    told = torch.arange(len(rows)) if items is None else items
    width = _width(own, targets, mode.weights[told], unseen[told]) if len(told) else math.sqrt(NARROWEST)
    return torch.Tensor((inverse * math.sqrt(width)).float())


def _curvature(mode: Mode) -> Tensor:
    """(n,): half the trace of softmax's curvature, exact for both labels of an item that lies between two.

    All classes share one covariance: a label that is nowhere in doubt would get none of its own.
    """
    probs = torch.softmax(mode.logits.double(), dim=1)
    return (1 - probs.square().sum(dim=1)) / 2 * mode.weights


def _width(own: Tensor, targets: Tensor, weights: Tensor, variance: Tensor) -> float:
    """What the covariance is multiplied by, in [0.001, 1], for the likeliest mean over draws.

    That mean is MacKay's (1992): a variance v of the logits acts as a temperature of sqrt(1 + pi v / 8).
    """

    def loss(log_width: float) -> float:
        softened = own.double() / (1 + math.pi / 8 * math.exp(log_width) * variance).sqrt().unsqueeze(1)
        return float((nn.functional.cross_entropy(softened, targets, reduction="none") * weights).sum())

    found = minimize_scalar(loss, bounds=(math.log(NARROWEST), 0.0), method="bounded", options={"xatol": 1e-2})
    return math.exp(found.x)
