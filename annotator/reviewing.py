"""Label issues: raised by a round or by a new label, decided by people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from annotator import budgeting, labeling
from annotator.errors import RefusedError
from annotator.models import Annotation, Label, LabelIssue, Novelty, Project, Round

PIECE = 100  # items to a write transaction, which stays under 50 ms
State = LabelIssue.State


def open_issues(project: Project) -> QuerySet[LabelIssue]:
    """Open issues: what a new label has brought back first, then the most suspect."""
    return (
        LabelIssue.objects.filter(project=project, state=State.OPEN)
        .select_related("item", "given", "expected", "annotation__annotator", "round")
        .order_by(F("quality").asc(nulls_first=True), "id")
    )


@dataclass(frozen=True)
class NewLabel:
    """A label that was made of what looked alike, when, and by which round's finding."""

    label: Label
    since: datetime
    found_by: Round


def send_back(new: NewLabel, items: Sequence[int], *, cause: str) -> int:
    """Ask people whether these items' answers "out of scope" are rather the new label; returns how many answers.

    In pieces, in the order of the items; only answers from before there was the label, each once. Nothing is changed by
    it (promise 6). Safe to run twice.
    """
    made = 0
    for start in range(0, len(items), PIECE):
        with transaction.atomic():
            budgeting.locked(new.label.project_id)
            made += _raise(new, items[start : start + PIECE], cause)
    return made


def _raise(new: NewLabel, items: Sequence[int], cause: str) -> int:
    """One piece; of an answer that is doubted already, the new doubt stands."""
    outside = Annotation.Outcome.OUT_OF_SCOPE
    said = Annotation.objects.current().filter(item__in=items, outcome=outside, item__outcome=outside)
    known = LabelIssue.objects.filter(expected=new.label, item__in=items)
    asked = known.exclude(state=State.DISMISSED, cause=LabelIssue.Cause.MODEL)
    fresh = said.filter(created_at__lte=new.since).exclude(item__in=asked.values("item"))
    place = {item: number for number, item in enumerate(items)}
    answers = sorted(fresh, key=lambda answer: (place[answer.item_id], answer.pk))
    doubted = LabelIssue.objects.filter(annotation__in=answers, state=State.OPEN)
    doubted.update(state=State.DISMISSED, decided_at=timezone.now())
    LabelIssue.objects.bulk_create(
        LabelIssue(
            project_id=new.label.project_id,
            item_id=answer.item_id,
            annotation=answer,
            round=new.found_by,
            expected=new.label,
            cause=cause,
        )
        for answer in answers
    )
    return len(answers)


def made_since(issue: LabelIssue) -> QuerySet[Label]:
    """Labels that were made of what looked alike since this answer was given, beside the one that it is asked about."""
    made = issue.project.novelties.filter(decided_at__gte=issue.annotation.created_at, state=Novelty.State.PROMOTED)
    return issue.project.labels.filter(pk__in=made.values("label")).exclude(pk__in=[issue.given_id, issue.expected_id])


def confirm(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The given label is right: recorded as the reviewer's decision, and never suspected again."""
    return _decide(issue, label_id=issue.given_id, reviewer=reviewer)


def correct(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The expected label is right."""
    return _decide(issue, label_id=issue.expected_id, reviewer=reviewer)


def _decide(issue: LabelIssue, *, label_id: int | None, reviewer: User) -> Annotation:
    """Under the lock that every decision takes, so that the first of two people decides."""
    label = issue.given if label_id == issue.given_id else issue.expected
    outcome = Annotation.Outcome.LABEL if label is not None else Annotation.Outcome.OUT_OF_SCOPE
    with transaction.atomic():
        budgeting.locked(issue.project_id)
        issue.refresh_from_db(fields=["state"])
        if issue.state != State.OPEN:
            raise RefusedError(f"This issue is already closed: {issue.get_state_display().lower()}.")
        return labeling.revise(issue.item, outcome=outcome, label=label, reviewer=reviewer)
