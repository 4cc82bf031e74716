"""Labels that the model is sure of, confirmed by people many at a time; counted apart, and some of them asked again."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from math import exp, lgamma, log, log1p
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from annotator import budgeting, serving
from annotator.errors import NothingToUndoError, RefusedError
from annotator.models import Budget, Item, Label, Project, Proposal, Query, Round
from annotator.models.proposals import ProposalQuerySet

PAGE = 24  # shown at once: what one takes in at a glance
PRECISION = 0.99  # promised of what is offered; alcore.certifying holds the model to it
CHECKED_SHARE = 0.02  # of what is confirmed is asked again, blind
FEWEST_CHECKS = 10  # answered before they may end the offers: one wrong of two says little
CHECK_WITHIN = 50  # confirmed labels, of which one at least is
CHECK_RANK = 57  # behind the first five questions of a batch, so that a check does not come right after its page
State = Proposal.State
HELD = [Query.State.HELD, Query.State.ANSWERED]


@dataclass(frozen=True)
class Figures:
    """What was confirmed in bulk, and how much of what was asked again was right; low, high: 95 % interval."""

    certified: int
    checked: int
    right: int
    low: float
    high: float

    @property
    def is_too_low(self) -> bool:
        """Whether surely less is right than was promised."""
        return self.checked >= FEWEST_CHECKS and self.high < PRECISION


@dataclass(frozen=True)
class Page:
    """Proposals of one label for one person, or the reason why there are none."""

    proposals: list[Proposal]
    left: int = 0  # offered beside these
    # "off", "paused", "archived", "imprecise" (too many of those checked were wrong), "limit" (checks are open, and no
    # answers left for them), "held" (by others) or "none"
    nothing: str = ""

    @property
    def label(self) -> Label:
        return self.proposals[0].label

    @property
    def lease(self) -> UUID | None:
        return self.proposals[0].lease


@dataclass(frozen=True)
class Decided:
    """What became of a page."""

    label: Label
    confirmed: int
    declined: int
    gone: int  # asked or answered by the ordinary way meanwhile, which wins; or declined by somebody


def figures(project: Project) -> Figures:
    """The same cost however much is confirmed: the count is kept, and only what was checked is looked at."""
    certified = Budget.objects.values_list("certified", flat=True).get(project=project)
    asked = project.proposals.confirmed().filter(check_query__isnull=False, check_query__state=Query.State.ANSWERED)
    found = asked.aggregate(checked=Count("id"), right=Count("id", filter=Q(item__label=F("label"))))
    low, high = exact_interval(found["right"], found["checked"])
    return Figures(certified, found["checked"], found["right"], low, high)


def imprecision(project: Project) -> str:
    """One sentence on why nothing is offered any more, where too many of those asked again were wrong; else empty."""
    found = figures(project)
    if not project.certify or not found.is_too_low:
        return ""
    return (
        f"No labels are offered to be confirmed in bulk: of {found.checked} that were asked again {found.right} were "
        "right, surely less than 99 %."
    )


def offered(project: Project) -> ProposalQuerySet:
    """What the newest finished round proposes, as far as nobody was asked it since; an earlier round's is past.

    Without items of which an earlier round's proposal was declined, or is in somebody's hands.
    """
    if not project.certify:
        return Proposal.objects.none()
    held = Q(state=State.OPEN, held_until__gte=timezone.now())
    others = Proposal.objects.filter(Q(state=State.DECLINED) | held, item=OuterRef("item")).exclude(pk=OuterRef("pk"))
    newest = project.rounds.filter(state=Round.State.DONE).order_by("-number").values("pk")[:1]
    return Proposal.objects.open().filter(~Exists(others), round=newest, item__state=Item.State.UNASKED)


def waiting(project: Project) -> int:
    """How many labels anybody could be shown to confirm now."""
    if not project.certify or _refusal(project):
        return 0
    return offered(project).count()


def claim_page(project: Project, person: User) -> Page:
    """The page that the person holds, else the surest of one label, leased to them: nobody else is shown these.

    They stay in the pool all the same. Whoever is asked one in the ordinary way takes it off the page.
    """
    reason = _refusal(project)
    if reason and reason != "limit":
        return Page([], nothing=reason)
    with transaction.atomic():
        budgeting.locked(project.pk)
        mine = list(_in_hands_of(project, person).in_full())
        found = _still_shown(mine)
        if not found and reason:
            return Page([], nothing=reason)
        found = found or _next_page(project)
        if found != mine:  # a lease never comes to stand for anything but what was shown under it
            give_back(project, person)
            _hold(found, person, uuid4())
        elif found:
            _hold(found, person, found[0].lease)
    others = offered(project).exclude(pk__in=[proposal.pk for proposal in found]).count()
    return Page(found, left=others, nothing="" if found else "held" if others else "none")


def decide(project: Project, person: User, lease: UUID, declined: Collection[int]) -> Decided:
    """Confirm what was shown under the lease, but for the declined ones (ids). The same form twice decides once.

    An item that was asked meanwhile is left to its answer. A declined one stays where it was, open to be asked.
    """
    with transaction.atomic():
        budget = budgeting.locked(project.pk)
        page = list(project.proposals.in_full().filter(annotator=person, lease=lease))
        if not page:
            raise RefusedError("This page is not in your hands any more, so nothing of it was confirmed.")
        shown = [proposal for proposal in page if proposal.state == State.OPEN]
        items = [proposal.item_id for proposal in shown]
        refused = Proposal.objects.filter(item__in=items, state=State.DECLINED)
        ended = set(refused.values_list("item_id", flat=True))
        for proposal in shown:
            proposal.state = _decision(proposal, declined, ended)
        _settle(shown, budget)
        _draw_checks(project, [proposal for proposal in shown if proposal.state == State.CONFIRMED], budget)
        budget.save()
    became = [proposal.state for proposal in page]
    return Decided(
        label=page[0].label,
        confirmed=became.count(State.CONFIRMED),
        declined=became.count(State.DECLINED),
        gone=became.count(State.WITHDRAWN),
    )


def undo(project: Project, person: User) -> list[int]:
    """Take the person's last page back into their hands; returns the ids of what they had declined on it.

    What was asked again or answered since stays as it was decided.
    """
    if not _may_undo(project):
        raise RefusedError("No labels are offered to be confirmed here now, so the page stays as you decided it.")
    with transaction.atomic():
        budget = budgeting.locked(project.pk)
        mine = _decided_by(project, person)
        last = mine.order_by("-decided_at", "-pk").first()
        if last is None:
            raise NothingToUndoError("There is no page of yours left to undo.")
        page = list(mine.filter(lease=last.lease))
        declined = [proposal.pk for proposal in page if proposal.state == State.DECLINED]
        give_back(project, person)
        _take_back(page, budget)
        _hold(page, person, uuid4())
        budget.save()
        return declined


def can_undo(project: Project, person: User) -> bool:
    return _may_undo(project) and _decided_by(project, person).exists()


def _may_undo(project: Project) -> bool:
    """Where a page taken back could be shown again: without a limit too, since that ends new pages only."""
    return _refusal(project) in ("", "limit")


def give_back(project: Project, person: User) -> None:
    """Let others be shown what the person is shown now."""
    _in_hands_of(project, person).update(annotator=None, lease=None, held_until=None)


def exact_interval(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share, which never claims too much at few cases. Source: Clopper & Pearson (1934)."""
    if total == 0:
        return 0.0, 1.0
    wrong = total - right
    most = 1.0 if wrong == total else _where(lambda rate: _at_most(wrong, total, rate) < 0.025)
    least = 0.0 if wrong == 0 else _where(lambda rate: _at_most(wrong - 1, total, rate) < 0.975)
    return 1 - most, 1 - least


def _where(turned: Callable[[float], bool]) -> float:
    """Where in (0, 1) the answer turns from no to yes, by halving."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if turned(middle) else (middle, high)
    return (low + high) / 2


def _at_most(wrong: int, total: int, rate: float) -> float:
    """The chance of no more errors than so many, at that rate of them."""
    ways = (lgamma(total + 1) - lgamma(k + 1) - lgamma(total - k + 1) for k in range(wrong + 1))
    return sum(exp(each + k * log(rate) + (total - k) * log1p(-rate)) for k, each in enumerate(ways))


def _refusal(project: Project) -> str:
    """Why nothing is offered in this project, whatever the rounds found; empty if it may be."""
    if not project.certify:
        return "off"
    if not project.is_active:
        return "archived" if project.state == Project.State.ARCHIVED else "paused"
    if figures(project).is_too_low:
        return "imprecise"
    return "limit" if _checks_wait_in_vain(project) else ""


def _checks_wait_in_vain(project: Project) -> bool:
    """Whether labels that were confirmed are to be asked again, and the limit leaves no answers for that."""
    if budgeting.has_room(Budget.objects.get(project=project)):
        return False
    return project.queries.open().filter(draw=Query.Draw.CHECK).exists()


def _in_hands_of(project: Project, person: User) -> ProposalQuerySet:
    """What the person was shown last and has not decided, even where a round has come since."""
    return project.proposals.open().filter(annotator=person, decided_at=None)


def _still_shown(mine: list[Proposal]) -> list[Proposal]:
    """Of one label, and without what was asked or answered meanwhile."""
    now = timezone.now()
    held = [proposal for proposal in mine if proposal.held_until and proposal.held_until >= now]
    unasked = [proposal for proposal in held if proposal.item.state == Item.State.UNASKED]
    return [proposal for proposal in unasked if proposal.label_id == unasked[0].label_id]


def _next_page(project: Project) -> list[Proposal]:
    """The surest of the first label that has any left, so that one stays with a label until it is done."""
    free = offered(project).filter(Q(held_until=None) | Q(held_until__lt=timezone.now()))
    first = free.order_by("label__position").values_list("label", flat=True).first()
    surest = free.filter(label=first).in_full()
    return list(surest[:PAGE])


def _hold(page: list[Proposal], person: User, lease: UUID | None) -> None:
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    for proposal in page:
        proposal.annotator, proposal.lease, proposal.held_until = person, lease, until
    ids = [proposal.pk for proposal in page]
    Proposal.objects.filter(pk__in=ids).update(annotator=person, lease=lease, held_until=until)


def _decision(proposal: Proposal, declined: Collection[int], ended: Collection[int]) -> str:
    """Ended: items that somebody declined before, of another round's."""
    if proposal.pk in declined:
        return State.DECLINED
    is_free = proposal.item.state == Item.State.UNASKED and proposal.item_id not in ended
    return State.CONFIRMED if is_free else State.WITHDRAWN


def _settle(decided: list[Proposal], budget: Budget) -> None:
    """Write the decisions down, and the confirmed labels on their items, as labeling.resolve_item would.

    In few statements, so that the write transaction stays short.
    """
    now = timezone.now()
    for state in {proposal.state for proposal in decided}:
        ids = [proposal.pk for proposal in decided if proposal.state == state]
        Proposal.objects.filter(pk__in=ids).update(state=state, decided_at=now)
    items = [proposal.item for proposal in decided if proposal.state == State.CONFIRMED]
    confirmed = Proposal.objects.confirmed().filter(item=OuterRef("pk"))
    Item.objects.filter(pk__in=[item.pk for item in items]).update(
        state=Item.State.CERTIFIED,
        outcome=Item.Outcome.LABEL,
        label=Subquery(confirmed.values("label")),
        confidence=Subquery(confirmed.values("confidence")),
        confidence_source="certified",
    )
    _count(items, budget, 1)


def _count(items: list[Item], budget: Budget, change: int) -> None:
    for item in items:
        budgeting.count_unasked(budget, item.audit, -change)
    budget.certified += change * len(items)


def _draw_checks(project: Project, confirmed: list[Proposal], budget: Budget) -> None:
    """Have one in fifty of the confirmed labels asked again: by the item's hash, so that undoing changes nothing.

    Where chance drew none of the first fifty, the one with the lowest hash is asked: no page is likelier than another.
    """
    drawn = [proposal for proposal in confirmed if _hash(project, proposal) < CHECKED_SHARE]
    for proposal in drawn:
        _open_check(proposal, probability=CHECKED_SHARE)
    if not drawn and budget.certified >= CHECK_WITHIN and not _is_checked(project):
        # one whose check came to nothing, since people skipped it, would come to nothing again
        standing = project.proposals.in_full().confirmed().filter(item__state=Item.State.CERTIFIED, check_query=None)
        for proposal in sorted(standing, key=lambda each: _hash(project, each))[:1]:
            _open_check(proposal)


def _is_checked(project: Project) -> bool:
    checks = Q(check_query__isnull=False) & ~Q(check_query__state=Query.State.WITHDRAWN)
    return project.proposals.confirmed().filter(checks).exists()


def _hash(project: Project, proposal: Proposal) -> float:
    proposal.item.project = project
    return proposal.item.check_draw


def _open_check(proposal: Proposal, probability: float | None = None) -> None:
    """The question says no more than the audit's, so that nobody knows that a label was confirmed before."""
    proposal.check_query = Query.objects.create(
        project_id=proposal.project_id,
        item=proposal.item,
        draw=Query.Draw.CHECK,
        strategy="check",
        reason=serving.AUDIT_REASON,
        rank=CHECK_RANK,
        probability=probability,
    )
    proposal.save(update_fields=["check_query"])


def _decided_by(project: Project, person: User) -> ProposalQuerySet:
    """The person's decisions that nothing has happened to since."""
    unchecked = Q(check_query=None) | ~Q(check_query__state__in=HELD)
    confirmed = Q(state=State.CONFIRMED, item__state=Item.State.CERTIFIED) & unchecked
    declined = Q(state=State.DECLINED, item__state=Item.State.UNASKED)
    return project.proposals.in_full().filter(confirmed | declined, annotator=person)


def _take_back(page: list[Proposal], budget: Budget) -> None:
    """Undo decisions: their items were unasked before, and are again."""
    items = [proposal.item for proposal in page if proposal.state == State.CONFIRMED]
    checks = Query.objects.open().filter(pk__in=[proposal.check_query_id for proposal in page])
    checks.update(state=Query.State.WITHDRAWN)
    ids = [proposal.pk for proposal in page]
    Proposal.objects.filter(pk__in=ids).update(state=State.OPEN, decided_at=None, check_query=None)
    Item.objects.filter(pk__in=[item.pk for item in items]).update(
        state=Item.State.UNASKED, outcome=Item.Outcome.NONE, label=None, confidence=None, confidence_source=""
    )
    _count(items, budget, -1)
