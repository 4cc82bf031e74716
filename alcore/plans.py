"""Plans: strategies that name another one, by how far a project is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alcore import catalog
from alcore.protocols import Ints

TYPICAL_PER_CLASS = 5  # labels for each class before margin knows enough; ours: the paper fixes a number of steps


@dataclass(frozen=True)
class State:
    """How far a project is. labels: (n,) of the items that train, K for out of scope. classes: K."""

    labels: Ints
    classes: int


Plan = Callable[[State], tuple[str, str]]


def load(key: str) -> Plan:
    """The plan of the catalog's entry: state -> key of a strategy, and why."""
    plan: Plan = catalog.load(key)
    return plan


def tcm(state: State) -> tuple[str, str]:
    """TypiClust until there are five labels for each class, margin from then on.

    Source: Doucet, Estermann, Aczel & Wattenhofer (2024), who switch after a fixed number of steps.
    """
    if len(state.labels) < TYPICAL_PER_CLASS * state.classes:
        return "typiclust", f"Typical items until there are {TYPICAL_PER_CLASS} labels for each class."
    seen = len(np.unique(state.labels))
    return "margin", f"Close margins, now that there are {len(state.labels)} labels of {seen} classes."
