"""What deciding was worth: a model of the labels as they were first given beside one of those that stand now."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alcore import scoring
from alcore.inputs import RoundInput
from alcore.intervals import Z95
from alcore.rounds import RoundResult
from annotator import issues
from annotator.learning import training
from annotator.learning.loading import Ints, Pool
from annotator.models import Annotation, Project
from annotator.serving import ENOUGH_TO_SAY

FEWEST_CHANGED = 3  # labels that differ from what was first given
GROWN = 1.2  # times as many changed labels as when it was last told, and it is told again: it trains two models
MOST_TAUGHT = 3_000  # labels that either model learns from, drawn
Outcome = Annotation.Outcome


@dataclass(frozen=True)
class Worth:
    """changed: labels that are not what was first given. before, after: accuracy on so many audit answers (audited).

    low, high: 95 % interval of the difference, from the answers that only one of both names rightly.
    """

    changed: int
    audited: int
    before: float
    after: float
    low: float
    high: float


def compare(project: Project, pool: Pool, data: RoundInput, result: RoundResult, sequence: int) -> dict[str, Any]:
    """As plain data; empty where hardly anything was changed since it was last told, or the audit says too little.

    Both are trained alike, on the same labels (3,000 at most) and without weights, by the project's head, or a linear
    layer where that is a network trained end to end; and judged on the reporting half of the audit.
    """
    resolved = result.resolved
    audited = np.flatnonzero((data.audit_label >= 0) & data.audit_reporting)
    first = _first(project, pool, sequence)
    before = np.array(
        [first.get(item, now) for item, now in zip(resolved.items.tolist(), resolved.labels.tolist(), strict=True)],
        dtype=np.int64,
    )
    changed = int((before != resolved.labels).sum())
    last = issues.worth(project)
    enough = max(FEWEST_CHANGED, GROWN * last["changed"] if last else 0)
    if changed < enough or len(audited) < ENOUGH_TO_SAY or result.served is None:
        return {}
    drawn = np.sort(np.random.default_rng(project.seed).permutation(len(before))[:MOST_TAUGHT])
    taught = (before[drawn], resolved.labels[drawn])
    if min(len(np.unique(labels)) for labels in taught) < 2:
        return {}
    truth, items = data.audit_label[audited], resolved.items[drawn]
    right = [_predicted(project, pool, data, items, labels, audited) == truth for labels in taught]
    low, high = _interval(won=int((right[1] & ~right[0]).sum()), lost=int((right[0] & ~right[1]).sum()), of=len(truth))
    return asdict(
        Worth(
            changed=changed,
            audited=len(audited),
            before=round(float(right[0].mean()), 4),
            after=round(float(right[1].mean()), 4),
            low=round(low, 4),
            high=round(high, 4),
        )
    )


def _interval(*, won: int, lost: int, of: int) -> tuple[float, float]:
    """95 % of the difference of two shares on the same answers. Source: Agresti & Min (2005), half a count a cell."""
    only_after, only_before, total = won + 0.5, lost + 0.5, of + 2
    shift = (only_after - only_before) / total
    half = Z95 * float(np.sqrt(only_after + only_before - (only_after - only_before) ** 2 / total)) / total
    return shift - half, shift + half


def _first(project: Project, pool: Pool, sequence: int) -> dict[int, int]:
    """Pool index -> the first label that somebody gave the item and did not take back, reviews aside."""
    places = pool.places()
    said = (
        Annotation.objects.filter(project=project, sequence__lte=sequence, item__audit="")
        .filter(outcome__in=[Outcome.LABEL, Outcome.OUT_OF_SCOPE])
        .exclude(source=Annotation.Source.REVIEW)
        .exclude(superseded_by__outcome=Outcome.UNDONE)
        .exclude(item__state="withdrawn")
    )
    rows = list(said.order_by("-sequence").values_list("item_id", "label_id"))
    if not rows:
        return {}
    index = pool.index_of(np.array([item for item, _ in rows], dtype=np.int64)).tolist()
    return {place: places[label] for place, (_, label) in zip(index, rows, strict=True)}


def _predicted(project: Project, pool: Pool, data: RoundInput, items: Ints, labels: Ints, audited: Ints) -> Ints:
    head = training.head_for_trials(project)
    features = scoring.rows_of(data.features, items)
    weights = np.ones(len(items), dtype=np.float32)
    head.fit(features, labels, weights, data.folds[items], classes=len(pool.labels) + 1, seed=project.seed)
    return scoring.predicted(data.features, data.audit_item[audited], head)
