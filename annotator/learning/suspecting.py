"""Label issues: what a round suspects, with what stands beside each, and which labels are taken for each other."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils import timezone

from alcore import confusing
from alcore.cleaning import LabelIssue as Found
from alcore.evidence import nearest
from alcore.inputs import RoundInput
from alcore.rounds import RoundResult
from annotator.learning.loading import Floats, Ints, Pool
from annotator.models import Annotation, LabelIssue, Round

CALM = 0.5  # of the doubt that raised an issue: it stays open until the doubt falls below
BESIDE = 3  # nearest items shown for each of the two labels
MOST_SHOWN = 500  # suspects, the worst, that one round brings before people
State, Cause = LabelIssue.State, LabelIssue.Cause


@dataclass(frozen=True)
class Suspect:
    """An item's resolved label that looks wrong, by primary keys; None stands for out of scope. beside: as stored."""

    item: int
    given: int | None
    expected: int | None
    cause: LabelIssue.Cause
    quality: float
    uncalibrated: float
    beside: dict[str, list[int]]


@dataclass(frozen=True)
class Suspected:
    """suspects: the worst first, no more than may be shown. twins: items whose near-duplicate has another label.

    wrong: item -> probability that its label is wrong; None where no model may say. confused: pairs of labels, as a
    round's row keeps them.
    """

    suspects: tuple[Suspect, ...] = ()
    twins: frozenset[int] = frozenset()
    wrong: dict[int, float] | None = None
    confused: tuple[dict[str, Any], ...] = ()


def look(pool: Pool, data: RoundInput, result: RoundResult, *, cleaning: bool) -> Suspected:
    """What a round's result says of the labels, as sure as it has proved right; nothing is written.

    cleaning: whether the project wants to be told of wrong labels at all.
    """
    resolved = result.resolved
    ids = pool.ids[resolved.items].tolist()
    wrong = dict(zip(ids, (1 - resolved.confidence).tolist(), strict=True)) if result.prior is not None else None
    twins = _twins(data, result) if cleaning else []
    model = {issue.item for issue in result.issues}
    both = [(issue, Cause.DUPLICATE) for issue in twins if issue.item not in model]
    found = [*((issue, Cause.MODEL) for issue in result.issues), *both][:MOST_SHOWN]
    beside = _beside(pool, data, result, [issue for issue, _ in found])
    sure = _sure(result)
    suspects = [
        Suspect(
            item=int(pool.ids[issue.item]),
            given=pool.label_id(issue.given),
            expected=pool.label_id(issue.expected),
            cause=cause,
            quality=sure.get(issue.item, issue.quality),
            uncalibrated=issue.quality,
            beside=beside.get(issue.item, {}),
        )
        for issue, cause in found
    ]
    named = frozenset(pool.ids[[issue.item for issue in twins]].tolist())
    return Suspected(tuple(suspects), named, wrong, tuple(_confused(pool, result)))


def _sure(result: RoundResult) -> dict[int, float]:
    """By item: how likely the label that people alone resolved it to is, by votes and models together."""
    informed, resolved = result.informed, result.resolved
    if informed is None:
        return {}
    told = informed.posterior[np.arange(len(resolved.labels)), resolved.labels]
    return dict(zip(resolved.items.tolist(), told.tolist(), strict=True))


def _twins(data: RoundInput, result: RoundResult) -> list[Found]:
    """Of near-duplicates with different labels the less sure, against the surest; none that a reviewer decided."""
    resolved = result.resolved
    groups = resolved.items if data.groups is None else data.groups[resolved.items]
    _, group = np.unique(groups, return_inverse=True)
    order = np.lexsort((-resolved.confidence, group))
    best = order[np.searchsorted(group[order], group)]  # the surest of each one's group
    differ = np.flatnonzero((resolved.labels != resolved.labels[best]) & ~data.trusted[resolved.items])
    return [
        Found(
            int(resolved.items[place]),
            int(resolved.labels[place]),
            int(resolved.labels[best[place]]),
            float(resolved.confidence[place]),
        )
        for place in differ
    ]


def _beside(pool: Pool, data: RoundInput, result: RoundResult, issues: list[Found]) -> dict[int, dict[str, list[int]]]:
    """By item: the nearest that carry the given and the expected label, and are no suspects themselves."""
    if not issues:
        return {}
    items, labels = result.resolved.items, result.resolved.labels
    features: Floats = np.asarray(data.features[items], dtype=np.float32)
    trusted = ~np.isin(items, [issue.item for issue in result.issues])
    asked: Ints = np.searchsorted(items, [issue.item for issue in issues])
    near = {
        name: nearest.of_label(features, labels, trusted, asked, np.array(wanted), count=BESIDE)
        for name, wanted in {
            "given": [issue.given for issue in issues],
            "expected": [issue.expected for issue in issues],
        }.items()
    }
    return {
        issue.item: {
            name: [int(pool.ids[items[place]]) for place in found[row] if place >= 0] for name, found in near.items()
        }
        for row, issue in enumerate(issues)
    }


def _confused(pool: Pool, result: RoundResult) -> Iterator[dict[str, Any]]:
    resolved = result.resolved
    suspects = ((issue.item, issue.given, issue.expected) for issue in result.issues)
    for pair in confusing.pairs(resolved.votes, resolved.items.tolist(), suspects):
        yield {
            "first": pool.label_id(pair.first),
            "second": pool.label_id(pair.second),
            "disagreements": pair.disagreements,
            "suspects": pair.suspects,
            "items": [int(pool.ids[item]) for item in pair.items],
        }


def store(found: Round, suspected: Suspected) -> int:
    """Raise a round's label issues and dismiss open ones that look right now; returns how many are new.

    What a new label has brought back waits for people, whatever a round thinks of it.
    """
    raised = _raised(found, suspected)
    past = LabelIssue.objects.filter(pk__in=_past(found, suspected, raised))
    past.update(state=State.DISMISSED, decided_at=timezone.now())
    decided = LabelIssue.objects.filter(annotation_id__in=raised).exclude(state=State.DISMISSED)
    known = set(decided.values_list("annotation_id", flat=True))
    new = [issue for annotation, issue in raised.items() if annotation not in known]
    LabelIssue.objects.bulk_create(new)
    return len(new)


def _past(found: Round, suspected: Suspected, raised: Collection[int]) -> list[int]:
    """Open issues that no model raises now or doubts half as much as when they came, so that the queue is calm.

    A round whose model is not good enough to say anything dismisses none of those. Near-duplicates that agree by now
    are no issue any more.
    """
    still = found.project.issues.filter(state=State.OPEN).exclude(annotation_id__in=raised)
    twins = [one.pk for one in still.filter(cause=Cause.DUPLICATE) if one.item_id not in suspected.twins]
    wrong = suspected.wrong
    if wrong is None:
        return twins
    doubted = still.filter(cause=Cause.MODEL)
    calm = [one.pk for one in doubted if wrong.get(one.item_id, 0.0) < CALM * (1 - (one.quality or 0.0))]
    return [*twins, *calm]


def _raised(found: Round, suspected: Suspected) -> dict[int, LabelIssue]:
    """Annotation id -> issue, for the current annotations that say what their issue suspects."""
    by_item = {suspect.item: suspect for suspect in suspected.suspects}
    said = Annotation.objects.current().filter(project=found.project_id, item_id__in=list(by_item))
    issues = {}
    for annotation in said.exclude(outcome=Annotation.Outcome.SKIPPED):
        suspect = by_item[annotation.item_id]
        if annotation.label_id == suspect.given:
            issues[annotation.pk] = LabelIssue(
                project_id=found.project_id,
                item_id=annotation.item_id,
                annotation=annotation,
                round=found,
                given_id=suspect.given,
                expected_id=suspect.expected,
                cause=suspect.cause,
                quality=suspect.quality,
                uncalibrated=suspect.uncalibrated,
                neighbors=suspect.beside,
            )
    return issues
