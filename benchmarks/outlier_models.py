"""Models of the arms that lack something: the extra class, the ensemble; or that filter by distance instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from alcore import outliers
from alcore.protocols import Floats, Ints, Model, Steps

TOLD = 0.95  # of what is in scope lies within the filter's threshold (Sun et al. 2022)


class Joint:
    """The model as it is: out of scope is one class more."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a copy that is being made asks for these before it has a model
            raise AttributeError(name)
        return getattr(self.model, name)

    def fork(self) -> Any:
        return type(self)(self.model.fork())

    def fit(
        self, features: Floats, targets: Ints, weights: Floats, folds: Ints, *, previous: Any = None, **more: Any
    ) -> None:
        self.model.fit(features, targets, weights, folds, previous=previous and previous.model, **more)

    def inside(self, features: Floats) -> Floats:
        """(n, K): what it says of the classes in scope."""
        return np.asarray(self.predict_probs(features)[:, :-1])

    def foreign(self, features: Floats) -> Floats:
        """(n,): how far it takes each item for out of scope; higher is more so."""
        return np.asarray(self.predict_probs(features)[:, -1])


class Single(Joint):
    """The first member alone, which saw four fifths of the labels as each member did."""

    def member_probs(self, features: Floats) -> Floats:
        return self.model.member_probs(features)[:1]

    def predict_probs(self, features: Floats) -> Floats:
        return self.member_probs(features)[0]


class Closed(Joint):
    """Without the extra class: answers "out of scope" are thrown away, and no item is ever taken for it."""

    classes, members, knows = 0, 5, False

    def fit(  # noqa: PLR0913 - as `alcore.protocols.Model.fit`
        self,
        features: Floats,
        targets: Ints,
        weights: Floats,
        folds: Ints,
        *,
        classes: int,
        seed: int,
        previous: Any = None,
        steps: Steps | None = None,
    ) -> None:
        self.classes, keep = classes - 1, targets < classes - 1
        self.knows = bool(keep.any())
        if not self.knows:
            return
        if steps is None:
            weights = weights[keep] / weights[keep].mean()
            self.model.fit(features[keep], targets[keep], weights, folds[keep], classes=self.classes, seed=seed)
        else:  # its steps name rows, so all stay
            weights, targets = np.where(keep, weights, 0), np.where(keep, targets, 0)
            more = {"classes": self.classes, "seed": seed, "previous": previous.model, "steps": steps}
            self.model.fit(features, targets, weights.astype(np.float32), folds, **more)

    def member_probs(self, features: Floats) -> Floats:
        return _never(self.model.member_probs(features) if self.knows else self._evenly(self.members, features), axis=2)

    def predict_probs(self, features: Floats) -> Floats:
        return _never(self.model.predict_probs(features) if self.knows else self._evenly(1, features)[0], axis=1)

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        if not self.knows:
            return self.predict_probs(features)
        return _never(self.model.out_of_fold_probs(features, folds), axis=1)

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        if not self.knows:
            return np.repeat(self.predict_probs(features)[:, :, None], draws, axis=2)
        return _never(self.model.draw_probs(features, draws=draws, seed=seed), axis=1)

    def foreign(self, features: Floats) -> Floats:
        """By how unsure it is. Source: Hendrycks & Gimpel (2017)."""
        return np.asarray(1 - self.predict_probs(features).max(axis=1))

    def _evenly(self, members: int, features: Floats) -> Floats:
        return np.full((members, len(features), self.classes), 1 / self.classes, dtype=np.float32)


class Filtered(Closed):
    """Closed, behind an explicit filter: what lies far from all that is known to be in scope is not asked."""

    def fit(self, features: Floats, targets: Ints, weights: Floats, folds: Ints, **more: Any) -> None:
        super().fit(features, targets, weights, folds, **more)
        known = features[targets < self.classes]
        if len(known):
            self.foreign_by = outliers.distance(known)
            own = outliers.distance(known, neighbors=outliers.NEIGHBORS + 1)(known)  # each is its own nearest
            self.threshold = float(np.quantile(own, TOLD))

    def predict_probs(self, features: Floats) -> Floats:
        """What is filtered out is out of scope for sure, so that no doubt is left to ask about."""
        probs = super().predict_probs(features)
        if self.knows:
            probs[self.foreign(features) > self.threshold] = np.eye(self.classes + 1, dtype=np.float32)[-1]
        return probs

    def inside(self, features: Floats) -> Floats:
        return np.asarray(super().predict_probs(features)[:, :-1])

    def foreign(self, features: Floats) -> Floats:
        return self.foreign_by(features) if self.knows else np.zeros(len(features), dtype=np.float32)


def _never(probs: Floats, *, axis: int) -> Floats:
    """With a last class of probability 0."""
    wider = [(0, int(at == axis)) for at in range(probs.ndim)]
    return np.pad(probs, wider)
