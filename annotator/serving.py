"""Who holds which query: claim the next one, give one back, let leases run out."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from annotator import budgeting
from annotator.models import AUDIT_SHARE, Annotation, Budget, Item, Membership, Project, Proposal, Query

RANDOM_REASON = "Drawn at random while the next batch is being prepared."
AUDIT_REASON = "Drawn at random to measure how good the model is."
LABELS_TOO = timedelta(days=1)  # since the last answer of somebody for whom checks are kept
ENOUGH_TO_SAY = 30  # answers of the reporting half below which no accuracy is shown


@dataclass(frozen=True)
class Served:
    """What a person gets who asks for the next item: a query, or the reason why there is none."""

    query: Query | None
    # "all_done", "waiting" (others hold the rest), "only_skipped" (all that is left was skipped by this person),
    # "budget_ended", "paused", "archived" or "empty" (no items yet)
    nothing: str = ""


def claim_next(project: Project, person: User) -> Served:
    """The next query for this person, leased to them; first what they already hold.

    Promise 2: there is always one until pool or budget end. Promise 3: nobody else holds it.
    """
    if not project.is_active:
        return Served(None, "archived" if project.state == Project.State.ARCHIVED else "paused")
    with transaction.atomic():
        budget = budgeting.locked(project.pk)
        query = _held_by(project, person) or _take_next(project, person, budget)
        if query is not None:
            return Served(query)
        return Served(None, _why_nothing(project, person, budget))


def release_held(project: Project, person: User) -> None:
    """Give back what the person holds (they leave, or they go back to an earlier answer)."""
    with transaction.atomic():
        give_back(project, person, budgeting.locked(project.pk))


def give_back(project: Project, person: User, budget: Budget) -> None:
    """Reopen what the person holds; under the budget's lock, the caller saves the budget."""
    query = project.queries.held().filter(annotator=person).select_related("item").first()
    if query is not None:
        reopen(query)
        budgeting.release(budget)
        budget.save()


def release_expired(project_id: int | None = None) -> int:
    """Reopen queries whose lease ran out, with their reserved answers; returns how many."""
    expired = Query.objects.held().filter(held_until__lt=timezone.now())
    if project_id is not None:
        expired = expired.filter(project_id=project_id)
    released = 0
    for found in set(expired.values_list("project_id", flat=True)):
        with transaction.atomic():
            budget = budgeting.locked(found)
            released += _release_expired_of(found, budget)
    return released


def hold(query: Query, person: User) -> None:
    """Lease the query to the person; the caller has reserved the answer."""
    now = timezone.now()
    query.state = Query.State.HELD
    query.annotator = person
    query.lease = uuid4()
    query.held_until = now + timedelta(seconds=settings.LEASE_SECONDS)
    query.shown_at = now
    query.save(update_fields=["state", "annotator", "lease", "held_until", "shown_at"])


def reopen(query: Query) -> None:
    """Give the query back to the others; withdraw it where its item got an answer meanwhile."""
    if query.draw in Query.AGAIN:
        is_answered = query.item.confidence_source == "review"
    else:
        is_answered = query.draw != Query.Draw.REVIEW and query.item.state == Item.State.ANSWERED
    query.state = Query.State.WITHDRAWN if is_answered else Query.State.OPEN
    query.annotator = None
    query.lease = None
    query.held_until = None
    query.save(update_fields=["state", "annotator", "lease", "held_until"])


def _held_by(project: Project, person: User) -> Query | None:
    query = project.queries.held().filter(annotator=person).select_related("item").first()
    if query is not None:
        query.held_until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
        query.save(update_fields=["held_until"])
    return query


def _take_next(project: Project, person: User, budget: Budget) -> Query | None:
    if not budgeting.has_room(budget):
        _release_expired_of(project.pk, budget)
    if not budgeting.has_room(budget):
        return None
    query = (
        _next_open(project, person)
        or _next_random(project, person, budget)
        or _next_expired(project, person, budget)
        or _next_left(project, person)
    )
    if query is not None:
        budgeting.reserve(budget)
        hold(query, person)
    budget.save()
    return query


def seen_by(person: User) -> QuerySet[Annotation]:
    """What the person answered or skipped. To send a file that knows the label is not to be asked."""
    return Annotation.objects.current().filter(annotator=person).exclude(source=Annotation.Source.IMPORT)


def _not_seen_by(person: User, queries: QuerySet[Query]) -> QuerySet[Query]:
    """Without items that the person answered or skipped; a review asks again, and says so."""
    return queries.filter(Q(draw=Query.Draw.REVIEW) | ~Exists(seen_by(person).filter(item=OuterRef("item"))))


def _checks_for_others(person: User) -> Exists:
    """Labels that this person confirmed in bulk, where somebody else labels too these days who can check them."""
    answers = Annotation.objects.filter(
        project=OuterRef("project"), annotator=OuterRef("user"), source=Annotation.Source.ANSWER
    )
    last = Subquery(answers.order_by("-sequence").values("created_at")[:1])
    others = Membership.objects.exclude(user=person).filter(project=OuterRef("project"))
    others = others.alias(last=last).filter(last__gte=timezone.now() - LABELS_TOO)
    return Exists(Proposal.objects.confirmed().filter(Exists(others), check_query=OuterRef("pk"), annotator=person))


def _wanted_of_others(person: User) -> Exists:
    """Second answers that somebody else, who labels these days, can give better."""
    theirs = Annotation.objects.filter(
        project=OuterRef("project"), annotator=OuterRef("wanted"), source=Annotation.Source.ANSWER
    )
    return Exists(theirs.exclude(annotator=person).filter(created_at__gte=timezone.now() - LABELS_TOO))


def _next_open(project: Project, person: User) -> Query | None:
    waiting = _waiting(project, person).exclude(Q(draw=Query.Draw.CHECK) & Q(_checks_for_others(person)))
    return _first(waiting.exclude(Q(wanted__isnull=False) & Q(_wanted_of_others(person))))


def _next_left(project: Project, person: User) -> Query | None:
    """Where nothing else is left, what is better done by others.

    A label is better checked by who confirmed it than by nobody (the page says so), and a second opinion is better
    given by anybody than not at all.
    """
    return _first(_waiting(project, person).filter(Q(draw=Query.Draw.CHECK) | Q(wanted__isnull=False)))


def _waiting(project: Project, person: User) -> QuerySet[Query]:
    return _not_seen_by(person, project.queries.open().select_related("item").order_by("rank", "id"))


def _first(waiting: QuerySet[Query]) -> Query | None:
    return waiting.select_for_update(skip_locked=True, of=("self",)).first()


def _next_expired(project: Project, person: User, budget: Budget) -> Query | None:
    return _next_open(project, person) if _release_expired_of(project.pk, budget) else None


def _release_expired_of(project_id: int, budget: Budget) -> int:
    held = Query.objects.held().filter(project_id=project_id, held_until__lt=timezone.now())
    expired = list(held.select_related("item"))
    for query in expired:
        reopen(query)
        budgeting.release(budget)
    if expired:
        budget.save()
    return len(expired)


def _next_random(project: Project, person: User, budget: Budget) -> Query | None:
    """A query made now, where no round's queries are left.

    One on an item that the person skipped earlier stays open for the others, so that each draw keeps its probability.
    """
    while query := _draw(project, budget):
        if not seen_by(person).filter(item=query.item_id).exists():
            return query
    return None


def _draw(project: Project, budget: Budget) -> Query | None:
    """From the audit at its share, else from the pool; from the other where that one is used up."""
    if audit_is_due(budget):
        return open_audit_query(project, budget) or open_random_query(project, budget)
    return open_random_query(project, budget) or open_audit_query(project, budget)


def audit_is_due(budget: Budget) -> bool:
    """Whether the next question made outside a round belongs to the audit."""
    return budget.audit_draws < AUDIT_SHARE * (budget.audit_draws + budget.random_draws + 1)


def open_random_query(project: Project, budget: Budget) -> Query | None:
    """A query for the pool's next item in its fixed random order, with the probability of that draw."""
    item = project.items.of_pool().unasked().order_by("order").first()
    if item is None:
        return None
    budget.random_draws += 1
    query = _drawn(project, item, budget.random_draws, budget.unasked)
    query.draw, query.strategy, query.reason = Query.Draw.RANDOM, "random", RANDOM_REASON
    budget.unasked -= 1
    return _opened(query)


def open_audit_query(project: Project, budget: Budget, rank: int = 0) -> Query | None:
    """A query for the audit's next item, in random order within its half."""
    half = _next_half(budget)
    if half is None:
        return None
    item = project.items.unasked().filter(audit=half).order_by("order").first()
    if item is None:
        return None
    budget.audit_draws += 1
    query = _drawn(project, item, budget.audit_draws, _take_from_half(budget, half))
    query.draw, query.strategy, query.reason, query.rank = Query.Draw.AUDIT, "audit", AUDIT_REASON, rank
    return _opened(query)


def _next_half(budget: Budget) -> str | None:
    """The reporting half first, until it can say something, then in turns.

    The halves are fixed by hash at import, so the order between them leaves each a uniform sample.
    """
    reporting_first = budget.audit_draws < ENOUGH_TO_SAY or budget.audit_draws % 2 == 0
    order = (
        [Item.Audit.REPORTING, Item.Audit.CHOICES] if reporting_first else [Item.Audit.CHOICES, Item.Audit.REPORTING]
    )
    left = {Item.Audit.REPORTING: budget.unasked_reporting, Item.Audit.CHOICES: budget.unasked_choices}
    return next((half for half in order if left[half] > 0), None)


def _take_from_half(budget: Budget, half: str) -> int:
    """Count one item out of the half; returns how many it was drawn from."""
    if half == Item.Audit.REPORTING:
        budget.unasked_reporting -= 1
        return budget.unasked_reporting + 1
    budget.unasked_choices -= 1
    return budget.unasked_choices + 1


def _drawn(project: Project, item: Item, step: int, pool_size: int) -> Query:
    probability = 1 / pool_size if pool_size > 0 else None
    return Query(project=project, item=item, draw_step=step, pool_size=pool_size, probability=probability)


def _opened(query: Query) -> Query:
    Item.objects.filter(pk=query.item_id).update(state=Item.State.ASKED)
    query.save()
    return query


def _why_nothing(project: Project, person: User, budget: Budget) -> str:
    if project.item_count == 0:
        return "empty"
    others = project.queries.held().exclude(annotator=person).exists()
    if not budgeting.has_room(budget):
        return "waiting" if others else "budget_ended"
    if others:
        return "waiting"
    skipped = seen_by(person).filter(outcome=Annotation.Outcome.SKIPPED)
    left = project.queries.open().filter(item__in=skipped.values("item"))
    return "only_skipped" if left.exists() else "all_done"
