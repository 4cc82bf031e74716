"""Temperature scaling: one number that makes probabilities as sure as they are right."""

import math

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

LEAST, MOST = 0.25, 4.0
LABELS_PER_CLASS = 2  # fewer than this on average say nothing reliable about a temperature


def temperature(logits: Tensor, targets: Tensor, weights: Tensor, *, known: Tensor) -> float:
    """The temperature in [0.25, 4] under which softmax(logits / temperature) is likeliest; 1 if none is better.

    Args:
        logits: (n, classes), each row by a model that never saw the item. targets, weights: (n,).
        known: (n,) True where that model has seen the item's label on another item. The others would say only that
            labels are few, which no temperature mends, and are left out.

    Returns 1 as well where labels are fewer than two for each class there is. Source: Guo et al. (2017).
    """
    if len(targets) < LABELS_PER_CLASS * len(torch.unique(targets)) or not (weights * known).any():
        return 1.0
    shares = weights[known]
    rows, said = logits[known].double(), targets[known]

    def loss(log_temperature: float) -> float:
        losses = nn.functional.cross_entropy(rows / math.exp(log_temperature), said, reduction="none")
        return float((losses * shares).sum())

    found = minimize_scalar(loss, bounds=(math.log(LEAST), math.log(MOST)), method="bounded", options={"xatol": 1e-3})
    return math.exp(found.x) if found.fun < loss(0.0) else 1.0


def known_labels(targets: Tensor, folds: Tensor, *, classes: int) -> Tensor:
    """(n,) True where the item's label also stands in another fold, so that the fold's own member has met it."""
    everywhere = torch.bincount(targets, minlength=classes)
    here = torch.zeros(int(folds.max()) + 1, classes, dtype=torch.int64)
    here.index_put_((folds, targets), torch.ones_like(targets), accumulate=True)
    return everywhere[targets] > here[folds, targets]
