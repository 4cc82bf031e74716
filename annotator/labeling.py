"""Record, undo and revise annotations. Rows are only added; nothing acknowledged is lost (promise 1)."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from annotator import budgeting, serving
from annotator.errors import InvalidInputError, NothingToUndoError, RefusedError
from annotator.models import Annotation, Budget, Item, Label, LabelIssue, Project, Query

Outcome = Annotation.Outcome
LIVE = [Query.State.OPEN, Query.State.HELD]
SKIPS_THAT_CLOSE = 2  # different people who skipped an item before it is asked no more


@dataclass(frozen=True)
class Answer:
    """What a person answered to a query."""

    outcome: str
    label: Label | None
    lease: UUID
    seconds: float | None = None


@dataclass(frozen=True)
class Recorded:
    """What became of an answer."""

    annotation: Annotation
    repeated: bool = False  # the same form came twice; it counted once

    @property
    def late(self) -> bool:
        return self.annotation.late


def record(query: Query, answer: Answer, *, annotator: User) -> Recorded:
    """Store one answer. In time, late or repeated, it is never lost; a repeated one records once.

    Promise 3: an answer whose lease was lost takes the query if that is still open and the budget allows; else it is
    an extra opinion, unpaid. Promise 4: what costs is every outcome but skip.
    """
    _check(query, answer)
    with transaction.atomic():
        budget = budgeting.locked(query.project_id)
        known = query.project.annotations.filter(lease=answer.lease).first()
        if known is not None:
            return Recorded(known, repeated=True)
        query = Query.objects.select_related("item", "project").get(pk=query.pk)
        late = not _is_held(query, answer, annotator)
        taken = _take_late(query, annotator, budget) if late else query
        annotation = _add(taken or query, answer, annotator, budget, late=late, pays=taken is not None)
        if taken is not None:
            _close(taken, annotation, budget)
        resolve_item(query.item, budget)
        budget.save()
        return Recorded(annotation)


def undo(project: Project, person: User) -> Query | None:
    """Take the person's last answer back; returns its query, in their hands again (None for a late extra).

    The query they held goes back to the others. A round that used the answer stays as recorded.
    """
    with transaction.atomic():
        budget = budgeting.locked(project.pk)
        last = _last_answer(project, person)
        serving.give_back(project, person, budget)
        query = _reclaim(last, person, budget)
        _add_undo(last, budget)
        resolve_item(last.item, budget)
        budget.save()
        return query


def revise(item: Item, *, outcome: str, label: Label | None, reviewer: User) -> Annotation:
    """Put a decision on top of what was said: the reviewer's own row, which wins; the rest stays as it was."""
    if outcome not in (Outcome.LABEL, Outcome.OUT_OF_SCOPE) or (outcome == Outcome.LABEL) != (label is not None):
        raise InvalidInputError("Choose one of the project's labels, or out of scope.")
    with transaction.atomic():
        budget = budgeting.locked(item.project_id)
        annotation = Annotation.objects.create(
            project_id=item.project_id,
            item=item,
            annotator=reviewer,
            sequence=budgeting.next_sequence(budget),
            outcome=outcome,
            label=label,
            source=Annotation.Source.REVIEW,
            supersedes=item.annotations.current()
            .filter(annotator=reviewer, source=Annotation.Source.REVIEW)
            .order_by("-sequence")
            .first(),
        )
        item.queries.open().update(state=Query.State.WITHDRAWN)
        _settle_issues(item, annotation)
        resolve_item(item, budget)
        budget.save()
        return annotation


def resolve_item(item: Item, budget: Budget) -> None:
    """Bring the item's resolved label and state up to date, and the budget's counters of unasked items with it.

    A review decides, else the majority, the earlier one on a tie, else what was confirmed in bulk. The confidence from
    votes alone is the share (n + 1) / (N + 2); a round replaces it by the model's view.
    """
    said = list(item.annotations.current().exclude(outcome=Outcome.SKIPPED).order_by("sequence"))
    decided = [a for a in said if a.source == Annotation.Source.REVIEW]
    votes: dict[tuple[str, int | None], int] = {}
    for annotation in decided[-1:] or said:
        vote = (annotation.outcome, annotation.label_id)
        votes[vote] = votes.get(vote, 0) + 1
    if votes:
        (item.outcome, item.label_id), count = max(votes.items(), key=lambda v: v[1])
        item.confidence = (count + 1) / (sum(votes.values()) + 2)
        item.confidence_source = "review" if decided else "votes"
    else:
        item.certify(item.proposals.confirmed().first())
    was = Item.objects.values_list("state", flat=True).get(pk=item.pk)
    item.state = _state_of(item, said)
    item.save(update_fields=["outcome", "label", "confidence", "confidence_source", "state"])
    budgeting.count_unasked(budget, item.audit, int(item.state == Item.State.UNASKED) - int(was == Item.State.UNASKED))


def _state_of(item: Item, said: list[Annotation]) -> str:
    """What is known of the item: an audit item is answered only when it was asked here, blind, or decided."""
    if item.state == Item.State.WITHDRAWN:
        return item.state
    if any(a.source != Annotation.Source.IMPORT for a in said) or (said and not item.audit):
        return Item.State.ANSWERED
    if item.confidence_source == "certified":
        return Item.State.CERTIFIED
    if item.queries.filter(state__in=LIVE).exists():
        return Item.State.ASKED
    return Item.State.SKIPPED if _skips(item) >= SKIPS_THAT_CLOSE else Item.State.UNASKED


def _skips(item: Item) -> int:
    """How many different people skip it."""
    skips = item.annotations.current().filter(outcome=Outcome.SKIPPED)
    return skips.values("annotator").distinct().count()


def _check(query: Query, answer: Answer) -> None:
    if answer.outcome not in (Outcome.LABEL, Outcome.OUT_OF_SCOPE, Outcome.SKIPPED):
        raise InvalidInputError("Choose a label, out of scope, or skip.")
    if (answer.outcome == Outcome.LABEL) != (answer.label is not None):
        raise InvalidInputError("An answer with a label needs one, and only that.")
    if answer.label is not None and answer.label.project_id != query.project_id:
        raise InvalidInputError("This label belongs to another project.")


def _is_held(query: Query, answer: Answer, annotator: User) -> bool:
    return query.state == Query.State.HELD and query.annotator_id == annotator.pk and query.lease == answer.lease


def _take_late(query: Query, annotator: User, budget: Budget) -> Query | None:
    """Reserve the item's open query for an answer whose lease was lost, where budget and rules allow."""
    open_now = query.item.queries.open().select_related("item", "project").first()
    if open_now is None or not budgeting.has_room(budget):
        return None
    if serving.seen_by(annotator).filter(item=query.item_id).exists():
        return None
    open_now.item = query.item
    budgeting.reserve(budget)
    return open_now


def _add(query: Query, answer: Answer, annotator: User, budget: Budget, *, late: bool, pays: bool) -> Annotation:
    return Annotation.objects.create(
        project_id=query.project_id,
        item=query.item,
        query=query,
        annotator=annotator,
        sequence=budgeting.next_sequence(budget),
        outcome=answer.outcome,
        label=answer.label,
        lease=answer.lease,
        late=late,
        paid=pays and answer.outcome != Outcome.SKIPPED,
        seconds=answer.seconds,
    )


def _close(query: Query, annotation: Annotation, budget: Budget) -> None:
    """The query is answered, or goes back to the others after a skip."""
    if annotation.outcome == Outcome.SKIPPED:
        budgeting.release(budget)
        serving.reopen(query)
        _close_if_skipped_enough(query)
        return
    budgeting.settle(budget)
    query.state = Query.State.ANSWERED
    query.annotator_id = annotation.annotator_id
    query.held_until = None
    query.save(update_fields=["state", "annotator", "held_until"])


def _close_if_skipped_enough(query: Query) -> None:
    if _skips(query.item) >= SKIPS_THAT_CLOSE:
        query.state = Query.State.WITHDRAWN
        query.save(update_fields=["state"])


def _last_answer(project: Project, person: User) -> Annotation:
    last = (
        project.annotations.current()
        .filter(annotator=person, source=Annotation.Source.ANSWER)
        .select_related("item", "query")
        .order_by("-sequence")
        .first()
    )
    if last is None:
        raise NothingToUndoError("There is no answer of yours left to undo.")
    return last


def _reclaim(last: Annotation, person: User, budget: Budget) -> Query | None:
    """Put the undone answer's query back into the person's hands, moving its cost from settled to reserved."""
    query = last.query
    if query is None or (last.late and not last.paid):
        return None
    taken = not last.paid and query.state in (Query.State.HELD, Query.State.ANSWERED)
    # a second opinion on what is taken back is not wanted any more, unless somebody is giving it
    query.item.queries.open().asking_again().exclude(pk=query.pk).update(state=Query.State.WITHDRAWN)
    if taken or _has_other_query(query):
        raise RefusedError("Someone else has this item now, so your answer stays.")
    if last.paid:
        budgeting.unsettle(budget)
    else:
        budgeting.reserve(budget)
    serving.hold(query, person)
    return query


def _has_other_query(query: Query) -> bool:
    return query.item.queries.filter(state__in=LIVE).exclude(pk=query.pk).exists()


def _add_undo(last: Annotation, budget: Budget) -> None:
    Annotation.objects.create(
        project_id=last.project_id,
        item=last.item,
        query=last.query,
        annotator_id=last.annotator_id,
        sequence=budgeting.next_sequence(budget),
        outcome=Outcome.UNDONE,
        source=last.source,
        supersedes=last,
    )
    LabelIssue.objects.filter(annotation=last, state=LabelIssue.State.OPEN).update(
        state=LabelIssue.State.DISMISSED, decided_at=timezone.now()
    )


def _settle_issues(item: Item, decision: Annotation) -> None:
    """A decision closes the item's open issues: confirmed where it agrees with what was given, else corrected."""
    for issue in item.issues.filter(state=LabelIssue.State.OPEN):
        agrees = issue.given_id == decision.label_id
        issue.state = LabelIssue.State.CONFIRMED if agrees else LabelIssue.State.CORRECTED
        issue.decided_by, issue.decision = decision.annotator, decision
        issue.decided_at = timezone.now()
        issue.save(update_fields=["state", "decided_by", "decision", "decided_at"])


def take_back(decision: Annotation) -> Annotation | None:
    """Undo a review's decision, inside the caller's transaction: what was said before it stands again.

    Where that was an earlier decision of the same person, it is said once more, in a row of its own, which is returned.
    """
    budget = budgeting.locked(decision.project_id)
    _add_undo(decision, budget)
    before, again = decision.supersedes, None
    if before is not None and before.source == Annotation.Source.REVIEW and before.outcome != Outcome.UNDONE:
        again = Annotation.objects.create(
            project_id=before.project_id,
            item=before.item,
            annotator_id=before.annotator_id,
            sequence=budgeting.next_sequence(budget),
            outcome=before.outcome,
            label=before.label,
            source=before.source,
        )
    resolve_item(decision.item, budget)
    budget.save()
    return again
