"""Linear softmax heads, all members and all penalties trained as one model."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from models_zoo import crossfit, inference
from models_zoo.body import Body, Layer, Pace, scaled
from models_zoo.descent import Trained
from models_zoo.mlp import MlpBody
from models_zoo.training import Scaling, Tensors, TrainingConfig, TrainingSet


@dataclass(frozen=True)
class LinearBody(Body):
    """The features themselves, and a last layer under a penalty on the sum of the losses of so many items."""

    penalty: float = 0.0
    items: int = 1

    @property
    def layers(self) -> dict[str, Layer]:
        return {}

    @property
    def last_width(self) -> int:
        return self.width

    @property
    def rate(self) -> float:
        return self.config.linear_rate

    @property
    def pace(self) -> Pace:
        """Of no use: from scratch a linear head takes full steps, see `train_heads`."""
        return Pace(self.items, 1, self.config.steps, self.config.steps)

    @property
    def dropout(self) -> float:
        return 0.0

    def decay(self, name: str) -> float:
        return self.penalty / max(1, self.items) if name == "weight" else 0.0  # the bias is free

    def units(self, tensors: Tensors, inputs: Tensor) -> Tensor:
        return inputs.expand(len(tensors["weight"]), *inputs.shape)

    def ready(self, tensors: Tensors, scaling: Scaling) -> Tensors:
        weight, bias = scaling.folded(tensors["weight"].transpose(0, 1), tensors["bias"])
        return {**super().ready(tensors, scaling), "raw.weight": weight, "raw.bias": bias}

    def raw_units(self, ready: Tensors, rows: Tensor) -> Tensor:
        return scaled(ready, rows).unsqueeze(1)

    def raw_logits(self, ready: Tensors, rows: Tensor) -> Tensor:
        return inference.affine(rows, ready["raw.weight"], ready["raw.bias"])


class LinearHead(crossfit.CrossFitted):
    """M linear softmax heads.

    The penalty is the one with the best out-of-fold log-likelihood, chosen at every first fit and kept for a fit on
    the same items with other weights, and for one that goes on from another head. Draws are MC dropout samples of a
    network with one hidden layer trained on the same labels, or Laplace samples of a linear head trained on all of
    them.
    """

    def __init__(self, config: TrainingConfig | None = None) -> None:
        super().__init__(config)
        self.penalty: float | None = None

    def _body(self, width: int, classes: int) -> LinearBody:
        return LinearBody(self.config, width, classes)

    def _body_of_draws(self, width: int, classes: int) -> Body:
        return (
            self._body(width, classes) if self.config.posterior == "laplace" else MlpBody(self.config, width, classes)
        )

    def _training_body(self, body: Body, seen: TrainingSet) -> Body:
        if not isinstance(body, LinearBody):
            return body
        return replace(body, penalty=self.penalty or 0.0, items=len(seen.labeled) or len(seen.rows))

    def _constants(self) -> Tensors:
        return {"penalty": torch.tensor([self.penalty or 0.0], dtype=torch.float64)}

    def _load_constants(self, state: Tensors) -> None:
        self.penalty = float(state["penalty"][0])

    def _from_scratch(self, seen: TrainingSet) -> Trained:
        again = self._seen is not None and self._seen.same_items(seen)
        penalties = (self.penalty,) if again and self.penalty is not None else self.config.penalties
        heads = train_heads(seen, seen.member_weights(self.config), penalties, self.config)
        best = best_penalty(heads, seen) if len(penalties) > 1 else 0
        self.penalty = penalties[best]
        steps = torch.full((self.config.members,), self.config.steps)
        return Trained(_last_of(heads[:, best]), steps, steps * len(seen.rows) * len(penalties))

    def _draws_from_scratch(self, body: Body, seen: TrainingSet, weights: Tensor) -> Tensors:
        if not isinstance(body, LinearBody):
            return super()._draws_from_scratch(body, seen, weights)
        return _last_of(train_heads(seen, weights, (body.penalty,), self.config)[:, 0])


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
    """The penalty under which members, (members, penalties, D + 1, classes), best predict what they have not seen.

    The middle one where every member has seen all.
    """
    folds = torch.unique(seen.folds[seen.labeled])
    if not len(folds):
        return heads.shape[1] // 2
    likelihood = torch.zeros(heads.shape[1])
    for member in folds:
        own = seen.folds == member
        logits = seen.rows[own] @ heads[member, :, :-1] + heads[member, :, -1:]
        said = torch.log_softmax(logits, dim=-1)[:, torch.arange(int(own.sum())), seen.targets[own]]
        likelihood += (said * seen.weights[own]).sum(dim=1)
    return int(likelihood.argmax())


def _last_of(head: Tensor) -> Tensors:
    """(members, D + 1, classes), the bias last, as a last layer."""
    return {"weight": head[:, :-1].contiguous(), "bias": head[:, -1].contiguous()}
