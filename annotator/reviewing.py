"""Label issues: raised by a round or by a new label, decided by people."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from annotator import budgeting, labeling
from annotator.errors import RefusedError
from annotator.models import Annotation, Label, LabelIssue, Project, Round

PIECE = 100  # items to a write transaction, which stays under 50 ms
State = LabelIssue.State


def open_issues(project: Project) -> QuerySet[LabelIssue]:
    """Open issues: what a new label has brought back first, then the most suspect."""
    return (
        LabelIssue.objects.filter(project=project, state=State.OPEN)
        .select_related("item", "given", "expected", "annotation__annotator", "round")
        .order_by(F("quality").asc(nulls_first=True), "id")
    )


def send_back(label: Label, items: Sequence[int], *, found_by: Round, cause: str) -> int:
    """Ask people whether these items' answers "out of scope" are rather the new label; returns how many answers.

    In pieces, in the order of the items. Nothing is changed by it (promise 6). Safe to run twice.
    """
    made = 0
    for start in range(0, len(items), PIECE):
        with transaction.atomic():
            budgeting.locked(label.project_id)
            made += _raise(label, items[start : start + PIECE], found_by, cause)
    return made


def _raise(label: Label, items: Sequence[int], found_by: Round, cause: str) -> int:
    """One piece; of an answer that a round doubts as well, the new doubt stands."""
    outside = Annotation.Outcome.OUT_OF_SCOPE
    said = Annotation.objects.current().filter(item__in=items, outcome=outside, item__outcome=outside)
    fresh = said.exclude(issues__in=LabelIssue.objects.filter(expected=label).exclude(state=State.DISMISSED))
    place = {item: number for number, item in enumerate(items)}
    answers = sorted(fresh, key=lambda answer: (place[answer.item_id], answer.pk))
    doubted = LabelIssue.objects.filter(annotation__in=answers, state=State.OPEN)
    doubted.update(state=State.DISMISSED, decided_at=timezone.now())
    LabelIssue.objects.bulk_create(
        LabelIssue(
            project_id=label.project_id,
            item_id=answer.item_id,
            annotation=answer,
            round=found_by,
            expected=label,
            cause=cause,
        )
        for answer in answers
    )
    return len(answers)


def confirm(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The given label is right: recorded as the reviewer's decision, and never suspected again."""
    return _decide(issue, label_id=issue.given_id, reviewer=reviewer)


def correct(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The expected label is right."""
    return _decide(issue, label_id=issue.expected_id, reviewer=reviewer)


def _decide(issue: LabelIssue, *, label_id: int | None, reviewer: User) -> Annotation:
    if issue.state != State.OPEN:
        raise RefusedError(f"This issue is already closed: {issue.get_state_display().lower()}.")
    label = issue.given if label_id == issue.given_id else issue.expected
    outcome = Annotation.Outcome.LABEL if label is not None else Annotation.Outcome.OUT_OF_SCOPE
    return labeling.revise(issue.item, outcome=outcome, label=label, reviewer=reviewer)
