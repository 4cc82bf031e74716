"""Class weights for labels of unequal number."""

import torch
from torch import Tensor, nn


def balanced(weights: Tensor, targets: Tensor, *, classes: int, beta: float) -> Tensor:
    """Multiply items' weights by their label's inverse effective number, (1 - beta) / (1 - beta ** n).

    Args:
        weights: (members, n), zero where a member sees nothing. targets: (n,) in 0..classes-1. beta: between 0,
            where weights stay as they are, and 1, where
            every label weighs the same whatever its number.

    Returns (members, n) with each member's sum as before. n is what the member itself sees of the label, so labels of
    its own fold have no say. Source: Cui et al. (2019).
    """
    seen = weights @ nn.functional.one_hot(targets, classes).float()  # (members, classes)
    effective = -torch.expm1(seen.double() * torch.log(torch.tensor(beta, dtype=torch.float64)))
    share = torch.where(seen > 0, (1 - beta) / effective, 0.0).float()
    product = weights * share[:, targets]
    before, after = weights.sum(dim=1, keepdim=True), product.sum(dim=1, keepdim=True)
    return torch.where(after > 0, product * before / after, weights)
