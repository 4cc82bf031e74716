"""The evidence on offer that an answer is wrong, as plain data: key, title, what it needs, paper, where it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """One way to doubt an answer. needs: "features" for a judge that trains on them, "probs" (items, classes) out of
    fold, or "dynamics", what a training loop notes. path: module and function, joined by a colon.
    """

    key: str
    title: str
    meaning: str
    paper: str
    needs: str
    path: str


EVIDENCE: tuple[Evidence, ...] = (
    Evidence(
        "neighbors",
        "Neighbors",
        "What the ten most similar labeled items of other folds are called.",
        "Zhu, Dong & Liu (2022), SimiFeat",
        "features",
        "alcore.evidence.judges:neighbors",
    ),
    Evidence(
        "trees",
        "Trees",
        "What extremely randomised trees say that never saw the item.",
        "Geurts, Ernst & Wehenkel (2006)",
        "features",
        "alcore.evidence.judges:trees",
    ),
    Evidence(
        "logistic",
        "Logistic regression",
        "What a logistic regression says, balanced by class, that never saw the item.",
        "Chong, Hong & Manning (2022)",
        "features",
        "alcore.evidence.judges:logistic",
    ),
    Evidence(
        "self_confidence",
        "Self-confidence",
        "How little the round's own ensemble believes the label, by the member that never saw the item.",
        "Northcutt, Jiang & Chuang (2021)",
        "probs",
        "alcore.evidence.scores:self_confidence",
    ),
    Evidence(
        "normalized_margin",
        "Normalized margin",
        "By how much another label is likelier than the given one.",
        "Northcutt, Jiang & Chuang (2021)",
        "probs",
        "alcore.evidence.scores:normalized_margin",
    ),
    Evidence(
        "confident_learning",
        "Confident learning",
        "Whether the model is confident of another label, as confident as it is of that label elsewhere.",
        "Northcutt, Jiang & Chuang (2021)",
        "probs",
        "alcore.evidence.scores:confident_learning",
    ),
    Evidence(
        "area_under_margin",
        "Area under the margin",
        "How far the label's logit stays behind the others' over training.",
        "Pleiss et al. (2020)",
        "dynamics",
        "alcore.evidence.dynamics:area_under_margin",
    ),
    Evidence(
        "el2n",
        "Early error",
        "How wrong the model is early in training.",
        "Paul, Ganguli & Dziugaite (2021)",
        "dynamics",
        "alcore.evidence.dynamics:el2n",
    ),
    Evidence(
        "forgetting",
        "Forgetting",
        "How often the item was unlearned again.",
        "Toneva et al. (2019)",
        "dynamics",
        "alcore.evidence.dynamics:forgetting",
    ),
    Evidence(
        "first_learned",
        "First learned",
        "How late the item was learned for good.",
        "Yuan, Feng & Liu (2023), Late Stopping",
        "dynamics",
        "alcore.evidence.dynamics:first_learned",
    ),
    Evidence(
        "unsure",
        "Unsure",
        "How low the label's probability stays over training.",
        "Swayamdipta et al. (2020)",
        "dynamics",
        "alcore.evidence.dynamics:unsure",
    ),
)
KEYS = tuple(one.key for one in EVIDENCE)


def get(key: str) -> Evidence:
    """The evidence of that key; raises ValueError naming those there are."""
    for one in EVIDENCE:
        if one.key == key:
            return one
    raise ValueError(f"There is no evidence {key!r}; there are {', '.join(KEYS)}.")
