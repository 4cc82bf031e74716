"""Real digits, small configurations and fitted heads for tests of heads."""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits

from models_zoo import heads
from models_zoo.crossfit import CrossFitted
from models_zoo.encoders.words import IDS, UNIT
from models_zoo.training import TrainingConfig

DIGITS = load_digits()
X = (DIGITS.data[:200] / 16).astype(np.float32)
Y = DIGITS.target[:200].astype(np.int64)
FOLDS = np.arange(200) % 5
EVEN = np.ones(200, dtype=np.float32)
# one head for each way to predict and to draw, trained for no longer than a contract needs
QUICK = {
    "shape": (8, 8),
    "hidden": 32,
    "mlp_steps": 60,
    "mlp_batch": 64,
    "bottleneck": 8,
    "text_hidden": 16,
    "text_steps": 60,
    "channels": (4, 8),
    "network_hidden": 16,
    "network_steps": 50,
}


def as_words(pixels: np.ndarray) -> np.ndarray:
    """Digits as the text head reads them: a word for each pixel in one of three shades, beside the pixels."""
    shades = np.ceil(np.rint(pixels * 16) / 6)
    ids = np.where(shades > 0, np.arange(64) * 3 + shades, 0)
    empty = np.zeros((len(pixels), IDS - 64))
    return np.concatenate([pixels, ids * UNIT, empty], axis=1).astype(np.float32)


def rows_for(kind: str, pixels: np.ndarray = X) -> np.ndarray:
    """The digits as this kind of head takes them."""
    return as_words(pixels) if kind == "text" else pixels


EVERY = [(kind, posterior) for kind in heads.KINDS for posterior in ("mc_dropout", "laplace")]


def quick(kind: str, posterior: str = "mc_dropout", **changes: object) -> CrossFitted:
    """An untrained head that trains in a fraction of a second."""
    return heads.make(kind, TrainingConfig(**{**QUICK, "posterior": posterior, **changes}))  # type: ignore[arg-type]


def fitted(kind: str, posterior: str = "mc_dropout", labels: np.ndarray = Y, **changes: object) -> CrossFitted:
    """A quick head that knows the first 200 digits, trained anew."""
    head = quick(kind, posterior, **changes)
    head.fit(rows_for(kind), labels, EVEN, FOLDS, classes=11, seed=1)
    return head


known = cache(fitted)  # for tests that change nothing of the head
