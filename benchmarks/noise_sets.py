"""The data sets of the benchmark of wrong labels, and the ways in which labels go wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from alcore.protocols import Floats, Ints
from annotator.learning import datasets
from annotator.learning.datasets import Columns, Dataset
from benchmarks import outlier_sets, patches

KINDS = ("symmetric", "pairwise", "instance")
SURE = 0.7  # chance of a wrong answer on the hardest item
SOFTER = 0.5  # power of the reference's probabilities: people are less sure of the same things
FITTED = 6_000  # items that tell which ones are hard


@dataclass(frozen=True)
class Source:
    """A set with its true labels, or with people's: kind, then, is that column of cifar10n."""

    name: str
    path: str
    columns: Columns = field(default_factory=Columns)
    human: str = ""


TEXT = Columns(text="text")
SETS = (
    Source("digits", "digits"),
    Source("fashion_mnist", "fashion_mnist/fashion_mnist.npz"),
    Source("ag_news", "ag_news/ag_news.csv.gz", TEXT),
    Source("trec6", "trec6/trec6.csv.gz", TEXT),
    Source("letter", "letter/letter.csv.gz"),
)
HUMAN_SETS = tuple(
    Source(f"cifar10n {kind}", "cifar10n/images.npz", human=kind) for kind in ("aggre", "rand1", "worst")
)
# for choosing constants, never reported
SEARCH_SETS = (
    Source("mnist", "mnist_10k/mnist_10k.npz"),
    Source("sms_spam", "sms_spam/sms_spam.csv.gz", TEXT),
)


def load(source: Source, shared: Path) -> tuple[Floats, Ints]:
    """Features and true labels."""
    found = _read(source, shared)
    return found.features, found.labels


@cache
def _read(source: Source, shared: Path) -> Dataset:
    if source.human:
        with np.load(shared / source.path) as found:
            known, index = found["x"], found["index"]
        rows = {int(row["index"]): row for row in outlier_sets.rows_of(shared / "cifar10n/labels.csv.gz")}
        labels = np.array([int(rows[int(at)]["clean"]) for at in index])
        return Dataset(patches.encode(known), labels, None, 10, "patches")
    path = source.path if source.path == "digits" else str(shared / source.path)
    return datasets.read(path, source.columns)


def spoiled(source: Source, shared: Path, kind: str, rate: float, seed: int) -> Ints:
    """The labels as somebody gave them who errs at that rate; people's own where the set has them."""
    _, truth = load(source, shared)
    if source.human:
        rows = {int(row["index"]): row for row in outlier_sets.rows_of(shared / "cifar10n/labels.csv.gz")}
        with np.load(shared / source.path) as found:
            return np.array([int(rows[int(at)][source.human]) for at in found["index"]])
    rng, classes = np.random.default_rng([seed, 41]), int(truth.max()) + 1
    if kind == "instance":
        return _by_instance(_reference(source, shared), truth, rate, rng)
    flips = rng.random(len(truth)) < rate
    step = 1 if kind == "pairwise" else rng.integers(1, classes, len(truth))
    return np.where(flips, (truth + step) % classes, truth)


def _by_instance(reference: NDArray[np.float64], truth: Ints, rate: float, rng: np.random.Generator) -> Ints:
    """Hard items go wrong more often, and to the label that they look like."""
    probs = reference**SOFTER
    probs /= probs.sum(axis=1, keepdims=True)
    items = np.arange(len(truth))
    chance = 1 - probs[items, truth]
    for _ in range(30):  # none above SURE, and the mean as told
        chance = np.minimum(chance * rate / chance.mean(), SURE)
    others = probs.copy()
    others[items, truth] = 0
    others /= others.sum(axis=1, keepdims=True)
    drawn = (others.cumsum(axis=1) < rng.random((len(truth), 1))).sum(axis=1)
    return np.where(rng.random(len(truth)) < chance, np.minimum(drawn, probs.shape[1] - 1), truth)


@cache
def _reference(source: Source, shared: Path) -> NDArray[np.float64]:
    """(items, classes): what a logistic regression on true labels says out of fold."""
    features, truth = load(source, shared)
    rows = features / (np.abs(features).std() or 1.0)
    model = LogisticRegression(max_iter=100)
    if len(truth) <= FITTED:
        return np.clip(cross_val_predict(model, rows, truth, cv=5, method="predict_proba"), 1e-9, 1)
    taught = np.random.default_rng(0).permutation(len(truth))[: FITTED // 2]
    return np.clip(model.fit(rows[taught], truth[taught]).predict_proba(rows), 1e-9, 1)
