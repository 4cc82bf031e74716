"""Small arrays for tests of the core."""

import numpy as np
from sklearn.datasets import load_digits

from alcore.configuration import RoundConfig
from alcore.inputs import RoundInput

DIGITS = load_digits()


def digits_round(
    *, items: int = 300, labeled: int = 60, classes: int = 10, seed: int = 0, flips: int = 0
) -> tuple[RoundInput, np.ndarray]:
    """Real digits: the first ones labeled, the last fifth the audit; returns the input and the flipped items."""
    rng = np.random.default_rng(seed)
    keep = np.flatnonzero(DIGITS.target < classes)[:items]
    features, labels = (DIGITS.data[keep] / 16).astype(np.float32), DIGITS.target[keep].astype(np.int64)
    audit = np.arange(items - items // 5, items)
    given = labels[:labeled].copy()
    flipped = rng.choice(labeled, flips, replace=False) if flips else np.zeros(0, dtype=np.int64)
    given[flipped] = (given[flipped] + 1) % classes
    open_items = np.ones(items, dtype=bool)
    open_items[:labeled] = open_items[audit] = False
    data = RoundInput(
        features=features,
        folds=rng.integers(0, 5, items),
        vote_item=np.arange(labeled),
        vote_annotator=np.zeros(labeled, dtype=np.int64),
        vote_label=given,
        open=open_items,
        trusted=np.zeros(items, dtype=bool),
        audit_item=audit,
        audit_label=labels[audit],
        audit_reporting=np.arange(len(audit)) % 2 == 0,
    )
    return data, flipped


def config(strategy: str = "margin", **changes: object) -> RoundConfig:
    return RoundConfig(**{"labels": 10, "strategy": strategy, "batch": 12, "seed": 3, **changes})  # type: ignore[arg-type]
