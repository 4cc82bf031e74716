"""A chain of rounds that go on from each other's weights: what it remembers, and when it is better begun anew."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alcore import evaluation
from alcore.protocols import Ints

RELABELLED = 0.02  # of what the last model learned; beyond it, too much of its weights rests on what no longer holds
SURE = 0.01  # one-sided, that a chain names fewer audit items rightly than the fresh model that it began with
NOTHING: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Memory:
    """What a round's model has learned; kept with its weights. Items are indices into the round's features.

    items, labels: (n,) as trained. rounds: gone on since a fresh start. changed: labels of this chain that were changed
    or taken back since then. audit_items, audit_said: (a,) what the fresh model named. seconds, trained: that the
    fresh start took, and its number of labels.
    """

    items: Ints
    labels: Ints
    rounds: int = 0
    changed: int = 0
    audit_items: Ints = field(default_factory=lambda: NOTHING)
    audit_said: Ints = field(default_factory=lambda: NOTHING)
    seconds: float = 0.0
    trained: int = 0

    def learned(self, items: Ints, labels: Ints) -> NDArray[np.bool_]:
        """(n,) True where the model learned the item under this very label."""
        known, places = _found(self.items, items)
        learned = np.zeros(len(items), dtype=bool)
        learned[known] = self.labels[places] == labels[known]
        return learned

    def after(self, learned: NDArray[np.bool_]) -> "Memory":
        """With the changes counted that these items, `learned` among them as before, bring."""
        return replace(self, changed=self.changed + len(self.items) - int(learned.sum()))


def why_fresh(memory: Memory | None, learned: NDArray[np.bool_], labels: Ints, *, every: int) -> str:
    """Why a round starts fresh instead of going on; empty where it may go on.

    Args:
        memory: of the last round, its changes counted. learned: (n,) of the round's labels, by `Memory.learned`.
        labels: (n,). every: rounds after which a chain begins anew; 0: never, nor by any other rule.
    """
    old, new = int(learned.sum()), int((~learned).sum())
    if memory is None or not old:
        return "there is no earlier model of these labels to go on from"
    if not new:
        return "no label is new"
    return _rule(memory, labels, new > old, every) if every else ""


def _rule(memory: Memory, labels: Ints, mostly_new: bool, every: int) -> str:
    if memory.rounds + 1 >= every:
        return f"a chain begins anew every {every} rounds"
    if memory.changed > RELABELLED * max(1, len(memory.items)):
        return f"{memory.changed} of {len(memory.items)} learned labels were changed or taken back"
    if unseen := len(np.setdiff1d(labels, memory.labels)):
        return f"{unseen} of the labels were never given before"
    return "more is new than old, so little would be saved" if mostly_new else ""


def has_drifted(memory: Memory, items: Ints, answers: Ints, said: Ints) -> bool:
    """Whether a chain names surely fewer audit items rightly than the fresh model that it began with.

    Args:
        items, answers, said: (a,) answered audit items of the half that serves choices, people's answers, and what the
            chain names.
    """
    both, places = _found(memory.audit_items, items)
    was, now = memory.audit_said[places] == answers[both], (said == answers)[both]
    return evaluation.sign_test(was, now) < SURE


def _found(among: Ints, items: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """(n,) which items stand among those, and where these do."""
    known = np.isin(items, among)
    order = np.argsort(among)
    return known, order[np.searchsorted(among, items[known], sorter=order)]


def begun(items: Ints, labels: Ints, *, seconds: float) -> Memory:
    """The memory of a fresh start."""
    return Memory(items, labels, seconds=seconds, trained=len(items))


def gone_on(memory: Memory, items: Ints, labels: Ints) -> Memory:
    """The memory after one more round of a chain."""
    return replace(memory, items=items, labels=labels, rounds=memory.rounds + 1)


def retrain_seconds(memory: Memory, labels: int) -> float:
    """About how long a fresh start on so many labels would take, by what the chain's own took on fewer."""
    return memory.seconds * labels / max(1, memory.trained)


def watched(memory: Memory, items: Ints, said: Ints) -> Memory:
    """With what a fresh model names on the audit's items."""
    return replace(memory, audit_items=items, audit_said=said)
