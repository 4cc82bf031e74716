"""What is known of label issues: the open ones, what stands beside each, what came of them, what is confused."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Aggregate, Avg, Count, F, Q, QuerySet, Sum

from alcore.intervals import wilson
from annotator.models import Annotation, Item, Label, LabelIssue, Novelty, Project, Query, Round
from annotator.serving import ENOUGH_TO_SAY

State = LabelIssue.State


def open_issues(project: Project) -> QuerySet[LabelIssue]:
    """Open issues: what a new label has brought back first, then the most suspect."""
    return (
        LabelIssue.objects.filter(project=project, state=State.OPEN)
        .select_related("item", "given", "expected", "annotation__annotator", "round")
        .order_by(F("quality").asc(nulls_first=True), "id")
    )


def made_since(issue: LabelIssue) -> QuerySet[Label]:
    """Labels that were made of what looked alike since this answer was given, beside the one that it is asked about."""
    made = issue.project.novelties.filter(decided_at__gte=issue.annotation.created_at, state=Novelty.State.PROMOTED)
    return issue.project.labels.filter(pk__in=made.values("label")).exclude(pk__in=[issue.given_id, issue.expected_id])


def said_of(issue: LabelIssue) -> list[str]:
    """Who said what of the item before any review: shown once it is decided, so that it sways nobody."""
    said = (
        issue.item.annotations.current().exclude(source=Annotation.Source.REVIEW).select_related("annotator", "label")
    )
    return [f"{one.annotator.username}: {one.says}" for one in said.order_by("sequence")]


@dataclass(frozen=True)
class Beside:
    """The nearest items that carry each of an issue's two labels."""

    given: list[Item]
    expected: list[Item]


def beside(issue: LabelIssue) -> Beside:
    known = issue.project.items.in_bulk([pk for items in issue.neighbors.values() for pk in items])
    given, expected = (
        [known[pk] for pk in issue.neighbors.get(name, []) if pk in known] for name in ("given", "expected")
    )
    return Beside(given, expected)


@dataclass(frozen=True)
class Outcome:
    """What came of the issues so far. wrong: of the model's flags that a person decided, so many were wrong labels."""

    decided: int
    wrong: int
    unclear: int
    promised: float  # of those decided, so many should have been wrong by what the flags said

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.wrong, self.decided)

    @property
    def promised_share(self) -> float:
        return self.promised / self.decided

    @property
    def precision(self) -> float:
        return self.wrong / self.decided


def outcome(project: Project) -> Outcome:
    """Of issues that a model raised."""
    flags = LabelIssue.objects.filter(project=project, cause=LabelIssue.Cause.MODEL)
    closed = Q(state__in=[State.CONFIRMED, State.CORRECTED])
    counted = flags.aggregate(
        decided=Count("id", filter=closed),
        wrong=Count("id", filter=Q(state=State.CORRECTED)),
        unclear=Count("id", filter=Q(state=State.UNCLEAR)),
        promised=Sum(1 - F("quality"), filter=closed),
    )
    return Outcome(**{**counted, "promised": counted["promised"] or 0.0})


def worth(project: Project) -> dict[str, Any]:
    """What changed labels did to the audited accuracy, by the last round that could say; empty where none could."""
    said = project.rounds.filter(state=Round.State.DONE).exclude(worth={}).order_by("-number").first()
    return said.worth if said else {}


@dataclass(frozen=True)
class Sureness:
    """Labels that were called about as sure: so many were answered again, and so often was it the same."""

    title: str
    called: float | None
    answered: int
    agreed: int
    expected: float | None = None  # share that should agree if labels are as sure as called, for second answers err too

    @property
    def share(self) -> float:
        return self.agreed / self.answered

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.agreed, self.answered)


@dataclass(frozen=True)
class Twice:
    """Of items drawn at random to be answered twice: the whole, by how sure their label was called, and the audit's."""

    whole: Sureness
    bands: list[Sureness]
    audit: Sureness
    labels: int  # that one may choose, out of scope included

    @property
    def wrong(self) -> tuple[float, float, float] | None:
        """Share of wrong answers by the audit's items, with its interval; None where there are too few.

        Two people who err independently and evenly agree where both are right, or both wrong in the same way.
        """
        if self.audit.answered < ENOUGH_TO_SAY:
            return None
        low, high = self.audit.interval
        at, top, bottom = (self._error(share) for share in (self.audit.share, low, high))
        return at, bottom, top

    def _error(self, agreement: float) -> float:
        """Solves agreement = (1 - e)^2 + e^2 / (labels - 1) for the smaller e; chance at most."""
        others = max(self.labels - 1, 1)
        quadratic = 1 + 1 / others
        inside = 1 - quadratic * (1 - agreement)
        return float((1 - max(inside, 0.0) ** 0.5) / quadratic)


USUAL = 0.75  # how often somebody is right of whom nothing is known yet
BANDS = ((0.0, 0.8, "below 80 %"), (0.8, 0.9, "80 to 90 %"), (0.9, 0.97, "90 to 97 %"), (0.97, 1.01, "above 97 %"))


def second_answers(project: Project) -> QuerySet[Annotation]:
    """To items drawn at random to be answered twice; found by an index of these alone."""
    drawn = project.queries.answered().filter(draw=Query.Draw.RECHECK)
    said = Annotation.objects.current().filter(query__in=drawn, late=False)
    return said.exclude(outcome=Annotation.Outcome.SKIPPED)


def twice(project: Project) -> Twice:
    """What second answers to items drawn at random say."""
    said = second_answers(project)
    same = Q(label=F("query__standing")) | Q(label__isnull=True, query__standing__isnull=True)
    parts = {
        "whole": Q(),
        "audit": ~Q(item__audit=""),
        **{f"band{place}": Q(query__score__gte=low, query__score__lt=top) for place, (low, top, _) in enumerate(BANDS)},
    }
    wanted: dict[str, Aggregate] = {}
    for name, part in parts.items():
        wanted[f"{name}_answered"] = Count("id", filter=part)
        wanted[f"{name}_agreed"] = Count("id", filter=part & same)
        wanted[f"{name}_called"] = Avg("query__score", filter=part)
    found = said.aggregate(**wanted)
    titles = {"whole": "All", "audit": "The audit's", **{f"band{place}": band[2] for place, band in enumerate(BANDS)}}
    labels, right = project.labels.count() + 1, _right(project, said)
    told = {}
    for name, title in titles.items():
        called = found[f"{name}_called"]
        expected = None if called is None else called * right + (1 - called) * (1 - right) / max(labels - 1, 1)
        told[name] = Sureness(title, called, found[f"{name}_answered"], found[f"{name}_agreed"], expected)
    bands = [told[f"band{place}"] for place in range(len(BANDS)) if told[f"band{place}"].answered]
    return Twice(told["whole"], bands, told["audit"], labels)


def _right(project: Project, said: QuerySet[Annotation]) -> float:
    """How often those who gave these answers are right."""
    known = dict(project.qualities.values_list("annotator_id", "value"))
    counts = list(said.order_by().values_list("annotator_id").annotate(Count("id")))
    total = sum(count for _, count in counts)
    return sum(known.get(person, USUAL) * count for person, count in counts) / total if total else USUAL


@dataclass(frozen=True)
class ConfusedPair:
    """Two labels taken for each other; None stands for out of scope. unclear: so many reviews could not tell."""

    first: Label | None
    second: Label | None
    disagreements: int
    suspects: int
    unclear: int
    items: list[Item]


def confused(project: Project) -> list[ConfusedPair]:
    """As the last finished round found them, the most cases first, with what reviews could not tell."""
    last = project.rounds.filter(state=Round.State.DONE).order_by("-number").first()
    rows = last.confused if last else []
    labels: dict[int | None, Label | None] = {label.pk: label for label in project.labels.all()}
    labels[None] = None
    items = project.items.in_bulk([pk for row in rows for pk in row["items"]])
    vague = LabelIssue.objects.filter(project=project, state=State.UNCLEAR).values_list("given_id", "expected_id")
    unclear = Counter(frozenset(pair) for pair in vague)
    return [
        ConfusedPair(
            first=labels[row["first"]],
            second=labels[row["second"]],
            disagreements=row["disagreements"],
            suspects=row["suspects"],
            unclear=unclear[frozenset((row["first"], row["second"]))],
            items=[items[pk] for pk in row["items"] if pk in items],
        )
        for row in rows
        if row["first"] in labels and row["second"] in labels
    ]
