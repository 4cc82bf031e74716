"""The training step of a round: fresh or on from the last round's model, and again with suspects weighing less."""

import time
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alcore import chains, replay
from alcore.chains import Memory
from alcore.configuration import RoundConfig
from alcore.consensus import Consensus
from alcore.inputs import RoundInput
from alcore.protocols import Floats, Model, Steps


@dataclass(frozen=True)
class Training:
    """How a round's model came to be.

    went_on: from the last round's weights; else fresh. why: it started fresh, where it might have gone on; else empty.
    steps, samples: of the optimizer, and gradient samples of one member. replayed: share of them that were replayed.
    seconds: of one fit. saved: seconds against about what a fresh start would have taken. memory: for the next round.
    """

    went_on: bool
    why: str
    steps: int
    samples: int
    replayed: float
    seconds: float
    saved: float
    memory: Memory

    @property
    def note(self) -> str:
        """For the round's row."""
        if not self.went_on:
            return f"Trained from scratch: {self.why}."
        return (
            f"Went on from the last round's model: {self.steps} steps, {self.replayed:.0%} of what they saw replayed."
        )


class Lesson:
    """What a round's model is trained on, and how."""

    def __init__(
        self, data: RoundInput, config: RoundConfig, model: Model, previous: Model | None, resolved: Consensus
    ) -> None:
        self.data, self.config, self.model, self.previous = data, config, model, previous
        self.items, self.labels = resolved.items, resolved.labels
        self.features: Floats = np.asarray(data.features[self.items], dtype=np.float32)
        self.folds = data.folds[self.items]
        self.drifted = False
        self.seconds = 0.0

    @cached_property
    def learned(self) -> NDArray[np.bool_]:
        """(n,) what the last model learned under the same label."""
        memory = self.data.memory
        return np.zeros(len(self.items), dtype=bool) if memory is None else memory.learned(self.items, self.labels)

    @cached_property
    def memory(self) -> Memory | None:
        """The last round's, with what was changed since."""
        known = self.data.memory if self.previous is not None else None
        return None if known is None else known.after(self.learned)

    @property
    def why(self) -> str:
        """Why the model starts fresh; empty where it goes on, or where every round does."""
        if not self.config.replay:
            return ""
        if self.drifted:
            return "the chain named surely fewer of the audit's items rightly than its own start"
        return chains.why_fresh(self.memory, self.learned, self.labels, every=self.config.restart_every)

    @property
    def goes_on(self) -> bool:
        return bool(self.config.replay) and not self.why

    @cached_property
    def steps(self) -> Steps:
        """The same for every fit of the round."""
        rng = np.random.default_rng([self.config.seed, 12])
        return replay.steps(~self.learned, self.config.replay, self._said, pace=self.config.pace, rng=rng)

    def train(self) -> None:
        """Fit the model, all labels alike."""
        started = time.perf_counter()
        self._fit(self.model, np.ones(len(self.items), dtype=np.float32))
        self.seconds = time.perf_counter() - started

    def weighed(self, weights: NDArray[np.float32]) -> Model:
        """A copy of the model, trained in the same way with these weights.

        They come from what all members say, so it is for serving alone: the model itself is what the next round goes
        on from, and what is judged out of fold.
        """
        model = deepcopy(self.model)
        self._fit(model, weights)
        return model

    def _fit(self, model: Model, weights: NDArray[np.float32]) -> None:
        classes, seed = self.config.labels + 1, self.config.seed
        if self.goes_on:
            model.fit(
                self.features,
                self.labels,
                weights,
                self.folds,
                classes=classes,
                seed=seed,
                previous=self.previous,
                steps=self.steps,
            )
        else:
            model.fit(self.features, self.labels, weights, self.folds, classes=classes, seed=seed)

    def begin_anew(self) -> None:
        """Start fresh after all, at the next `train`: what goes on has drifted."""
        self.drifted = True

    def told(self) -> Training:
        """After the last `train`."""
        went_on, (steps, samples) = self.goes_on, self.model.effort
        memory = chains.begun(self.items, self.labels, seconds=self.seconds)
        saved = 0.0
        if went_on and self.memory is not None:
            memory = chains.gone_on(self.memory, self.items, self.labels)
            saved = max(0.0, chains.retrain_seconds(self.memory, len(self.items)) - self.seconds)
        replayed = self._replayed_share() if went_on else 0.0
        return Training(went_on, self.why, steps, samples, replayed, self.seconds, saved, memory)

    def _replayed_share(self) -> float:
        batch, beside = len(self.steps.batches[0]), len(self.steps.beside[0])
        return beside / (batch + beside)

    def _said(self, rows: NDArray[np.int64]) -> Floats:
        """The last model's logits; only asked for where there is one."""
        if self.previous is None:
            raise ValueError("There is no earlier model to ask.")
        return self.previous.logits(self.features[rows])
