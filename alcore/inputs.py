"""What a round sees."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.chains import Memory
from alcore.checking import require_shape
from alcore.protocols import Floats, Ints, Rows


@dataclass(frozen=True)
class RoundInput:
    """What a round sees. Labels lie in 0..K; K is out of scope. Skipped answers are left out.

    features: (items, D) float32, may be memory-mapped or shards. folds: (items,). groups: (items,) the first item of
    each one's near-duplicate group, None where there are none. vote_item, vote_annotator, vote_label:
    (votes,), of items that may train. open: (items,) may be asked. trusted: (items,) decided by a reviewer.
    audit_item: (audit,) indices. audit_label: (audit,), -1 where not answered. audit_reporting: (audit,) True for
    the half that only reports. at_random: (items,) True where an item was asked by a random draw; None if unknown.
    costs: (items,) of asking each, above 0, in any unit; None if unknown. memory: of the last round's model, where
    there is one to go on from.
    """

    features: Rows
    folds: Ints
    vote_item: Ints
    vote_annotator: Ints
    vote_label: Ints
    open: NDArray[np.bool_]
    trusted: NDArray[np.bool_]
    audit_item: Ints
    audit_label: Ints
    audit_reporting: NDArray[np.bool_]
    groups: Ints | None = None
    at_random: NDArray[np.bool_] | None = None
    costs: Floats | None = None
    memory: Memory | None = None


def check(data: RoundInput) -> None:
    """Raises ValueError on shapes that do not fit, indices out of range, and audit items that are open or train."""
    if data.features.ndim != 2:
        raise ValueError(f"features must be (items, D); their shape is {data.features.shape}.")
    items = (len(data.features),)
    for name in ("folds", "open", "trusted", *(() if data.costs is None else ("costs",))):
        require_shape(name, getattr(data, name), items)
    for name in ("audit_label", "audit_reporting"):
        require_shape(name, getattr(data, name), data.audit_item.shape)
    for name in ("vote_item", "audit_item"):
        given = getattr(data, name)
        if given.size and not 0 <= given.min() <= given.max() < items[0]:
            raise ValueError(f"{name} must lie in 0..{items[0] - 1}; it spans {given.min()}..{given.max()}.")
    if data.open[data.audit_item].any():
        raise ValueError("An audit item is marked open: audit items are never chosen by a strategy.")
    if np.isin(data.vote_item, data.audit_item).any():
        raise ValueError("A vote is on an audit item: audit items never train.")
