"""What all heads share: cross-fitting, going on, calibration, consistent draws, and their state as tensors."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor

from models_zoo import calibration, checkpoints, descent, inference, laplace, mc_dropout, onward, training
from models_zoo.body import Body
from models_zoo.descent import Trained
from models_zoo.objective import Plan
from models_zoo.onward import Steps
from models_zoo.training import Answers, Floats, Ints, Scaling, Tensors, TrainingConfig, TrainingSet

DRAWS = "draws."  # tensors of the model that draws are samples of, beside the members' own
SCALING = ("center", "scale")
CALIBRATED_ON = 1024  # labels, at most, of a fit that goes on: what it costs is not to grow with all labels there are
MEMBERS, ALL_LABELS = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class Course:
    """How the last fit went on. draws: tensors of the model behind draws to go on from; empty where there is none."""

    plan: Plan
    draws: Tensors


class CrossFitted(ABC):
    """M members; member m never trains on fold m, and what is known of an item's own fold never moves its weights.

    Two numbers are shared by all members, chosen by what each says of its own fold: a linear head's penalty and the
    temperature. So a fold's labels have a say in them, though none in its member's weights at a given penalty. The
    temperature, one scalar, divides all members' logits: it moves how sure a member is, never what it thinks likeliest.
    """

    def __init__(self, config: TrainingConfig | None = None) -> None:
        self.config = config or TrainingConfig()
        self.temperature = 1.0
        self._tensors: Tensors = {}  # on scaled rows; with the scaling, and those of the model behind draws
        self._seen: TrainingSet | None = None
        self._course: Course | None = None
        self._held = torch.zeros(0, dtype=torch.int64)  # items of what the last fit saw that are of a fold
        self._own = torch.zeros(0, 0)  # (held, classes): their logits, each by the member that never saw it
        self._effort = (0, 0)
        self._ready: dict[str, Tensors] = {}
        self._last: mc_dropout.LastLayer | laplace.LastLayer | None = None

    def fork(self) -> Self:
        """Another head of the same kind and configuration that knows nothing yet."""
        return type(self)(self.config)

    @property
    def effort(self) -> tuple[int, int]:
        """What the last fit took: steps, and rows forward and backward for one member; means over members.

        A step that looks ahead for interference counts its rows twice. Looking at whether a member is done, and the
        model behind draws, are not counted.
        """
        return self._effort

    def fit(  # noqa: PLR0913 - all that training sees, and what it goes on from
        self,
        features: Floats,
        targets: Ints,
        weights: Floats,
        folds: Ints,
        *,
        classes: int,
        seed: int,
        previous: object | None = None,
        steps: Steps | None = None,
    ) -> None:
        """Train all members: from scratch, or by steps that go on from a previous head, which stays as it is.

        Args:
            features: (n, D) numbers; images flattened. targets: (n,) in 0..classes-1, out of scope last.
            weights: (n,), 1 on average. folds: (n,) in 0..members-1, or -1 for an item that every member sees and that
                has no part in temperature or penalty.
            previous: a trained head of this kind, on features as wide, with as many classes and members. Its scaling of
                the features is kept. steps: alcore.protocols.Steps.

        Raises ValueError on unequal lengths, NaN or infinite features, labels and folds out of range, steps that do not
        fit, and a previous head that is of another kind or shape.
        """
        features, answers = self._flattened(features), Answers(targets, weights, folds, classes)
        training.check(features, answers, members=self.config.members)
        body = self._body(features.shape[1], classes)
        if steps is None:
            seen = training.training_set(features, answers, body.scaling, seed=seed)
            self._take(seen, self._from_scratch(seen))
            self._held = seen.labeled
        else:
            onward.check(steps, items=len(features), members=self.config.members, classes=classes)
            before = self._to_go_on_from(previous, body)
            seen = training.training_set(features, answers, lambda _: before.scaling, seed=seed)
            self._go_on(seen, before, onward.plan_of(steps))
            order = torch.randperm(len(seen.labeled), generator=training.generator(seed, 3))
            self._held = seen.labeled[order[:CALIBRATED_ON].sort().values]
        self._calibrate(seen, inference.rows_of(features), None if steps is None else before)

    def logits(self, features: Floats) -> Floats:
        """(members, items, classes): each member's own logits, before any temperature."""
        return np.asarray(self._logits(self._rows(features)).transpose(0, 1).numpy())

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, classes): each member's calibrated probabilities; rows sum to 1."""
        return np.asarray(self._probs(features, self.temperature).transpose(0, 1).numpy())

    def predict_probs(self, features: Floats) -> Floats:
        """(items, classes): the mean over members; rows sum to 1.

        A mean is already less sure than its members: a temperature above 1 suits each of them and is too much for it,
        none at all leaves it too sure, and its root lies between. One below 1 stands. Source: Rahaman & Thiery (2021)
        on means and their own temperature; the root was chosen on data sets that no benchmark reports.
        """
        softened = math.sqrt(self.temperature) if self.temperature > 1 else self.temperature
        return np.asarray(self._probs(features, softened).mean(dim=1).numpy())

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        """(items, classes): each item by the one member that never saw its fold."""
        return np.asarray(self.member_probs(features)[folds, np.arange(len(folds))])

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, classes, draws): fixed posterior samples of a model trained on all labels of the last fit.

        Sample t is the same for every item, in chunks of any size, and for any number of draws. Samples only choose
        what to ask; no temperature touches them, and out-of-fold probabilities never come from them.

        Raises ValueError on fewer than one draw, and where the head came from a state without draws.
        """
        if draws < 1:
            raise ValueError(f"draws must be 1 or more; they are {draws}.")
        rows, last = self._rows(features), self._last_layer()
        with torch.no_grad():
            units = self._body_of_draws(self.width, self.classes).raw_units(self._ready_for(DRAWS), rows)[:, 0]
            probs = inference.softmax_(last.logits(units, draws=draws, seed=seed))
        return np.asarray(probs.transpose(1, 2).numpy())

    @property
    def is_trained(self) -> bool:
        """Whether it was fitted or took over a state."""
        return bool(self._tensors)

    @property
    def has_draws(self) -> bool:
        """Whether the model behind draws is trained."""
        return any(name.startswith(DRAWS) for name in self._tensors)

    def require_fits(self, *, width: int, classes: int) -> None:
        """Raises ValueError where the weights are of another shape than this configuration's, or not finite."""
        onward.check_weights(self._tensors, self.scaling, self._body(width, classes), members=self.config.members)
        if wrong := [name for name, tensor in self._tensors.items() if not torch.isfinite(tensor).all()]:
            raise ValueError(f"Not finite: {', '.join(wrong)}.")

    @property
    def width(self) -> int:
        """Of a row of features."""
        return len(self._tensors["center"])

    @property
    def classes(self) -> int:
        """Labels that it tells apart."""
        return self._tensors["bias"].shape[-1]

    @property
    def scaling(self) -> Scaling:
        """How features are scaled: by what the first fit of a chain saw."""
        return Scaling(self._tensors["center"], float(self._tensors["scale"]))

    def state(self, *, with_draws: bool = True) -> Tensors:
        """Everything that prediction, draws and going on need, as tensors; trains the model behind draws if need be.

        Without draws nothing is trained, and the head that takes the state over predicts but gives no draws.
        """
        if with_draws:
            self._last_layer()
        kept = {name: tensor for name, tensor in self._tensors.items() if with_draws or not name.startswith(DRAWS)}
        return {**kept, "temperature": torch.tensor([self.temperature], dtype=torch.float64)}

    def load_state(self, state: Tensors) -> None:
        """Take over what `state` gave under the same configuration; raises ValueError naming what is missing."""
        checkpoints.require(state, ("temperature", *SCALING, *self._constants()))
        self._load_constants(state)
        names = self._body(1, 1).names
        if any(name.startswith(DRAWS) for name in state):
            names += tuple(DRAWS + name for name in self._draw_names())
        checkpoints.require(state, names)
        self._tensors = {name: tensor for name, tensor in state.items() if name != "temperature"}
        self._seen, self._course, self._last, self._ready = None, None, None, {}
        self.temperature = float(state["temperature"][0])

    @abstractmethod
    def _body(self, width: int, classes: int) -> Body:
        """What the members are."""

    def _body_of_draws(self, width: int, classes: int) -> Body:
        """What the model behind draws is."""
        return self._body(width, classes)

    def _training_body(self, body: Body, seen: TrainingSet) -> Body:
        """The body as it is trained on these items."""
        return body

    def _flattened(self, features: Floats) -> Floats:
        """(n, D), as the body takes them."""
        return features

    def _constants(self) -> Tensors:
        """What else belongs to the state."""
        return {}

    def _load_constants(self, state: Tensors) -> None:  # noqa: B027 - most heads have none
        """Take over what `_constants` gave."""

    def _from_scratch(self, seen: TrainingSet) -> Trained:
        body = self._training_body(self._body(seen.rows.shape[1], seen.classes), seen)
        return descent.from_scratch(body, seen, seen.member_weights(self.config), stream=MEMBERS)

    def _go_on(self, seen: TrainingSet, before: "CrossFitted", plan: Plan) -> None:
        """Train by the plan's steps from the weights of the head before."""
        self._load_constants(before._tensors)
        body = self._training_body(self._body(before.width, before.classes), seen)
        source = training.generator(seen.seed, MEMBERS)
        start = {name: before._tensors[name] for name in body.names}
        trained = descent.descend(body, start, seen, seen.member_weights(self.config), plan, source)
        self._take(seen, trained)
        self._course = Course(plan, self._draws_to_go_on_from(before))

    def _to_go_on_from(self, previous: object | None, body: Body) -> "CrossFitted":
        """The previous head, if it fits."""
        if type(previous) is not type(self) or not isinstance(previous, CrossFitted):
            raise ValueError(f"Steps go on from a {type(self).__name__}; the previous model is {previous!r}.")
        if not previous.is_trained:
            raise ValueError("The previous model knows nothing yet: fit it or load a state first.")
        onward.check_weights(previous._tensors, previous.scaling, body, members=self.config.members)
        return previous

    def _draws_to_go_on_from(self, before: "CrossFitted") -> Tensors:
        """The model behind the previous head's draws; nothing where it had none, or one of another shape."""
        draws, shapes = before._draw_tensors(), self._body_of_draws(before.width, before.classes).shapes(1)
        fits = all(name in draws and draws[name].shape == shape for name, shape in shapes.items())
        return draws if fits else {}

    def _take(self, seen: TrainingSet, trained: Trained) -> None:
        """What was trained is what predicts from now on."""
        scale = torch.tensor([seen.scaling.scale], dtype=torch.float64)
        self._tensors = {**trained.tensors, "center": seen.scaling.center, "scale": scale, **self._constants()}
        self._seen, self._course, self._last, self._ready = seen, None, None, {}
        self._effort = trained.effort

    def _calibrate(self, seen: TrainingSet, rows: Tensor, before: "CrossFitted | None") -> None:
        """Hear what each member says of its own fold, and choose the temperature by it.

        Beside items of no fold a head that goes on keeps the temperature of the one before.
        """
        self._own = self._logits(rows[self._held])[torch.arange(len(self._held)), seen.folds[self._held]]
        if before is not None and bool((seen.folds < 0).any()):
            self.temperature = before.temperature
        else:
            self.temperature = self._fit_temperature(seen) if self.config.calibrated and len(self._held) else 1.0

    def _logits(self, rows: Tensor) -> Tensor:
        """(items, members, classes) from raw rows, in memory that the caller may overwrite."""
        with torch.no_grad():
            return self._body(self.width, self.classes).raw_logits(self._ready_for(""), rows)

    def _ready_for(self, prefix: str) -> Tensors:
        """The tensors of members, or of the model behind draws, as raw rows meet them."""
        if prefix not in self._ready:
            makes = self._body_of_draws if prefix else self._body
            tensors = self._draw_tensors() if prefix else self._tensors
            self._ready[prefix] = makes(self.width, self.classes).ready(tensors, self.scaling)
        return self._ready[prefix]

    def _draw_names(self) -> tuple[str, ...]:
        names = self._body_of_draws(1, 1).names
        return (*names, "root") if self.config.posterior == "laplace" else names

    def _draw_tensors(self) -> Tensors:
        return {name.removeprefix(DRAWS): tensor for name, tensor in self._tensors.items() if name.startswith(DRAWS)}

    def _rows(self, features: Floats) -> Tensor:
        if not self.is_trained:
            raise ValueError("The head knows nothing yet: fit it or load a state first.")
        rows = inference.rows_of(features)
        if rows.shape[1] != self.width:
            raise ValueError(f"features must be (n, {self.width}) as in training; they are {tuple(rows.shape)}.")
        return rows

    def _probs(self, features: Floats, temperature: float) -> Tensor:
        return inference.softmax_(self._logits(self._rows(features)), temperature)

    def _fit_temperature(self, seen: TrainingSet) -> float:
        targets, weights, folds = (of[self._held] for of in (seen.targets, seen.weights, seen.folds))
        known = calibration.known_labels(targets, folds, classes=seen.classes)
        return calibration.temperature(self._own, targets, weights, known=known)

    def _last_layer(self) -> mc_dropout.LastLayer | laplace.LastLayer:
        if self._last is None:
            if DRAWS + "weight" not in self._tensors:
                self._tensors |= {DRAWS + name: t for name, t in self._train_for_draws(self._training_set()).items()}
            self._last = self._make_last_layer()
        return self._last

    def _train_for_draws(self, seen: TrainingSet) -> Tensors:
        """Tensors of the model behind draws, with a members' axis of 1, and for Laplace `root`.

        It goes on as the members did where the head before had such a model, else it is trained from scratch.
        """
        body = self._training_body(self._body_of_draws(seen.rows.shape[1], seen.classes), seen)
        weights = seen.all_weights(self.config)
        if self._course is not None and self._course.draws:
            source = training.generator(seen.seed, ALL_LABELS)
            start = {name: self._course.draws[name] for name in body.names}
            tensors = descent.descend(body, start, seen, weights, _for_one(self._course.plan), source).tensors
        else:
            own = (seen.folds >= 0) if len(seen.labeled) else torch.ones_like(seen.folds, dtype=torch.bool)
            tensors = self._draws_from_scratch(body, seen, weights * own)  # pseudo-labels have no say in it
        return {**tensors, "root": self._root(body, tensors, seen)} if self.config.posterior == "laplace" else tensors

    def _draws_from_scratch(self, body: Body, seen: TrainingSet, weights: Tensor) -> Tensors:
        return descent.from_scratch(body, seen, weights, stream=ALL_LABELS).tensors

    def _root(self, body: Body, tensors: Tensors, seen: TrainingSet) -> Tensor:
        """Of the covariance of the last layer's weights, around those trained."""
        rows, entered = body.entering(seen.rows, tensors)
        units = body.seen_units(entered, rows)[0]
        logits = units @ tensors["weight"][0] + tensors["bias"][0]
        precision = body.decay("weight") * len(units)
        mode = laplace.Mode(units, logits, seen.all_weights(self.config)[0], precision=precision)
        return laplace.root(mode, self._own, seen.targets[self._held], items=self._held)

    def _make_last_layer(self) -> mc_dropout.LastLayer | laplace.LastLayer:
        tensors = self._draw_tensors()
        weight, bias = tensors["weight"][0], tensors["bias"][0]
        if self.config.posterior == "laplace":
            return laplace.LastLayer(weight, bias, tensors["root"])
        return mc_dropout.LastLayer(weight, bias, rate=self.config.dropout, patched=self.config.patched)

    def _training_set(self) -> TrainingSet:
        if self._seen is None and self._tensors:
            raise ValueError("The head's state was kept without draws: fit it, or load a state with them.")
        if self._seen is None:
            raise ValueError("The head knows nothing yet: fit it or load a state first.")
        return self._seen


def _for_one(plan: Plan) -> Plan:
    """The plan for one model in place of members: it is held to what they said on average."""
    return plan if plan.logits is None else replace(plan, logits=plan.logits.mean(dim=0, keepdim=True))
