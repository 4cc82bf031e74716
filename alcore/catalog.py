"""The strategies on offer, as plain data: what a page may show without loading an array library."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

CORE = "alcore.strategies"


@dataclass(frozen=True)
class Strategy:
    """One way to choose what to ask next.

    kind: "score" rates each item by itself; "batch" looks at a shortlist together; "plan" names another strategy, by
    how far the project is. needs: what it looks at: "nothing", "probs" (items, labels), "members" (members, items,
    labels), "draws" (items, labels, draws), "targets" (draws of the item and of a sample of the pool) or "features".
    ranked_by: for a batch, the key of the strategy whose scores make its shortlist; "" for a random one. cost: "low",
    "medium" or "high", seconds, tens of seconds or more for a million items. path: module and function, joined by a
    colon.
    """

    key: str
    title: str
    meaning: str
    paper: str
    kind: str
    needs: str
    cost: str
    path: str
    ranked_by: str = ""


DEFAULT = "auto"
STRATEGIES: tuple[Strategy, ...] = (
    Strategy(
        "auto",
        "Automatic",
        "Asks where margins are close, spread over pool and rare labels; at random where that is seen to teach more.",
        "Bae, Oliveira & Sutherland (2025), with a control of our own",
        "plan",
        "probs",
        "low",
        "alcore.plans:auto",
    ),
    Strategy(
        "random",
        "Random",
        "Asks any item, all alike: the baseline that the others must beat.",
        "the baseline",
        "score",
        "nothing",
        "low",
        f"{CORE}.uncertainty:random",
    ),
    Strategy(
        "least_confidence",
        "Least confidence",
        "Asks where the likeliest label is least sure.",
        "Lewis & Gale (1994)",
        "score",
        "probs",
        "low",
        f"{CORE}.uncertainty:least_confidence",
    ),
    Strategy(
        "margin",
        "Margin",
        "Asks where the two likeliest labels are closest.",
        "Scheffer, Decomain & Wrobel (2001)",
        "score",
        "probs",
        "low",
        f"{CORE}.uncertainty:margin",
    ),
    Strategy(
        "entropy",
        "Entropy",
        "Asks where the probabilities are spread most evenly over the labels.",
        "Settles (2009)",
        "score",
        "probs",
        "low",
        f"{CORE}.uncertainty:entropy",
    ),
    Strategy(
        "variation_ratio",
        "Variation ratio",
        "Asks where most members of the ensemble name another label than the ensemble does.",
        "Freeman (1965); Stojnic, Laskar & Tolias (2024)",
        "score",
        "members",
        "low",
        f"{CORE}.uncertainty:variation_ratio",
    ),
    Strategy(
        "vr_bald",
        "Variation ratio in scope",
        "Asks where most members name another label, ties broken by BALD; never what is taken for out of scope.",
        "Stojnic, Laskar & Tolias (2024)",
        "score",
        "members",
        "low",
        f"{CORE}.uncertainty:vr_bald",
    ),
    Strategy(
        "disagreement",
        "Ensemble disagreement",
        "Asks where the members of the ensemble disagree.",
        "McCallum & Nigam (1998)",
        "score",
        "members",
        "low",
        f"{CORE}.bayesian:disagreement",
    ),
    Strategy(
        "bald",
        "BALD",
        "Asks where samples of the model are each sure of themselves and disagree with each other.",
        "Houlsby et al. (2011); Gal, Islam & Ghahramani (2017)",
        "score",
        "draws",
        "medium",
        f"{CORE}.bayesian:bald",
    ),
    Strategy(
        "epig",
        "EPIG",
        "Asks what would make the predictions on the whole pool surer.",
        "Bickford Smith et al. (2023)",
        "score",
        "targets",
        "medium",
        f"{CORE}.joint:epig",
    ),
    Strategy(
        "batch_bald",
        "BatchBALD",
        "Asks the batch whose answers together would tell most about the model.",
        "Kirsch, van Amersfoort & Gal (2019)",
        "batch",
        "draws",
        "medium",
        "alcore.batches:batch_bald",
        "bald",
    ),
    Strategy(
        "power_bald",
        "Power BALD",
        "Draws items by their BALD score instead of taking the highest, so that a batch is less alike.",
        "Kirsch et al. (2023)",
        "batch",
        "draws",
        "medium",
        "alcore.batches:power",
        "bald",
    ),
    Strategy(
        "softmax_bald",
        "Softmax BALD",
        "Draws items by the exponential of their BALD score.",
        "Kirsch et al. (2023)",
        "batch",
        "draws",
        "medium",
        "alcore.batches:softmax",
        "bald",
    ),
    Strategy(
        "softrank_bald",
        "Softrank BALD",
        "Draws items by their place in the order of BALD scores.",
        "Kirsch et al. (2023)",
        "batch",
        "draws",
        "medium",
        "alcore.batches:softrank",
        "bald",
    ),
    Strategy(
        "badge",
        "BADGE",
        "Asks a batch that is both unsure and diverse, by the gradients that its answers would cause.",
        "Ash et al. (2020)",
        "batch",
        "features",
        "low",
        "alcore.batches:badge",
        "margin",
    ),
    Strategy(
        "lcmd",
        "LCMD",
        "Asks the farthest item of the heaviest cluster around what is labeled, by the same gradients.",
        "Holzmueller et al. (2023)",
        "batch",
        "features",
        "low",
        "alcore.batches:lcmd",
        "margin",
    ),
    Strategy(
        "cluster_margin",
        "Cluster-Margin",
        "Asks the closest margins of every cluster in turn, small clusters first.",
        "Citovsky et al. (2021)",
        "batch",
        "features",
        "low",
        "alcore.batches:cluster_margin",
        "margin",
    ),
    Strategy(
        "drop_query",
        "DropQuery",
        "Asks the middle of each cluster of items whose label flips when features are dropped.",
        "Gupte et al. (2024)",
        "batch",
        "draws",
        "low",
        "alcore.batches:drop_query",
        "margin",
    ),
    Strategy(
        "k_center",
        "k-center",
        "Asks what lies farthest from all that is labeled, so that nothing is far from a label.",
        "Sener & Savarese (2018)",
        "batch",
        "features",
        "low",
        "alcore.batches:k_center",
    ),
    Strategy(
        "kmeans_plus_plus",
        "k-means++",
        "Draws items by how far they lie from all that is labeled.",
        "Arthur & Vassilvitskii (2007)",
        "batch",
        "features",
        "low",
        "alcore.batches:kmeans_plus_plus",
    ),
    Strategy(
        "typiclust",
        "TypiClust",
        "Asks the most typical item of each cluster that has fewest labels.",
        "Hacohen, Dekel & Weinshall (2022)",
        "batch",
        "features",
        "low",
        "alcore.batches:typiclust",
    ),
    Strategy(
        "max_herding",
        "MaxHerding",
        "Asks what leaves no part of the pool without a labeled item nearby.",
        "Bae, Noh & Sutherland (2024)",
        "batch",
        "features",
        "low",
        "alcore.batches:max_herding",
    ),
    Strategy(
        "tcm",
        "TypiClust, then margin",
        "Begins with what is typical of the pool and goes on with close margins.",
        "Doucet, Estermann, Aczel & Wattenhofer (2024)",
        "plan",
        "probs",
        "low",
        "alcore.plans:tcm",
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


@dataclass(frozen=True)
class Guard:
    """What keeps a strategy from spending labels badly; goes with any of them."""

    key: str
    title: str
    meaning: str
    paper: str


GUARDS: tuple[Guard, ...] = (
    Guard(
        "ignore_most_uncertain",
        "Leave out the most uncertain",
        "The most uncertain twentieth of the pool is asked last: much of it cannot be learned.",
        "Gonsior et al. (2024)",
    ),
    Guard(
        "class_balance",
        "Balance the classes",
        "Each place of the batch goes to the class with the fewest labels.",
        "Bang, Ahn & Lee (2024), PCB",
    ),
    Guard(
        "partial_pool",
        "Score a part of the pool",
        "Each round looks at 200 items for each place of the batch, drawn anew.",
        "Atighehchian, Branchaud-Charron & Lacoste (2020)",
    ),
    Guard(
        "rare_classes",
        "Look near rare classes",
        "What resembles the labeled items of each class is always looked at, however rare the class.",
        "Lesci & Vlachos (2024), AnchorAL",
    ),
    Guard(
        "unlearnable",
        "Pass over what cannot be learned",
        "What resembles labeled items that the model never learned is asked less; how many there are is told.",
        "Karamcheti et al. (2021); Swayamdipta et al. (2020)",
    ),
    Guard(
        "contrastive",
        "Prefer what stays confusing",
        "Scores count more where the last model was unsure too, and for labels that the surest items lack.",
        "Lyu et al. (2024), LFTL",
    ),
    Guard(
        "in_scope",
        "Pass over what is out of scope",
        "What every member of the ensemble takes for out of scope is asked less.",
        "Stojnic, Laskar & Tolias (2024); Sun et al. (2022)",
    ),
    Guard(
        "cost",
        "Gain per cost",
        "Of two items that score alike, the one that takes people less time is asked first.",
        "Settles, Craven & Friedland (2008)",
    ),
)
GUARD_KEYS: tuple[str, ...] = tuple(guard.key for guard in GUARDS)


def get_guard(key: str) -> Guard:
    """The guard of that key; raises ValueError naming those there are."""
    for guard in GUARDS:
        if guard.key == key:
            return guard
    raise ValueError(f"There is no guard {key!r}; there are {', '.join(GUARD_KEYS)}.")
