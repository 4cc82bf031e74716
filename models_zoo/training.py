"""Training: the ensemble's linear heads at every strength of regularization as one batched model, and the MC dropout
network."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TrainingConfig:
    """How heads are trained."""

    members: int = 5
    # L2 strengths to choose from by out-of-fold log-likelihood: scikit-learn's 1 / C over a wide grid
    penalties: tuple[float, ...] = (0.03, 0.3, 3.0, 30.0)
    steps: int = 120
    rate: float = 0.1
    hidden: int = 128  # of the MC dropout network
    dropout: float = 0.5  # Gal & Ghahramani (2016) on fully connected layers
    network_steps: int = 200
    network_rate: float = 0.01
    network_decay: float = 1e-3


def train_heads(
    features: Tensor, targets: Tensor, weights: Tensor, penalties: Tensor, config: TrainingConfig
) -> Tensor:
    """Train linear softmax heads by full-batch Adam, all in one: a member's items weigh nothing for other members.

    Args:
        features: (n, D), with a last column of ones for the bias. targets: (n, classes), one-hot.
        weights: (members, n), zero on the items that a member must not see. penalties: (P,), of the squared weights.

    Returns (members, P, D, classes). A member's numbers do not depend on labels that weigh nothing for it.
    """
    members, (n, width), classes = len(weights), features.shape, targets.shape[1]
    head = torch.zeros(width, members, len(penalties), classes)
    mean, square = torch.zeros_like(head), torch.zeros_like(head)
    shrink = penalties.view(1, 1, -1, 1) / n * torch.ones(width, 1, 1, 1)
    shrink[-1] = 0  # the bias is free
    share = weights.T.reshape(n, members, 1, 1) / n
    target = targets.view(n, 1, 1, classes)
    for step in range(1, config.steps + 1):
        logits = (features @ head.view(width, -1)).view(n, members, len(penalties), classes)
        error = (torch.softmax(logits, dim=-1) - target) * share
        gradient = (features.T @ error.view(n, -1)).view(head.shape) + shrink * head
        mean.mul_(0.9).add_(gradient, alpha=0.1)
        square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        rate = config.rate * 0.5 * (1 + math.cos(math.pi * (step - 1) / config.steps))
        head -= rate * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    return head.permute(1, 2, 0, 3).contiguous()


def train_network(
    features: Tensor, targets: Tensor, weights: Tensor, config: TrainingConfig, classes: int, seed: int
) -> nn.Sequential:
    """Train a network with one hidden layer and dropout, on all labels, for MC dropout's posterior samples.

    Args:
        features: (n, D). targets: (n,) in 0..classes-1. weights: (n,).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(features.shape[1], config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, classes),
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=config.network_rate, weight_decay=config.network_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.network_steps)
        for _ in range(config.network_steps):
            loss = nn.functional.cross_entropy(network(features), targets, reduction="none")
            optimizer.zero_grad()
            (loss * weights).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network
