"""Linear softmax heads, all members and all penalties trained as one model."""

import math

import torch
from torch import Tensor, nn

from models_zoo import crossfit, inference, laplace, mlp
from models_zoo.training import Tensors, TrainingConfig, TrainingSet


class LinearHead(crossfit.CrossFitted):
    """M linear softmax heads.

    The penalty is the one with the best out-of-fold log-likelihood, chosen at every first fit and kept for a fit on
    the same items with other weights. Draws are MC dropout samples of a network with one hidden layer trained on the
    same labels, or Laplace samples of a linear head trained on all of them.
    """

    def __init__(self, config: TrainingConfig | None = None) -> None:
        super().__init__(config)
        self.penalty: float | None = None

    def _train(self, seen: TrainingSet) -> Tensors:
        again = self._seen is not None and self._seen.same_items(seen)
        weights = seen.member_weights(self.config)
        if again and self.penalty is not None:
            head = train_heads(seen, weights, (self.penalty,), self.config)[:, 0]
        else:
            heads = train_heads(seen, weights, self.config.penalties, self.config)
            best = best_penalty(heads, seen)
            self.penalty, head = self.config.penalties[best], heads[:, best]
        weight, bias = seen.scaling.folded(head[:, :-1].transpose(0, 1), head[:, -1])
        return {"weight": weight, "bias": bias, "penalty": torch.tensor([self.penalty], dtype=torch.float64)}

    def _logits(self, rows: Tensor) -> Tensor:
        return inference.affine(rows, self._tensors["weight"], self._tensors["bias"])

    def _names(self) -> tuple[str, ...]:
        return ("weight", "bias", "penalty")

    def _train_for_draws(self, seen: TrainingSet) -> Tensors:
        weights = seen.all_weights(self.config)
        if self.config.posterior == "mc_dropout":
            return mlp.single(mlp.folded(mlp.train_single(seen, self.config), seen))
        penalty = float(self._tensors["penalty"][0])
        head = train_heads(seen, weights, (penalty,), self.config)[0, 0]
        mode = laplace.Mode(seen.rows, seen.rows @ head[:-1] + head[-1], weights[0], precision=penalty)
        root = laplace.root(mode, self._own, seen.targets)
        (weight, bias), (spread, last) = (seen.scaling.folded(t[:-1].unsqueeze(1), t[-1:]) for t in (head, root))
        return {"weight": weight[:, 0], "bias": bias[0], "root": torch.cat([spread[:, 0], last])}

    def _units(self, rows: Tensor) -> Tensor:
        return rows if self.config.posterior == "laplace" else mlp.units(rows, self._draw_tensors())[:, 0]

    def _draw_names(self) -> tuple[str, ...]:
        return ("weight", "bias", "root") if self.config.posterior == "laplace" else mlp.NAMES


def train_heads(seen: TrainingSet, weights: Tensor, penalties: tuple[float, ...], config: TrainingConfig) -> Tensor:
    """Train linear softmax heads by full-batch Adam, all in one: a member's items weigh nothing for other members.

    Args:
        weights: (members, n), zero on the items that a member must not see. penalties: of the squared weights.

    Returns (members, penalties, D + 1, classes), the bias last, on scaled rows. A member's numbers do not depend on
    labels that weigh nothing for it.
    """
    rows = torch.cat([seen.rows, torch.ones(len(seen.rows), 1)], dim=1)
    members, (n, width), strengths = len(weights), rows.shape, torch.tensor(penalties)
    head = torch.zeros(width, members, len(penalties), seen.classes)
    mean, square = torch.zeros_like(head), torch.zeros_like(head)
    shrink = strengths.view(1, 1, -1, 1) / n * torch.ones(width, 1, 1, 1)
    shrink[-1] = 0  # the bias is free
    share = weights.T.reshape(n, members, 1, 1) / n
    target = nn.functional.one_hot(seen.targets, seen.classes).float().view(n, 1, 1, -1)
    for step in range(1, config.steps + 1):
        logits = (rows @ head.view(width, -1)).view(n, members, len(penalties), -1)
        error = inference.softmax_(logits).sub_(target).mul_(share)
        gradient = (rows.T @ error.view(n, -1)).view(head.shape) + shrink * head
        mean.mul_(0.9).add_(gradient, alpha=0.1)
        square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        rate = config.rate * 0.5 * (1 + math.cos(math.pi * (step - 1) / config.steps))
        head -= rate * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    return head.permute(1, 2, 0, 3).contiguous()


def best_penalty(heads: Tensor, seen: TrainingSet) -> int:
    """The penalty under which members, (members, penalties, D + 1, classes), best predict what they have not seen."""
    likelihood = torch.zeros(heads.shape[1])
    for member in torch.unique(seen.folds):
        own = seen.folds == member
        logits = seen.rows[own] @ heads[member, :, :-1] + heads[member, :, -1:]
        said = torch.log_softmax(logits, dim=-1)[:, torch.arange(int(own.sum())), seen.targets[own]]
        likelihood += (said * seen.weights[own]).sum(dim=1)
    return int(likelihood.argmax())
