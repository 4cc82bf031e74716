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
DECISIONS = 4  # to a write transaction: each writes about six rows
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
    """Keep what was given of all these open issues; returns how many. In one step, so that one undo takes it back.

    Of an item whose issues doubt different labels none is kept: it is to be looked at.
    """
    moment, kept = timezone.now(), 0
    doubted = LabelIssue.objects.filter(project=project, state=State.OPEN)
    given: dict[int, set[int | None]] = {}
    for item, label in doubted.filter(item__in=doubted.filter(pk__in=issues).values("item")).values_list(
        "item_id", "given_id"
    ):
        given.setdefault(item, set()).add(label)
    items = [item for item, labels in given.items() if len(labels) == 1]
    for start in range(0, len(items), DECISIONS):
        with transaction.atomic():
            budgeting.locked(project.pk)
            still = doubted.filter(item__in=items[start : start + DECISIONS], pk__in=issues).select_related(
                "item", "given"
            )
            for issue in {found.item_id: found for found in still.order_by("-pk")}.values():
                closed = labeling.revise(issue.item, reviewer=reviewer, **_as_decision(issue.given))
                kept += closed.closed_issues.update(decided_at=moment)
    return kept


def undo(project: Project, reviewer: User) -> list[LabelIssue]:
    """Take the reviewer's last step back, one decision or many at once; returns the issues that are open again.

    Many are taken back a few at a time; they share their moment, so a step that is interrupted may be gone on with.
    An issue stays closed where its answer was taken back meanwhile, or somebody else's decision stands.
    """
    last = _decided_by(project, reviewer).order_by("-decided_at").first()
    if last is None:
        raise NothingToUndoError("There is no decision of yours left to undo.")
    step = _decided_by(project, reviewer).filter(decided_at=last.decided_at).order_by("item", "pk")
    back: list[LabelIssue] = []
    while True:
        with transaction.atomic():
            budgeting.locked(project.pk)
            items = list(dict.fromkeys(step.values_list("item_id", flat=True)))[:DECISIONS]
            if not items:
                return back
            for issue in step.filter(item__in=items).select_related("decision__item", "annotation"):
                back += _reopened(issue)


def _reopened(issue: LabelIssue) -> list[LabelIssue]:
    """The issue without its decision; empty where there is nothing to decide any more."""
    if issue.decision is not None and not Annotation.objects.filter(supersedes=issue.decision).exists():
        before = labeling.take_back(issue.decision)
        if before is not None and issue.decision.supersedes_id == issue.annotation_id:
            issue.annotation = before
    stands = issue.annotation.item.annotations.current().filter(source=Annotation.Source.REVIEW)
    current = Annotation.objects.current().filter(pk=issue.annotation_id).exists()
    is_open = current and not stands.exclude(pk=issue.annotation_id).exists()
    issue.state = State.OPEN if is_open else State.DISMISSED
    issue.decided_by, issue.decision = None, None
    issue.decided_at = None if is_open else timezone.now()
    issue.save(update_fields=["annotation", "state", "decided_by", "decision", "decided_at"])
    return [issue] if is_open else []


def _decided_by(project: Project, reviewer: User) -> QuerySet[LabelIssue]:
    """What may still be undone: nothing that was decided anew since, nor whose answer is doubted again."""
    decided = LabelIssue.objects.filter(project=project, decided_by=reviewer)
    decided = decided.filter(state__in=[State.CONFIRMED, State.CORRECTED, State.UNCLEAR])
    again = LabelIssue.objects.filter(annotation=OuterRef("annotation"), state=State.OPEN)
    return decided.exclude(decision__superseded_by__isnull=False).exclude(Exists(again))


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
