"""Gradient descent of all members at once: what one sees never moves another."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models_zoo.training import Tensors, TrainingSet

Forward = Callable[[Tensors, Tensor], Tensor]  # tensors, item numbers -> (members, items, classes) logits


@dataclass(frozen=True)
class Descent:
    """batches: the item numbers of each step. decay: times half the squared weights is added to the mean loss."""

    batches: list[Tensor]
    rate: float
    decay: float

    def __call__(self, tensors: Tensors, forward: Forward, seen: TrainingSet, weights: Tensor) -> Tensors:
        """The tensors after Adam under a cosine schedule; those given stay as they are.

        Args:
            tensors: each with a members axis. weights: (members, n); an item of weight 0 leaves a member bit-identical
                whatever its label.
        """
        tensors = {name: tensor.clone().requires_grad_() for name, tensor in tensors.items()}
        optimizer = torch.optim.Adam(tensors.values(), lr=self.rate, weight_decay=self.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(self.batches))
        for items in self.batches:
            loss = (losses(forward(tensors, items), seen.targets[items]) * weights[:, items]).sum() / len(items)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        return {name: tensor.detach() for name, tensor in tensors.items()}


def losses(logits: Tensor, targets: Tensor) -> Tensor:
    """(members, items) cross-entropies of (members, items, classes) logits."""
    flat = nn.functional.cross_entropy(logits.flatten(0, 1), targets.repeat(len(logits)), reduction="none")
    return flat.view(len(logits), -1)
