"""The loss of each step of a training, all members at once: cross-entropies and distances, mixed and weighed."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from models_zoo.body import Body, last_logits
from models_zoo.training import Tensors

GLANCE = 64  # rows of a group; a look at all of them takes as long as some steps
NEAR = 0.05  # of the accuracy to be reached; of 64 rows one wrong is a hundredth and a half


@dataclass(frozen=True)
class Plan:
    """The steps of a training, as alcore.protocols.Steps tells them, in tensors.

    logits: (members, n, classes), zero where not known. known: (n,), 1 or 0. least: steps before the first look at who
    is done.
    """

    batches: list[Tensor]
    beside: list[Tensor]
    epoch: int
    shares: tuple[float, float] = (1.0, 0.0)
    distance: str = ""
    alpha: float = 0.0
    beta: float = 1.0
    logits: Tensor | None = None
    known: Tensor | None = None
    interfered: int = 0
    mixup: float = 0.0
    judged: tuple[Tensor, ...] = field(default_factory=tuple)
    least: int = 0

    def looks(self, taken: int) -> bool:
        """Whether it is looked who is done after so many steps; after the last one all are."""
        return bool(self.judged) and taken % self.epoch == 0 and self.least <= taken < len(self.batches)

    def samples(self, step: int) -> int:
        """Rows that go forward and backward for one member in a step; MIR's look ahead counts as another pass."""
        rows = len(self.batches[step]) + len(self.beside[step])
        return 2 * rows if self.interfered and len(self.beside[step]) else rows


@dataclass(frozen=True)
class Part:
    """Rows of a step. said, kept: (members, rows), what the cross-entropy and the distance of each row weigh."""

    items: Tensor
    said: Tensor
    kept: Tensor

    def permuted(self, order: Tensor) -> "Part":
        return Part(self.items[order], self.said[:, order], self.kept[:, order])


class Objective:
    """What a plan's steps minimize.

    rows: (n, ...) as they enter the body. weights: (members, n); an item of weight 0 leaves a member bit-identical
    whatever its label. source: of all randomness; labels have no say in how much of it is used.
    """

    def __init__(self, body: Body, plan: Plan, rows: Tensor, targets: Tensor, weights: Tensor) -> None:
        self.body, self.plan, self.rows, self.targets, self.weights = body, plan, rows, targets, weights

    def loss(self, tensors: Tensors, step: int, source: torch.Generator) -> Tensor:
        """The sum over members of each one's loss in a step."""
        part = self._part(tensors, self.plan.batches[step], self.plan.beside[step])
        inputs = self.body.inputs(tensors, self.rows[part.items])
        if not self.plan.mixup:
            return self._loss(self._logits(tensors, inputs, source), part)
        order, share = torch.randperm(len(inputs), generator=source), beta(self.plan.mixup, source)
        mixed = share * inputs + (1 - share) * inputs[order]
        logits = self._logits(tensors, mixed, source)
        return share * self._loss(logits, part) + (1 - share) * self._loss(logits, part.permuted(order))

    def reached(self, tensors: Tensors, stop_at: float) -> Tensor:
        """(members,) True where a member names enough labels of every group of judged rows, each as far as it sees it.

        A group of which it sees nothing counts as reached; with no group none ever is. Where a glance at a few rows
        shows that no member is near, the others are not looked at.
        """
        reached = torch.full((len(self.weights),), bool(self.plan.judged))
        for rows, enough in ((GLANCE, stop_at - NEAR), (None, stop_at)):
            if reached.any():
                shares = [self._accuracy(tensors, group[:rows]) for group in self.plan.judged]
                reached &= (torch.stack(shares) >= enough).all(dim=0)  # each member by itself, both times
        return reached

    def _accuracy(self, tensors: Tensors, group: Tensor) -> Tensor:
        """(members,); infinite where a member sees none of the group."""
        with torch.no_grad():
            logits = self._evaluated(tensors, group)
        right, sees = logits.argmax(dim=2) == self.targets[group], self.weights[:, group] > 0
        seen = sees.sum(dim=1)
        return torch.where(seen > 0, (right & sees).sum(dim=1) / seen.clamp(min=1), torch.inf)

    def _part(self, tensors: Tensors, batch: Tensor, beside: Tensor) -> Part:
        """A step's rows, first of the batch and then beside it."""
        plan, shares = self.plan, self.weights[:, batch] * (self.plan.shares[0] / max(1, len(batch)))
        if not len(beside):
            return Part(batch, shares, torch.zeros_like(shares))
        counted = min(plan.interfered, len(beside)) if plan.interfered else len(beside)
        weights = self._interfered(tensors, batch, beside) if plan.interfered else self.weights[:, beside]
        others = weights * (plan.shares[1] / counted)
        kept = torch.zeros_like(others) if plan.known is None else others * plan.alpha * plan.known[beside]
        said = torch.cat([shares, others * plan.beta], dim=1)
        return Part(torch.cat([batch, beside]), said, torch.cat([torch.zeros_like(shares), kept], dim=1))

    def _interfered(self, tensors: Tensors, batch: Tensor, beside: Tensor) -> Tensor:
        """(members, rows): the weights of those beside whose loss a step on the batch would raise most; zero others.

        Source: Aljundi et al. (2019), maximally interfered retrieval, with the virtual step of each member its own.
        """
        loss = (losses(self._evaluated(tensors, batch), self.targets[batch]) * self.weights[:, batch]).sum()
        gradients = torch.autograd.grad(loss / len(batch), list(tensors.values()))
        with torch.no_grad():
            pairs = zip(tensors.items(), gradients, strict=True)
            moved = {name: tensor - self.body.rate * gradient for (name, tensor), gradient in pairs}
            before, after = (losses(self._evaluated(t, beside), self.targets[beside]) for t in (tensors, moved))
            weights = self.weights[:, beside]
            raised = (after - before).masked_fill(weights == 0, -torch.inf)
            most = raised.topk(min(self.plan.interfered, len(beside)), dim=1).indices
            return weights * torch.zeros_like(weights).scatter_(1, most, 1.0)

    def _loss(self, logits: Tensor, part: Part) -> Tensor:
        said = (losses(logits, self.targets[part.items]) * part.said).sum()
        if self.plan.logits is None or not self.plan.distance:
            return said
        stored = self.plan.logits[:, part.items]
        return said + (distances(logits, stored, self.plan.distance) * part.kept).sum()

    def _logits(self, tensors: Tensors, inputs: Tensor, source: torch.Generator) -> Tensor:
        units = self.body.units(tensors, inputs)
        return last_logits(dropped(units, self.body.dropout, source) if self.body.dropout else units, tensors)

    def _evaluated(self, tensors: Tensors, items: Tensor) -> Tensor:
        return last_logits(self.body.seen_units(tensors, self.rows[items]), tensors)


def losses(logits: Tensor, targets: Tensor) -> Tensor:
    """(members, items) cross-entropies of (members, items, classes) logits."""
    flat = nn.functional.cross_entropy(logits.flatten(0, 1), targets.repeat(len(logits)), reduction="none")
    return flat.view(len(logits), -1)


def distances(logits: Tensor, stored: Tensor, kind: str) -> Tensor:
    """(members, items): how far logits, (members, items, classes), are from those that were stored.

    "kl": of the probabilities from the stored ones, at temperature 1. "mse": the mean over classes of the squared
    differences of the logits themselves. Sources: Das et al. (2023); Buzzega et al. (2020), dark experience replay.
    """
    if kind == "mse":
        return (logits - stored).square().mean(dim=2)
    now, then = torch.log_softmax(logits, dim=2), torch.log_softmax(stored, dim=2)
    return (then.exp() * (then - now)).sum(dim=2)


def dropped(hidden: Tensor, rate: float, source: torch.Generator) -> Tensor:
    """Dropout in training: every unit of every item and member on its own."""
    kept = torch.rand(hidden.shape, generator=source) >= rate
    return hidden * kept / (1 - rate)


def beta(alpha: float, source: torch.Generator) -> float:
    """One draw of Beta(alpha, alpha), by which mixup mixes. Source: Zhang et al. (2018)."""
    seed = int(torch.randint(2**62, (1,), generator=source))
    return float(np.random.default_rng(seed).beta(alpha, alpha))
