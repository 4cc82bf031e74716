"""Heads over cached features: the cross-fitted ensemble that every round trains."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models_zoo import checkpoints, mc_dropout
from models_zoo.training import TrainingConfig, train_heads, train_network

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _TrainingSet:
    """What the last fit saw, standardized; kept for the MC dropout network, which is trained when first asked for."""

    features: Floats
    targets: Ints
    weights: Floats
    classes: int
    seed: int


class Ensemble:
    """M linear softmax heads; member m never trains on fold m.

    Features are centered and brought to one overall scale, so that one grid of penalties serves every encoder. The
    penalty is the one with the best out-of-fold log-likelihood, chosen at every first fit and kept for a fit on the
    same items with other weights.
    """

    def __init__(self, config: TrainingConfig | None = None) -> None:
        self.config = config or TrainingConfig()
        self._seen: _TrainingSet | None = None
        self._network: nn.Module | None = None
        self.penalty: float | None = None

    def fit(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, *, classes: int, seed: int) -> None:
        """Train all members from scratch.

        Args:
            features: (n, D) float32. targets: (n,) in 0..classes-1, out of scope last. weights: (n,), 1 on average.
            folds: (n,) in 0..members-1.

        Raises ValueError on unequal lengths, NaN or infinite features, or labels and folds out of range.
        """
        self._check(features, targets, weights, folds, classes)
        again = self._seen is not None and self._seen.seed == seed and len(self._seen.targets) == len(targets)
        self._center = features.mean(axis=0)
        spread = float(np.sqrt(((features - self._center) ** 2).mean()))
        self._scale = spread if spread > 0 else 1.0
        self._seen = _TrainingSet(self._standardize(features), targets, weights, classes, seed)
        self._network = None
        if again and self.penalty is not None:
            self.head = self._train(folds, (self.penalty,))[:, 0]
        else:
            heads = self._train(folds, self.config.penalties)
            best = self._best_penalty(heads, folds)
            self.penalty, self.head = self.config.penalties[best], heads[:, best]

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, classes): each member's probabilities; rows sum to 1."""
        rows = _with_ones(self._standardize(features))
        return np.asarray(torch.softmax(rows @ self.head, dim=-1).numpy(), dtype=np.float32)

    def mean_probs(self, features: Floats) -> Floats:
        """(items, classes): the mean over members; rows sum to 1."""
        return np.asarray(self.member_probs(features).mean(axis=0), dtype=np.float32)

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        """(items, classes): each item by the one member that never saw its fold."""
        return np.asarray(self.member_probs(features)[folds, np.arange(len(folds))])

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, classes, draws): MC dropout samples of a network trained on the same labels as the last fit.

        Sample t has the same mask for every item, so scores are comparable across chunks of any size. These samples
        only choose what to ask; out-of-fold probabilities never come from them.
        """
        network = self._bayesian_network()
        rows = torch.from_numpy(self._standardize(features))
        samples = [mc_dropout.sample(network, rows, seed=seed * 1000 + t) for t in range(draws)]
        return np.asarray(torch.stack(samples, dim=-1).numpy(), dtype=np.float32)

    def state(self) -> dict[str, Tensor]:
        """Everything that prediction needs, as tensors."""
        center, scale = torch.from_numpy(np.asarray(self._center)), torch.tensor([self._scale])
        return {"head": self.head, "center": center, "scale": scale}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` gave; raises ValueError naming what is missing."""
        checkpoints.require(state, ("head", "center", "scale"))
        self.head, self._center = state["head"], state["center"].numpy()
        self._scale = float(state["scale"][0])

    def _train(self, folds: Ints, penalties: tuple[float, ...]) -> Tensor:
        assert self._seen is not None  # noqa: S101 - set by fit
        seen = np.stack([self._seen.weights * (folds != m) for m in range(self.config.members)])
        targets = nn.functional.one_hot(torch.from_numpy(self._seen.targets), self._seen.classes).float()
        weights, strengths = torch.from_numpy(seen.astype(np.float32)), torch.tensor(penalties)
        return train_heads(_with_ones(self._seen.features), targets, weights, strengths, self.config)

    def _best_penalty(self, heads: Tensor, folds: Ints) -> int:
        """The penalty under which members best predict what they have not seen."""
        assert self._seen is not None  # noqa: S101 - set by fit
        rows, y = _with_ones(self._seen.features), torch.from_numpy(self._seen.targets)
        weights, likelihood = torch.from_numpy(self._seen.weights), torch.zeros(heads.shape[1])
        for m in np.unique(folds):
            own = torch.from_numpy(folds == m)
            logs = torch.log_softmax(rows[own] @ heads[m], dim=-1)
            said = logs[:, torch.arange(int(own.sum())), y[own]]
            likelihood += (said * weights[own]).sum(dim=1)
        return int(likelihood.argmax())

    def _bayesian_network(self) -> nn.Module:
        if self._network is None:
            if self._seen is None:
                raise ValueError("Fit the ensemble before drawing samples of it.")
            x, y, w = (torch.from_numpy(a) for a in (self._seen.features, self._seen.targets, self._seen.weights))
            network = train_network(x, y, w, self.config, self._seen.classes, self._seen.seed)
            self._network = mc_dropout.bayesian(network)
        return self._network

    def _standardize(self, features: Floats) -> Floats:
        return np.ascontiguousarray((features - self._center) / self._scale, dtype=np.float32)

    def _check(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, classes: int) -> None:
        if features.ndim != 2 or not len(features) == len(targets) == len(weights) == len(folds) > 0:
            shapes = [features.shape, targets.shape, weights.shape, folds.shape]
            raise ValueError(f"features (n, D), targets, weights and folds (n,) must fit, n > 0; they are {shapes}.")
        if not np.isfinite(features).all():
            raise ValueError("features must be finite; they hold NaN or infinity.")
        if targets.min() < 0 or targets.max() >= classes:
            raise ValueError(f"targets must lie in 0..{classes - 1}; they span {targets.min()}..{targets.max()}.")
        if folds.min() < 0 or folds.max() >= self.config.members:
            raise ValueError(f"folds must lie in 0..{self.config.members - 1}; they span {folds.min()}..{folds.max()}.")


def _with_ones(features: Floats) -> Tensor:
    """(n, D + 1): a last column of ones, for the bias."""
    return torch.from_numpy(np.concatenate([features, np.ones((len(features), 1), dtype=np.float32)], axis=1))
