"""What finding wrong labels is worth: the accuracy that is won back, and the wrong rows that are left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcore import cleaning, consensus, evaluation
from alcore.consensus import Consensus
from alcore.evidence import scores
from alcore.protocols import Floats, Ints
from models_zoo import heads
from models_zoo.training import TrainingConfig

REVIEWED = 0.2  # of the answers, where some go to asking again
ARMS = ("none", "cleanlab", "winnow", "review", "cl. review", "clean")
WON = 0.5  # of the lost accuracy: what review is to win back
LEAST_LOST = 0.01  # of accuracy, below which there is nothing to win back


@dataclass(frozen=True)
class Labels:
    """Labeled items in the order in which they were asked."""

    features: Floats
    given: Ints
    truth: Ints


@dataclass(frozen=True)
class Judge:
    """Other items with their true labels."""

    features: Floats
    truth: Ints
    classes: int
    seed: int

    def accuracy(self, features: Floats, labels: Ints, weights: Floats | None = None) -> float:
        """Of a linear ensemble trained on these labels."""
        if len(np.unique(labels)) < 2:
            return float((self.truth == labels[0]).mean())
        model = heads.make("linear", TrainingConfig())
        even = np.ones(len(labels), dtype=np.float32) if weights is None else weights
        model.fit(features, labels, even, folds_of(len(labels), self.seed), classes=self.classes, seed=self.seed)
        return float((model.predict_probs(self.features).argmax(axis=1) == self.truth).mean())


@dataclass(frozen=True)
class Looked:
    """probs: out of fold. cleaned, seconds: by Winnow, and how long that took. resolved: the votes."""

    probs: Floats
    cleaned: cleaning.Cleaned
    seconds: float
    resolved: Consensus


def folds_of(count: int, seed: int) -> Ints:
    return np.random.default_rng([seed, 45]).integers(0, TrainingConfig().members, count)


def look(features: Floats, given: Ints, seed: int, trusted: NDArray[np.bool_] | None = None) -> Looked:
    """A round's own ensemble out of fold, and what Winnow's cleaning makes of the labels."""
    count, classes = len(given), int(given.max()) + 1
    folds = folds_of(count, seed)
    model = heads.make("linear", TrainingConfig())
    model.fit(features, given, np.ones(count, dtype=np.float32), folds, classes=classes, seed=seed)
    probs = model.out_of_fold_probs(features, folds)
    resolved = consensus.resolve(np.arange(count), np.zeros(count, dtype=np.int64), given, classes=classes)
    sure = np.zeros(count, dtype=bool) if trusted is None else trusted
    start = time.perf_counter()
    cleaned = cleaning.clean(cleaning.Labeled(features, folds, np.arange(count), probs, sure), resolved, seed=seed)
    return Looked(probs, cleaned, time.perf_counter() - start, resolved)


def worth(looked: Looked, labels: Labels, judge: Judge) -> tuple[dict[str, float], dict[str, float]]:
    """Accuracy by arm, and the share of wrong rows by arm where it changes any."""
    features, given, truth = labels.features, labels.given, labels.truth
    kept = ~scores.confident_learning(looked.probs, given)
    accuracy = {
        "none": judge.accuracy(features, given),
        "cleanlab": judge.accuracy(features[kept], given[kept]) if kept.any() else 0.0,
        "winnow": judge.accuracy(features, given, looked.cleaned.weights),
        "clean": judge.accuracy(features, truth),
    }
    wrong = {"none": float((given != truth).mean())}
    first = round((1 - REVIEWED) * len(given))
    earlier = Labels(features[:first], given[:first], truth[:first])
    seen = look(earlier.features, earlier.given, judge.seed)
    unsure = scores.self_confidence(seen.probs, earlier.given)
    doubt = unsure if seen.cleaned.wrong is None else seen.cleaned.wrong
    for name, by in (("review", doubt), ("cl. review", unsure)):
        now, trusted = _reviewed(earlier, np.argsort(-by, kind="stable")[: len(given) - first])
        weights = look(earlier.features, now, judge.seed, trusted).cleaned.weights if name == "review" else None
        accuracy[name] = judge.accuracy(earlier.features, now, weights)
        wrong[name] = float((now != earlier.truth).mean())
    return accuracy, wrong


def _reviewed(labels: Labels, asked: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The labels with these put right, and which ones a reviewer has seen."""
    now, trusted = labels.given.copy(), np.zeros(len(labels.given), dtype=bool)
    now[asked], trusted[asked] = labels.truth[asked], True
    return now, trusted


def entry(accuracies: list[dict[str, float]], wrong_rows: list[dict[str, float]]) -> dict[str, Any]:
    """Of one cell, over seeds: every arm against none."""
    none = np.array([run["none"] for run in accuracies])
    lost = float(np.mean([run["clean"] for run in accuracies]) - none.mean())
    told: dict[str, Any] = {"lost": lost}
    for name in ARMS:
        own = np.array([run[name] for run in accuracies])
        change = evaluation.paired_difference(own, none)
        told[name] = {
            "accuracy": float(own.mean()),
            "minus_none": [change.mean, change.low, change.high],
            "won_back": change.mean / lost if lost >= LEAST_LOST else None,
            "wrong_rows": float(np.mean([run.get(name, run["none"]) for run in wrong_rows])),
        }
    return told


def summary(cells: list[dict[str, Any]], detector: str) -> str:
    """Over all cells with wrong labels: how often the detector beats the peer, and what review leaves and wins back."""
    noisy = [cell for cell in cells if cell["share"] > 0]
    changes = [cell["detectors"][detector]["minus_peer"] for cell in noisy]
    above, below = sum(low > 0 for _, low, _ in changes), sum(high < 0 for *_, high in changes)
    told = [cell["worth"] for cell in noisy]
    halved = sum(one["review"]["wrong_rows"] <= one["none"]["wrong_rows"] / 2 for one in told)
    lost = [one["review"]["won_back"] for one in told if one["review"]["won_back"] is not None]
    won = sum(share >= WON for share in lost)
    return (
        f"{len(noisy)} cells with wrong labels: average precision surely above the peer's in {above}, "
        f"surely below in {below}; review leaves at most half of the wrong rows in {halved}, and wins back "
        f"half of the lost accuracy in {won} of the {len(lost)} where any is lost."
    )


def line(name: str, one: dict[str, Any]) -> str:
    """Accuracy of every arm, the part won back behind a comma, and wrong rows of those that change any."""
    told = one["worth"]
    shown = "".join(f"{_won(told[arm]):>14}" for arm in ARMS)
    rows = "".join(f"{told[arm]['wrong_rows']:>9.3f}" for arm in ("none", "review", "cl. review"))
    low, high = (100 * told["winnow"]["minus_none"][place] for place in (1, 2))
    return f"{name:42}{shown}{rows}   [{low:+.1f}, {high:+.1f}]"


def _won(arm: dict[str, Any]) -> str:
    back = "" if arm["won_back"] is None else f", {arm['won_back']:.0%}"
    return f"{100 * arm['accuracy']:.1f}{back}"


def heading() -> str:
    shown = "".join(f"{arm:>14}" for arm in ARMS)
    return f"{'':42}{shown}{'wrong':>9}{'review':>9}{'cl.rev.':>9}   winnow - none"
