"""The strategies on offer, as plain data: what a page may show without loading an array library."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Strategy:
    """One way to choose what to ask next.

    needs: what its function scores: "nothing", "probs" (items, labels), "members" (members, items, labels) or
    "draws" (items, labels, draws). path: module and function, joined by a colon.
    """

    key: str
    title: str
    meaning: str
    paper: str
    needs: str
    path: str


DEFAULT = "margin"
STRATEGIES: tuple[Strategy, ...] = (
    Strategy(
        "random",
        "Random",
        "Asks any item, all alike: the baseline that the others must beat.",
        "the baseline",
        "nothing",
        "alcore.strategies.uncertainty:random",
    ),
    Strategy(
        "least_confidence",
        "Least confidence",
        "Asks where the likeliest label is least sure.",
        "Lewis & Gale (1994)",
        "probs",
        "alcore.strategies.uncertainty:least_confidence",
    ),
    Strategy(
        "margin",
        "Margin",
        "Asks where the two likeliest labels are closest.",
        "Scheffer, Decomain & Wrobel (2001)",
        "probs",
        "alcore.strategies.uncertainty:margin",
    ),
    Strategy(
        "entropy",
        "Entropy",
        "Asks where the probabilities are spread most evenly over the labels.",
        "Settles (2009)",
        "probs",
        "alcore.strategies.uncertainty:entropy",
    ),
    Strategy(
        "bald",
        "BALD",
        "Asks where samples of the model (MC dropout) are each sure of themselves and disagree with each other.",
        "Houlsby et al. (2011); Gal, Islam & Ghahramani (2017)",
        "draws",
        "alcore.strategies.bayesian:bald",
    ),
    Strategy(
        "disagreement",
        "Ensemble disagreement",
        "Asks where the members of the ensemble disagree.",
        "McCallum & Nigam (1998)",
        "members",
        "alcore.strategies.bayesian:disagreement",
    ),
)
KEYS: tuple[str, ...] = tuple(strategy.key for strategy in STRATEGIES)


def get(key: str) -> Strategy:
    """The strategy of that key; raises ValueError naming those there are."""
    for strategy in STRATEGIES:
        if strategy.key == key:
            return strategy
    raise ValueError(f"There is no strategy {key!r}; there are {', '.join(KEYS)}.")


def load(key: str) -> Callable[..., Any]:
    """The strategy's function; this is what loads the array libraries."""
    module, _, name = get(key).path.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
