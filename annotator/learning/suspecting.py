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
MOST_SHOWN = 500  # suspects, the worst, that are shown with their neighbors
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
    """suspects: the worst first. wrong: item -> probability that its label is wrong; None where no model may say.

    confused: pairs of labels, as a round's row keeps them.
    """

    suspects: tuple[Suspect, ...] = ()
    wrong: dict[int, float] | None = None
    confused: tuple[dict[str, Any], ...] = ()


def look(pool: Pool, data: RoundInput, result: RoundResult) -> Suspected:
    """What a round's result says of the labels, as sure as it has proved right; nothing is written."""
    resolved = result.resolved
    ids = pool.ids[resolved.items].tolist()
    wrong = dict(zip(ids, (1 - resolved.confidence).tolist(), strict=True)) if result.prior is not None else None
    twins = _twins(data, result, {issue.item for issue in result.issues})
    found = [*((issue, Cause.MODEL) for issue in result.issues), *((issue, Cause.DUPLICATE) for issue in twins)]
    beside = _beside(pool, data, result, [issue for issue, _ in found[:MOST_SHOWN]])
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
    return Suspected(tuple(suspects), wrong, tuple(_confused(pool, result)))


def _sure(result: RoundResult) -> dict[int, float]:
    """By item: how likely the label that people alone resolved it to is, by votes and models together."""
    informed, resolved = result.informed, result.resolved
    if informed is None:
        return {}
    told = informed.posterior[np.arange(len(resolved.labels)), resolved.labels]
    return dict(zip(resolved.items.tolist(), told.tolist(), strict=True))


def _twins(data: RoundInput, result: RoundResult, known: Collection[int]) -> list[Found]:
    """Of near-duplicates with different labels the less sure, against the surest; none that a reviewer decided."""
    resolved = result.resolved
    groups = resolved.items if data.groups is None else data.groups[resolved.items]
    order = np.lexsort((-resolved.confidence, groups))
    surest = order[np.flatnonzero(np.diff(groups[order], prepend=-1))]
    of_group = dict(zip(groups[surest].tolist(), surest.tolist(), strict=True))
    best = np.array([of_group[int(group)] for group in groups], dtype=np.int64)
    differ = np.flatnonzero((resolved.labels != resolved.labels[best]) & ~data.trusted[resolved.items])
    return [
        Found(
            int(resolved.items[place]),
            int(resolved.labels[place]),
            int(resolved.labels[best[place]]),
            float(resolved.confidence[place]),
        )
        for place in differ
        if int(resolved.items[place]) not in known
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
    """Open issues that no model raises now or doubts half as much as when they were raised, so that the queue is calm.

    A round whose model is not good enough to say anything dismisses none.
    """
    wrong = suspected.wrong
    if wrong is None:
        return []
    still = found.project.issues.filter(state=State.OPEN, cause=Cause.MODEL).exclude(annotation_id__in=raised)
    return [one.pk for one in still if wrong.get(one.item_id, 0.0) < CALM * (1 - (one.quality or 0.0))]


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
