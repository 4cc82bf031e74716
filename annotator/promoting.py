"""Out-of-scope answers that look alike: the owner makes them a label, or says that they are no class.

Nothing is relabeled by it: every answer goes back to people, who confirm the new label or keep "out of scope".
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from annotator import budgeting, issues, managing, reviewing
from annotator.errors import NotFoundError, RefusedError
from annotator.models import Item, Label, LabelIssue, Novelty, Project, Round

SHOWN = 24  # items at once: what one takes in at a glance
State = Novelty.State
Cause = LabelIssue.Cause


@dataclass(frozen=True)
class Confirmed:
    """What became of a page of items."""

    label: Label
    corrected: int  # they have the new label now
    kept: int  # out of scope they stay
    gone: int  # decided meanwhile by somebody else


def listed(project: Project) -> QuerySet[Novelty]:
    """What is to be decided, the largest first, then what was decided, the latest first."""
    found = project.novelties.defer("items").select_related("label", "decided_by", "round")
    return found.exclude(state=State.WITHDRAWN).order_by(F("decided_at").desc(nulls_first=True), "-size", "-pk")


def shown(novelty: Novelty) -> list[Item]:
    """The most typical items, as many as one takes in at a glance."""
    ids = novelty.items[:SHOWN]
    items = Item.objects.in_bulk(ids)
    return [items[pk] for pk in ids if pk in items]


def promote(novelty: Novelty, name: str, *, by: User) -> Label:
    """Append the label and send what looks alike back to people; the next round knows the label.

    The audit's answers "out of scope" go back too, all of them: they were given before there was such a label, and
    whoever is measured by them must know it. The model has no say in which (DESIGN: it never judges the audit).
    """
    with transaction.atomic():
        budgeting.locked(novelty.project_id)  # before a round that updates the same row can publish
        found = _undecided(novelty)
        managing.add_labels(found.project, [name])
        found.label = found.project.labels.get(name=name)
        _close(found, State.PROMOTED, by)
    return _send_back(found)


def finish(project: Project) -> None:
    """Send back what a promotion that was cut off has left; the last finished round has seen to those before it."""
    last = project.rounds.filter(state=Round.State.DONE).order_by("-number").first()
    since = {"decided_at__gte": last.started_at} if last and last.started_at else {}
    promoted = project.novelties.filter(state=State.PROMOTED, **since)
    for found in promoted.select_related("project", "round", "label"):
        _send_back(found)


def _send_back(found: Novelty) -> Label:
    """Safe to run twice."""
    assert found.label is not None  # noqa: S101
    assert found.decided_at is not None  # noqa: S101
    new = reviewing.NewLabel(found.label, found.decided_at, found.round)
    audited = found.project.items.filter(audit__in=[Item.Audit.CHOICES, Item.Audit.REPORTING])
    outside = audited.filter(outcome=Item.Outcome.OUT_OF_SCOPE)
    reviewing.send_back(new, found.items, cause=Cause.NOVELTY)
    ids = list(outside.order_by("order").values_list("pk", flat=True))
    reviewing.send_back(new, ids, cause=Cause.NEW_LABEL)
    return found.label


def dismiss(novelty: Novelty, *, by: User) -> None:
    """These are no class; they are not offered again until half as many have come to them."""
    with transaction.atomic():
        budgeting.locked(novelty.project_id)
        _close(_undecided(novelty), State.DISMISSED, by)


def offer_again(novelty: Novelty) -> None:
    """Take a dismissal back."""
    fields = {"state": State.OPEN, "decided_by": None, "decided_at": None}
    if not Novelty.objects.filter(pk=novelty.pk, state=State.DISMISSED).update(**fields):
        raise RefusedError(f"There is no dismissal to take back: {novelty.get_state_display().lower()}.")


def to_confirm(novelty: Novelty) -> list[LabelIssue]:
    """Of a promoted one: items whose answers wait for a decision, the most typical first, one issue of each."""
    waiting = issues.open_issues(novelty.project).filter(cause=Cause.NOVELTY, expected=novelty.label)
    return list({issue.item_id: issue for issue in reversed(waiting)}.values())[::-1] if novelty.label_id else []


def confirm(novelty: Novelty, issues: Sequence[int], marked: Collection[int], *, reviewer: User) -> Confirmed:
    """Decide what was looked at, each item by itself: the new label, or out of scope where it is marked (issue ids).

    Each is the reviewer's own decision, in a transaction of its own. What somebody decided meanwhile is left so.
    """
    if novelty.label is None:
        raise RefusedError("There is no label to confirm: this group was not made one.")
    wanted = {issue.pk: issue for issue in to_confirm(novelty) if issue.pk in set(issues)}
    decided = {pk for pk in dict.fromkeys(issues) if pk in wanted and _decided(wanted[pk], pk in marked, reviewer)}
    kept = len(decided & set(marked))
    return Confirmed(novelty.label, len(decided) - kept, kept, len(set(issues)) - len(decided))


def _decided(issue: LabelIssue, stays: bool, reviewer: User) -> bool:
    """Decide one; False where somebody else was first."""
    try:
        (reviewing.confirm if stays else reviewing.correct)(issue, reviewer=reviewer)
    except RefusedError:
        return False
    return True


def _undecided(novelty: Novelty) -> Novelty:
    found = Novelty.objects.select_related("project", "round").filter(pk=novelty.pk).first()
    if found is None:
        raise NotFoundError("There is no such group any more: later rounds did not find it.")
    if not found.may_be_decided:
        raise RefusedError(f"This is decided already: {found.get_state_display().lower()}.")
    return found


def _close(novelty: Novelty, state: str, by: User) -> None:
    novelty.state, novelty.decided_by, novelty.decided_at = state, by, timezone.now()
    novelty.save(update_fields=["state", "label", "decided_by", "decided_at"])
