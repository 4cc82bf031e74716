"""What the model is sure enough of to be offered to people for confirmation, many at a time, instead of one by one."""

from dataclasses import dataclass, field

import numpy as np

from alcore.checking import require_finite, require_probs, require_shape
from alcore.intervals import wilson
from alcore.protocols import Floats, Ints, Model, Report, Rows
from alcore.scoring import CHUNK_FLOATS, MOST_ROWS, rows_of

PRECISION = 0.99
FEWEST = 381  # labels without an error by which 95 % are sure of that precision
PER_CLASS = 100  # items of a class at most in one round
MOST = 2_000  # items in one round: more than people go through before the next
MEMBERS = 5  # taken for the size of a chunk
NO_ITEMS: Ints = np.zeros(0, dtype=np.int64)
NO_FLOATS: Floats = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True)
class Gate:
    """How sure the model must be, by what people said of its surest predictions.

    threshold: the least probability of such a prediction; None where the precision is not reached. low: the lower 95 %
    bound of the precision there, 0 where not reached. right, told: how many people's labels agreed with the surest
    predictions, and of how many, down to the threshold; without one, down to where the bound is highest.
    """

    threshold: float | None = None
    low: float = 0.0
    right: int = 0
    told: int = 0


@dataclass(frozen=True)
class Certified:
    """Items that the model is that sure of, surest first. Arrays: (certified,); none where the gate is shut."""

    gate: Gate = Gate()
    items: Ints = field(default_factory=lambda: NO_ITEMS)
    labels: Ints = field(default_factory=lambda: NO_ITEMS)
    confidence: Floats = field(default_factory=lambda: NO_FLOATS)


def gate(oof_probs: Floats, labels: Ints, *, precision: float = PRECISION) -> Gate:
    """The gate that people's labels set: from the surest prediction down, as far as the bound of the precision holds.

    Going down ends at the first place below the bound after it was reached. A bound of .99 needs 381 labels without an
    error.

    Args:
        oof_probs: (labeled, labels + 1), calibrated, each by a model that never saw the item; the last is out of scope.
        labels: (labeled,), people's, the number of labels standing for out of scope.

    Raises ValueError on other shapes, a precision outside (0, 1), NaN, infinity, or values outside [0, 1].
    Source: Wang et al. (2017), CEAL, with a bound in place of a schedule; Wilson (1927).
    """
    require_probs("oof_probs", oof_probs, 2)
    require_shape("labels", labels, (len(oof_probs),))
    if not 0 < precision < 1:
        raise ValueError(f"precision must lie in (0, 1); it is {precision}.")
    predicted, sure = oof_probs.argmax(axis=1), oof_probs.max(axis=1)
    inside = np.flatnonzero(predicted < oof_probs.shape[1] - 1)
    order = inside[np.argsort(-sure[inside], kind="stable")]
    right = np.cumsum(predicted[order] == labels[order])
    last = np.flatnonzero(np.diff(sure[order], append=-1) < 0)  # equally sure ones are taken together
    threshold, low, best, highest = None, 0.0, (0, 0), 0.0
    for place in last.tolist():
        bound, _ = wilson(int(right[place]), place + 1)
        if bound >= min(highest, precision):
            highest, best = max(highest, bound), (int(right[place]), place + 1)
        if bound >= precision:
            threshold, low = float(sure[order[place]]), bound
        elif threshold is not None:
            break
    return Gate(threshold, low, *best)


def certifiable(members: Floats, through: Gate, *, per_class: int = PER_CLASS) -> Certified:
    """Of some items, those whose mean probability passes the gate, on whose label all members agree, in scope.

    Args:
        members: (members, items, labels + 1), calibrated, the last being out of scope. per_class: the surest ones of
        each class, so many at most.

    Raises ValueError on another shape, no member, NaN, infinity, or values outside [0, 1].
    """
    require_probs("members", members, 3)
    if not len(members):
        raise ValueError(f"members must be some; their shape is {members.shape}.")
    mean = members.mean(axis=0, dtype=np.float64)
    label, sure = mean.argmax(axis=1), mean.max(axis=1).astype(np.float32)
    agreed = (members.argmax(axis=2) == label).all(axis=0) & (label < mean.shape[1] - 1)
    fit = np.flatnonzero(agreed & (sure >= (np.inf if through.threshold is None else through.threshold)))
    return _surest(Certified(through, fit, label[fit], sure[fit]), per_class)


def search(features: Rows, items: Ints, model: Model, through: Gate, *, labels: int, report: Report) -> Certified:
    """`certifiable` over a pool, chunk by chunk: no more is held than a chunk and the surest of each class so far.

    Args:
        features: (all items, D). items: (n,) indices, rising. labels: K, without out of scope; at 20 and less each
        class is offered 100 items, with more labels all together 2,000.

    Raises ValueError where a feature is NaN or infinite.
    """
    found = Certified(through)
    if through.threshold is None:
        return found
    per_class = max(1, min(PER_CLASS, MOST // labels))
    step = min(MOST_ROWS, max(256, CHUNK_FLOATS // (MEMBERS * (labels + 1))))
    for start in range(0, len(items), step):
        part = items[start : start + step]
        rows = rows_of(features, part)
        require_finite("features", rows)
        more = certifiable(model.member_probs(rows), through, per_class=per_class)
        joined = Certified(
            through,
            np.concatenate([found.items, part[more.items]]),
            np.concatenate([found.labels, more.labels]),
            np.concatenate([found.confidence, more.confidence]),
        )
        found = _surest(joined, per_class)
        report("certify", min(1.0, (start + step) / len(items)))
    return found


def note(found: Certified) -> str:
    """One sentence for the round's row: what is offered, or how far it is from that."""
    through = found.gate
    if through.threshold is None:
        return (
            f"Nothing to confirm in bulk yet: of the model's {through.told} surest labels people confirmed "
            f"{through.right}; it takes {FEWEST} without an error, and more with one."
        )
    offered = f"{len(found.items)} labels offered to be confirmed in bulk"
    return f"{offered}: people confirmed {through.right} of {through.told} where the model was as sure."


def _surest(found: Certified, per_class: int) -> Certified:
    """Surest first, and of each class no more than its share."""
    order = np.argsort(-found.confidence, kind="stable")
    order = order[_place_in_class(found.labels[order]) < per_class]
    return Certified(found.gate, found.items[order], found.labels[order], found.confidence[order])


def _place_in_class(labels: Ints) -> Ints:
    """(n,) how many of the same class stand before each."""
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    places = np.empty(len(labels), dtype=np.int64)
    places[order] = np.arange(len(labels)) - np.searchsorted(ordered, ordered)
    return places
