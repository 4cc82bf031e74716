"""Figures for the pages: how far a project is, how good the model is."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q

from alcore.intervals import wilson
from annotator import certifying, scheduling
from annotator.models import Annotation, Budget, Import, Item, LabelIssue, Membership, Novelty, Project, Query, Round
from annotator.serving import ENOUGH_TO_SAY

ROUNDS_SHOWN = 6
IMPORTS_SHOWN = 5
Outcome = Annotation.Outcome


@dataclass(frozen=True)
class Bar:
    """How far the batch and the budget are; the same cost at any number of items (promise 7)."""

    settled: int
    limit: int | None
    items: int
    certified: int
    batch_done: int
    batch_size: int
    learning: Round | None

    @property
    def total(self) -> int:
        return _total(self.limit, self.items - self.certified, self.settled)


def _total(limit: int | None, unconfirmed: int, settled: int) -> int:
    """What a project's bar fills up to: the limit, else the items that were not confirmed in bulk.

    No less than was answered: confirmed labels that were asked again were answered too.
    """
    return max(unconfirmed, settled) if limit is None else limit


def bar(project: Project) -> Bar:
    budget = Budget.objects.get(project_id=project.pk)
    rounds = list(project.rounds.exclude(state=Round.State.FAILED).order_by("-number")[:2])
    learning = next((found for found in rounds if found.state != Round.State.DONE), None)
    # a round that waits has not noted yet which answers it saw
    seen = next((found.sequence for found in rounds if found.sequence), 0)
    return Bar(
        settled=budget.settled,
        limit=budget.limit,
        items=project.item_count,
        certified=budget.certified,
        batch_done=min(budget.sequence - seen, project.batch_size),
        batch_size=project.batch_size,
        learning=learning,
    )


@dataclass(frozen=True)
class Card:
    """One project in a person's list."""

    project: Project
    is_owner: bool
    settled: int
    total: int


def cards(user: User) -> list[Card]:
    """The person's projects, newest first."""
    memberships = (
        Membership.objects.filter(user=user)
        .exclude(project__state=Project.State.DELETED)
        .select_related("project__budget")
        .order_by("-project__created_at")
    )
    return [_card(membership) for membership in memberships]


def _card(membership: Membership) -> Card:
    project, budget = membership.project, membership.project.budget
    total = _total(budget.limit, project.item_count - budget.certified, budget.settled)
    return Card(project, membership.role == Membership.Role.OWNER, budget.settled, total)


@dataclass(frozen=True)
class Tally:
    """A name and how often it occurs."""

    name: str
    count: int
    key: str = ""


def label_counts(project: Project) -> list[Tally]:
    """Resolved labels by how often they occur, in the labels' order; out of scope last."""
    found = project.items.exclude(outcome=Item.Outcome.NONE).values_list("label_id").annotate(count=Count("id"))
    counts = dict(found.order_by())
    rows = [Tally(label.name, counts.get(label.pk, 0), str(label.pk)) for label in project.labels.all()]
    return [*rows, Tally("Out of scope", counts.get(None, 0), "out_of_scope")]


@dataclass(frozen=True)
class Accuracy:
    """The latest honest estimate, or how far it is from one."""

    answered: int
    needed: int = ENOUGH_TO_SAY
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def missing(self) -> int:
        return max(self.needed - self.answered, 0)


def accuracy(rounds: Iterable[Round]) -> Accuracy:
    """Of the newest finished round; nothing below 30 answers of the reporting half."""
    latest = next((found for found in rounds if found.state == Round.State.DONE), None)
    if latest is None or not _can_say(latest):
        return Accuracy(answered=latest.audit_answered if latest else 0)
    return Accuracy(latest.audit_answered, ENOUGH_TO_SAY, latest.accuracy, latest.accuracy_low, latest.accuracy_high)


@dataclass(frozen=True)
class Prevalence:
    """How much of the project is out of scope, by the audit's answers; low, high: 95 % interval (Wilson)."""

    answered: int
    outside: int
    needed: int = ENOUGH_TO_SAY

    @property
    def enough(self) -> bool:
        return self.answered >= self.needed

    @property
    def share(self) -> float:
        return self.outside / self.answered

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.outside, self.answered)


def prevalence(project: Project) -> Prevalence:
    """By both halves of the audit, which are uniform over all items, and only by what was asked here, blind."""
    halves = [Item.Audit.CHOICES, Item.Audit.REPORTING]
    asked = project.items.filter(audit__in=halves, state=Item.State.ANSWERED)
    outside = Count("id", filter=Q(outcome=Item.Outcome.OUT_OF_SCOPE))
    return Prevalence(**asked.aggregate(answered=Count("id"), outside=outside))


@dataclass(frozen=True)
class Bought:
    """Of what a round asked: how many answers came, and how many of them said "out of scope"."""

    answers: int
    outside: int


def bought(rounds: Iterable[Round]) -> dict[int, Bought]:
    """By round number; at most a batch or two of rows for each round, however many items there are (promise 7)."""
    answered = Query.objects.answered().filter(round__in=[found.pk for found in rounds])
    outside = Count("id", filter=Q(item__outcome=Item.Outcome.OUT_OF_SCOPE))
    counted = answered.values("round__number").annotate(answers=Count("id"), outside=outside).order_by()
    return {row["round__number"]: Bought(row["answers"], row["outside"]) for row in counted}


def _can_say(found: Round) -> bool:
    return found.accuracy is not None and found.audit_answered >= ENOUGH_TO_SAY


@dataclass(frozen=True)
class Live:
    """The part of the project page that changes while one looks at it."""

    project: Project
    bar: Bar
    rounds: list[Round]
    more_rounds: bool
    accuracy: Accuracy
    imports: list[Import]
    learner_is_alive: bool
    open_issues: int
    to_confirm: int
    certified: certifying.Figures | None  # None where the project neither offers labels nor has any confirmed
    bought: dict[int, Bought]
    novelties: list[Novelty]  # out-of-scope answers that look alike, to be decided
    stale_after: timedelta = field(default=scheduling.LEARNER_SILENT_AFTER)

    @property
    def is_moving(self) -> bool:
        """Whether a round or an import is under way, so that the page should look again soon."""
        states = (Import.State.QUEUED, Import.State.RUNNING)
        return self.bar.learning is not None or any(found.state in states for found in self.imports)

    @property
    def version(self) -> str:
        """Changes when the curve does."""
        done = [found for found in self.rounds if found.state == Round.State.DONE]
        return f"{len(done)}-{done[0].pk if done else 0}-{self.accuracy.answered}"


def live(project: Project, *, all_rounds: bool = False) -> Live:
    rounds = list(project.rounds.order_by("-number")[: None if all_rounds else ROUNDS_SHOWN + 1])
    more = not all_rounds and len(rounds) > ROUNDS_SHOWN
    return Live(
        project=project,
        bar=bar(project),
        rounds=rounds[:ROUNDS_SHOWN] if more else rounds,
        more_rounds=more,
        accuracy=accuracy(rounds),
        imports=list(project.imports.order_by("-id")[:IMPORTS_SHOWN]),
        learner_is_alive=scheduling.learner_is_alive(),
        open_issues=project.issues.filter(state=LabelIssue.State.OPEN).count(),
        to_confirm=certifying.waiting(project),
        certified=certified(project),
        bought=bought(rounds),
        novelties=list(project.novelties.open()),
    )


def certified(project: Project) -> certifying.Figures | None:
    """What was confirmed in bulk; None in a project that has nothing to do with it."""
    found = certifying.figures(project)
    return found if project.certify or found.certified else None


def curve(project: Project) -> list[dict[str, Any]]:
    """Accuracy by labels used, one point a finished round; null where there is too little to say."""
    done = project.rounds.filter(state=Round.State.DONE).order_by("number")
    return [_point(found) for found in done]


def _point(found: Round) -> dict[str, Any]:
    shown = _can_say(found)
    return {
        "round": found.number,
        "labels": found.labels_used,
        "strategy": found.used_strategy or found.strategy,
        "audit_answered": found.audit_answered,
        "accuracy": found.accuracy if shown else None,
        "low": found.accuracy_low if shown else None,
        "high": found.accuracy_high if shown else None,
    }


@dataclass(frozen=True)
class Consequences:
    """What is lost with a project."""

    items: int
    annotations: int
    certified: int
    rounds: int
    people: int


def consequences(project: Project) -> Consequences:
    return Consequences(
        items=project.item_count,
        annotations=project.annotations.count(),
        certified=project.budget.certified,
        rounds=project.rounds.count(),
        people=project.memberships.count(),
    )
