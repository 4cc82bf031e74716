"""Ways to go on training when new labels come, as plain data: what a page may show without an array library."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Scheme:
    """One way to go on from the last round's weights.

    new_only: batches hold new labels alone; else all there are. replays: how the rows beside a batch are chosen, ""
    for none. distance, alpha, beta: of the loss on them, as in `protocols.Steps`. weighs: how the two parts of the loss
    are weighed: "rows", as if they were one batch; "both", 1 each; "shares", by how much is new.
    many: whether an ensemble may use it; else one member alone, as the choice would tell a member of its own fold.
    """

    key: str
    title: str
    meaning: str
    paper: str
    replays: Literal["", "uniform", "interfered", "submodular"] = "uniform"
    distance: Literal["", "kl", "mse"] = ""
    alpha: float = 0.0
    beta: float = 1.0
    weighs: Literal["rows", "both", "shares"] = "rows"
    new_only: bool = True
    many: bool = True


DEFAULT = "sd"
CAL = "Das et al. (2023), Continual Active Learning"
SCHEMES: tuple[Scheme, ...] = (
    Scheme(
        "er",
        "Experience replay",
        "New labels go with twice as many earlier ones, drawn evenly.",
        f"Rolnick et al. (2019); {CAL}",
    ),
    Scheme(
        "mir",
        "Maximally interfered retrieval",
        "New labels go with those earlier ones that they would make the model worse on.",
        f"Aljundi et al. (2019); {CAL}",
        replays="interfered",
    ),
    Scheme(
        "der",
        "Dark experience replay (DER++)",
        "Earlier labels are replayed together with what the last model said of them.",
        f"Buzzega et al. (2020); {CAL}",
        distance="mse",
        alpha=0.1,
        weighs="both",
    ),
    Scheme(
        "sd",
        "Scaled distillation",
        "The same, weighed by how much is new: quick to learn early, steady late.",
        CAL,
        distance="kl",
        alpha=0.25,
        beta=0.75,
        weighs="shares",
    ),
    Scheme(
        "sds2",
        "Scaled distillation with submodular sampling",
        "As scaled distillation; what is replayed stands for the rest and is unsure.",
        CAL,
        replays="submodular",
        distance="kl",
        alpha=0.25,
        beta=0.75,
        weighs="shares",
        many=False,
    ),
    Scheme("warm", "Warm start", "All labels, from the last weights: the baseline.", CAL, replays="", new_only=False),
    Scheme("fine_tune", "Fine-tuning", "New labels alone, from the last weights: forgets.", CAL, replays=""),
)
KEYS: tuple[str, ...] = tuple(scheme.key for scheme in SCHEMES)
# what a project may choose: what replays, and whatever the number of members
OFFERED: tuple[Scheme, ...] = tuple(scheme for scheme in SCHEMES if scheme.replays and scheme.many)


def get(key: str) -> Scheme:
    """The scheme of that key; raises ValueError naming those there are."""
    for scheme in SCHEMES:
        if scheme.key == key:
            return scheme
    raise ValueError(f"There is no way to go on training {key!r}; there are {', '.join(KEYS)}.")
