"""One chain of rounds: what the benchmark of continual training plays, and what it notes of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from alcore.chains import Memory
from alcore.configuration import RoundConfig
from alcore.inputs import RoundInput
from alcore.protocols import Floats, Ints
from alcore.replay import Pace
from alcore.rounds import RoundResult, run_round
from alcore.strategies.uncertainty import margin
from models_zoo import heads
from models_zoo.crossfit import CrossFitted
from models_zoo.training import TrainingConfig

NEVER = 0  # a chain begins anew
SEEN_BY_ALL = -1  # the fold of every item: one member that trains on all of them
SCRATCH = "scratch"
RESTARTS = "+restarts"  # behind a scheme: as in the product, instead of one chain to the end
Change = Callable[[Floats, np.random.Generator], Floats]


@dataclass(frozen=True)
class Data:
    """pool, test: (items, D) features. labels: of both. shape: of images; None for other rows."""

    pool: Floats
    pool_labels: Ints
    test: Floats
    test_labels: Ints
    classes: int
    head: str
    shape: tuple[int, ...] | None
    corruptions: dict[str, Change]


@dataclass
class Chain:
    """One entry a round, but for the last four.

    seconds, samples: of training. fresh: whether from scratch. overlap, correlation: of the batch that the model would
    choose, and of its margins, with those of a twin trained from scratch on the same labels; empty where not asked for.
    corrupted: final accuracy by corruption. forgotten: accuracy lost, on the labels of each earlier round, from its
    best to the end, in the mean. known: final accuracy on all labels that it was trained on.
    """

    labels: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)
    overlap: list[float] = field(default_factory=list)
    correlation: list[float] = field(default_factory=list)
    corrupted: dict[str, float] = field(default_factory=dict)
    forgotten: float = 0.0
    known: float = 0.0

    @property
    def area(self) -> float:
        return float(np.mean(self.accuracy))


class Player:
    """Plays rounds with one member, by margin, from a random first batch."""

    def __init__(self, data: Data, arm: str, seed: int, pace: Pace) -> None:
        self.data, self.seed, self.pace = data, seed, pace
        scheme = arm.removesuffix(RESTARTS)
        self.replay = "" if scheme == SCRATCH else scheme
        self.every = RoundConfig.restart_every if arm.endswith(RESTARTS) else NEVER
        self.model = new_model(data)
        self.previous: CrossFitted | None = None
        self.memory: Memory | None = None
        self.begin(data)

    def begin(self, data: Data) -> None:
        """Play on this pool."""
        self.data, self.features = data, np.concatenate([data.pool, data.test])
        self.test = np.arange(len(data.pool), len(self.features))

    def round(self, bought: Ints, labels: Ints, number: int, batch: int) -> RoundResult:
        """One round after these answers."""
        result = run_round(self._seen(bought, labels), self._config(number, batch), self.model, previous=self.previous)
        assert result.training is not None
        self.memory, self.previous = result.training.memory, deepcopy(self.model)
        return result

    def _config(self, number: int, batch: int) -> RoundConfig:
        return RoundConfig(
            labels=self.data.classes,
            strategy="margin",
            batch=batch,
            seed=self.seed * 100_003 + number,
            cleaning=False,
            spread=False,
            replay=self.replay,
            restart_every=self.every,
            pace=self.pace,
        )

    def _seen(self, bought: Ints, labels: Ints) -> RoundInput:
        items = len(self.features)
        open_items = np.arange(items) < len(self.data.pool)
        open_items[bought] = False
        return RoundInput(
            features=self.features,
            folds=np.full(items, SEEN_BY_ALL),
            vote_item=bought,
            vote_annotator=np.zeros(len(bought), dtype=np.int64),
            vote_label=labels,
            open=open_items,
            trusted=np.zeros(items, dtype=bool),
            audit_item=self.test,
            audit_label=np.full(len(self.test), -1),
            audit_reporting=np.zeros(len(self.test), dtype=bool),
            memory=self.memory,
        )


def new_model(data: Data) -> CrossFitted:
    return heads.make(data.head, TrainingConfig(members=1, calibrated=False, shape=data.shape))


def play(player: Player, *, rounds: int, batch: int, twins: bool) -> Chain:
    """Rounds of active learning."""
    chain, data = Chain(), player.data
    bought = np.random.default_rng([player.seed, 5]).permutation(len(data.pool))[:batch]
    right: list[list[float]] = []
    for number in range(rounds):
        result = player.round(bought, data.pool_labels[bought], number, batch)
        _note(chain, result, data)
        known = player.model.predict_probs(data.pool[bought]).argmax(axis=1) == data.pool_labels[bought]
        right.append([float(part.mean()) for part in np.split(known, number + 1)])
        chain.known = float(known.mean())
        if twins and (number + 1) % (rounds // 4 or 1) == 0:
            _compare(chain, player, bought, batch)
        if number + 1 < rounds:
            bought = np.concatenate([bought, result.selection.items])
    chain.forgotten = _forgotten(right)
    chain.corrupted = _corrupted(player)
    return chain


def stream(player: Player, stages: list[tuple[Floats, Ints, Floats, Ints]]) -> dict[str, Any]:
    """Stages one after the other, each (features, labels, test features, test labels): accuracy on each in the end."""
    rows, labels = np.concatenate([s[0] for s in stages]), np.concatenate([s[1] for s in stages])
    whole = replace(player.data, pool=rows, pool_labels=labels, test=stages[0][2][:1], test_labels=stages[0][3][:1])
    player.begin(whole)
    ends, seconds = np.cumsum([len(s[0]) for s in stages]), []
    for number, end in enumerate(ends):
        result = player.round(np.arange(end), labels[:end], number, 2)
        seconds.append(result.training.seconds if result.training else 0.0)
    said = [player.model.predict_probs(s[2]).argmax(axis=1) == s[3] for s in stages]
    return {"stages": [float(right.mean()) for right in said], "seconds": sum(seconds)}


def _note(chain: Chain, result: RoundResult, data: Data) -> None:
    training = result.training
    assert training is not None
    chain.labels.append(result.labels_used)
    chain.accuracy.append(float((result.audit_predictions == data.test_labels).mean()))
    chain.seconds.append(round(training.seconds, 4))
    chain.samples.append(training.samples)
    chain.fresh.append(not training.went_on)


def _compare(chain: Chain, player: Player, bought: Ints, batch: int) -> None:
    """With a twin from scratch, whose own seed is another one: so a twin of a twin is no more like it."""
    data, twin = player.data, new_model(player.data)
    even, folds = np.ones(len(bought), dtype=np.float32), np.full(len(bought), SEEN_BY_ALL)
    twin.fit(
        data.pool[bought], data.pool_labels[bought], even, folds, classes=data.classes + 1, seed=player.seed + 7_777
    )
    left = np.setdiff1d(np.arange(len(data.pool)), bought)
    own, other = (margin(model.predict_probs(data.pool[left])) for model in (player.model, twin))
    tops = [set(np.argsort(-scores, kind="stable")[:batch].tolist()) for scores in (own, other)]
    chain.overlap.append(len(tops[0] & tops[1]) / batch)
    chain.correlation.append(float(spearmanr(own, other).statistic))


def _forgotten(right: list[list[float]]) -> float:
    """right[t][j]: accuracy after round t on the labels of round j."""
    lost = [max(right[t][j] for t in range(j, len(right))) - right[-1][j] for j in range(len(right) - 1)]
    return float(np.mean(lost)) if lost else 0.0


def _corrupted(player: Player) -> dict[str, float]:
    found, data = {}, player.data
    for name, change in data.corruptions.items():
        rows = change(data.test, np.random.default_rng([player.seed, 19]))
        said = player.model.predict_probs(rows.astype(np.float32)).argmax(axis=1)
        found[name] = float((said == data.test_labels).mean())
    return found
