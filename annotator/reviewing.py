"""Label issues: raised by a round or by a new label, decided by people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from annotator import budgeting, labeling
from annotator.errors import NothingToUndoError, RefusedError
from annotator.models import Annotation, Label, LabelIssue, Project, Round

PIECE = 100  # items to a write transaction, which stays under 50 ms
State = LabelIssue.State


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


def confirm(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The given label is right: recorded as the reviewer's decision, and never suspected again."""
    return _decide(issue, label=issue.given, reviewer=reviewer)


def correct(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The expected label is right."""
    return _decide(issue, label=issue.expected, reviewer=reviewer)


def choose(issue: LabelIssue, *, label: Label | None, reviewer: User) -> Annotation:
    """Any label is right, or out of scope (None)."""
    return _decide(issue, label=label, reviewer=reviewer)


def call_unclear(issue: LabelIssue, *, reviewer: User) -> None:
    """Nobody can tell by the guideline: the label stays, and the pair is shown among those that are confused."""
    with transaction.atomic():
        _lock_open(issue)
        issue.state, issue.decided_by, issue.decided_at = State.UNCLEAR, reviewer, timezone.now()
        issue.save(update_fields=["state", "decided_by", "decided_at"])


def confirm_many(project: Project, issues: Sequence[int], *, reviewer: User) -> int:
    """Keep what was given of all these open issues; returns how many. In one step, so that one undo takes it back."""
    moment, kept = timezone.now(), 0
    for start in range(0, len(issues), PIECE // 5):  # a decision writes about five rows
        with transaction.atomic():
            budgeting.locked(project.pk)
            piece = issues[start : start + PIECE // 5]
            for issue in LabelIssue.objects.filter(project=project, pk__in=piece, state=State.OPEN).order_by("pk"):
                closed = labeling.revise(issue.item, reviewer=reviewer, **_as_decision(issue.given))
                kept += closed.closed_issues.update(decided_at=moment)
    return kept


def undo(project: Project, reviewer: User) -> list[LabelIssue]:
    """Take the reviewer's last step back, one decision or many at once; returns the issues that are open again."""
    with transaction.atomic():
        budgeting.locked(project.pk)
        last = _decided_by(project, reviewer).order_by("-decided_at").first()
        if last is None:
            raise NothingToUndoError("There is no decision of yours left to undo.")
        step = list(_decided_by(project, reviewer).filter(decided_at=last.decided_at).select_related("decision__item"))
        for issue in step:
            if issue.decision is not None and not _is_past(issue.decision):
                labeling.take_back(issue.decision)
        LabelIssue.objects.filter(pk__in=[issue.pk for issue in step]).update(
            state=State.OPEN, decided_by=None, decided_at=None, decision=None
        )
        return step


def _decided_by(project: Project, reviewer: User) -> QuerySet[LabelIssue]:
    """What may still be undone: nothing that was decided anew since, nor whose answer is doubted again."""
    decided = LabelIssue.objects.filter(project=project, decided_by=reviewer)
    decided = decided.filter(state__in=[State.CONFIRMED, State.CORRECTED, State.UNCLEAR])
    again = LabelIssue.objects.filter(annotation=OuterRef("annotation"), state=State.OPEN)
    return decided.exclude(decision__superseded_by__isnull=False).exclude(Exists(again))


def _is_past(decision: Annotation) -> bool:
    """Whether the same step has taken it back: two issues of one item share their decision."""
    return Annotation.objects.filter(supersedes=decision).exists()


def _as_decision(label: Label | None) -> dict[str, Any]:
    """What labeling.revise takes."""
    return {"outcome": Annotation.Outcome.LABEL if label else Annotation.Outcome.OUT_OF_SCOPE, "label": label}


def _decide(issue: LabelIssue, *, label: Label | None, reviewer: User) -> Annotation:
    """Under the lock that every decision takes, so that the first of two people decides."""
    with transaction.atomic():
        _lock_open(issue)
        return labeling.revise(issue.item, reviewer=reviewer, **_as_decision(label))


def _lock_open(issue: LabelIssue) -> None:
    budgeting.locked(issue.project_id)
    issue.refresh_from_db(fields=["state"])
    if issue.state != State.OPEN:
        raise RefusedError(f"This issue is already closed: {issue.get_state_display().lower()}.")
