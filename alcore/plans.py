"""Plans: strategies that name another one, by how far a project is and what its random answers show."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alcore import catalog
from alcore.control import Control
from alcore.protocols import Ints

TYPICAL_PER_CLASS = 5  # labels for each class before margin knows enough; ours: the paper fixes a number of steps
ALL_AGREE = 0.995  # of the stop set, so that what is left to learn is not where the model looks
HALF_RANDOM = 0.5
TOLD_APART = 3  # labels for each class, from which on a small share is more than chance
SCARCE = (
    0.5  # of an even share. By `benchmarks.efficiency --search`: worth points where classes are rare, nothing elsewhere
)
BALANCE = ("class_balance",)


@dataclass(frozen=True)
class State:
    """How far a project is. labels: (n,) of the items that train, K for out of scope. classes: K.

    control: compares labels as asked with random ones; None where there are too few. agreement: share of the stop set
    on which all members name the same label; None without one. Both cost something, so they are asked when needed.
    """

    labels: Ints
    classes: int
    control: Callable[[], Control | None] = lambda: None
    agreement: Callable[[], float | None] = lambda: None


@dataclass(frozen=True)
class Decision:
    """What a plan decided. key: of a strategy. why: for the round's row. random_share: instead of the usual one.

    guards: beside the configured ones.
    """

    key: str
    why: str
    random_share: float | None = None
    guards: tuple[str, ...] = ()


Plan = Callable[[State], Decision]


def load(key: str) -> Plan:
    """The plan of the catalog's entry."""
    plan: Plan = catalog.load(key)
    return plan


def auto(state: State) -> Decision:
    """Margin, spread over the pool, unless what was drawn at random shows that it does not pay.

    Where a class has less than half of an even share of the labels, each place goes to the class with the fewest. The
    control compares learners of labels as asked and of random ones on random items: where the former learned surely
    less, the round asks at random until that is no longer so. Where all members agree on all but a few of the stop
    set, half of the batch is drawn at random, so that what the model does not know of is found.
    """
    control = state.control()
    if control is not None and control.is_surely_worse:
        return Decision("random", f"Random, since {_told(control)}.")
    agreement = state.agreement()
    if agreement is not None and agreement >= ALL_AGREE:
        why = f"Close margins, half at random: the members agree on {agreement:.1%} of the stop set."
        return Decision("margin", why, HALF_RANDOM)
    told = "" if control is None else f": {_told(control)}"
    if _is_scarce(state):
        return Decision("margin", f"Close margins, places to the classes with the fewest labels{told}.", None, BALANCE)
    return Decision("margin", f"Close margins{told}.")


def tcm(state: State) -> Decision:
    """TypiClust until there are five labels for each class, margin from then on.

    Source: Doucet, Estermann, Aczel & Wattenhofer (2024), who switch after a fixed number of steps.
    """
    if len(state.labels) < TYPICAL_PER_CLASS * state.classes:
        return Decision("typiclust", f"Typical items until there are {TYPICAL_PER_CLASS} labels for each class.")
    seen = len(np.unique(state.labels))
    return Decision("margin", f"Close margins, now that there are {len(state.labels)} labels of {seen} classes.")


def _is_scarce(state: State) -> bool:
    """Whether there are labels enough to tell, and of a class that has some, fewer than half of an even share."""
    counts = np.bincount(state.labels, minlength=state.classes)[: state.classes]
    even = counts.sum() / state.classes
    return bool(even >= TOLD_APART and counts[counts > 0].min() < SCARCE * even)


def _told(control: Control) -> str:
    asked, random = control.asked_right / control.judged, control.random_right / control.judged
    return (
        f"{control.labels} labels as asked taught {asked:.0%} of {control.judged} random items, as many random ones"
        f" {random:.0%}"
    )
