"""Figures of the people: who answered how much, and how often they are right."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone

from annotator.models import Annotation, Project, Quality

ENOUGH_TO_JUDGE = 10  # answers' worth of evidence, below which nothing is said of a person
PACE_OF = 200  # latest answers of which the median is shown
Outcome = Annotation.Outcome


@dataclass(frozen=True)
class PersonCount:
    """What one person gave."""

    name: str
    answers: int
    skips: int
    undone: int
    id: int
    quality: Quality | None = None

    @property
    def known(self) -> bool:
        return self.quality is not None and self.quality.judged >= ENOUGH_TO_JUDGE


def person_counts(project: Project) -> list[PersonCount]:
    """Who answered how much, the busiest first. An undo takes one answer or skip away."""
    undone = Q(outcome=Outcome.UNDONE)
    rows = (
        project.annotations.filter(source=Annotation.Source.ANSWER)
        .values("annotator_id", "annotator__username")
        .annotate(
            answers=Count("id", filter=Q(outcome__in=[Outcome.LABEL, Outcome.OUT_OF_SCOPE])),
            skips=Count("id", filter=Q(outcome=Outcome.SKIPPED)),
            undone=Count("id", filter=undone),
            undone_skips=Count("id", filter=undone & Q(supersedes__outcome=Outcome.SKIPPED)),
        )
        .order_by("-answers")
    )
    known = {found.annotator_id: found for found in project.qualities.all()}
    return [
        PersonCount(
            name=row["annotator__username"],
            answers=row["answers"] - row["undone"] + row["undone_skips"],
            skips=row["skips"] - row["undone_skips"],
            undone=row["undone"],
            id=row["annotator_id"],
            quality=known.get(row["annotator_id"]),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class ConfusedPair:
    """A true label, what the person called it, and how often: about `count` times in `of`."""

    true: str
    given: str
    count: float
    of: float


@dataclass(frozen=True)
class PersonFigures:
    """One person's page. quality: None before a round has measured anybody. seconds: median of an answer."""

    quality: Quality | None
    confused: list[ConfusedPair]
    seconds: float | None
    points: str  # of the curve, in a box of 100 by 100, for an SVG's polyline

    @property
    def known(self) -> bool:
        """Whether there is enough evidence to say anything."""
        return self.quality is not None and self.quality.judged >= ENOUGH_TO_JUDGE


def person(project: Project, user: User) -> PersonFigures:
    quality = project.qualities.select_related("round").filter(annotator=user).first()
    names: dict[int | None, str] = {label.pk: label.name for label in project.labels.all()}
    names[None] = "Out of scope"
    told = quality.confused if quality else []
    pairs = [ConfusedPair(names[p["true"]], names[p["given"]], p["expected"], p["of"]) for p in told]
    return PersonFigures(quality, pairs, pace(project, user.pk), _points(quality.curve if quality else []))


def pace(project: Project, person_id: int) -> float | None:
    """Seconds to an answer, the median of the person's latest; None where none was timed."""
    own = project.annotations.current().filter(annotator=person_id, source=Annotation.Source.ANSWER, seconds__gt=0)
    latest = [took for took in own.order_by("-sequence").values_list("seconds", flat=True)[:PACE_OF] if took]
    return median(latest) if latest else None


def _points(curve: list[float | None]) -> str:
    """Only where something is known; nothing for a single point."""
    known = [(place, value) for place, value in enumerate(curve) if value is not None]
    if len(known) < 2:
        return ""
    last = max(len(curve) - 1, 1)
    return " ".join(f"{100 * place / last:.1f},{100 * (1 - value):.1f}" for place, value in known)


@dataclass(frozen=True)
class OwnFigures:
    """What one annotator gave to a project."""

    answers: int
    today: int


def own_figures(project: Project, user: User) -> OwnFigures:
    own = project.annotations.current().filter(annotator=user, source=Annotation.Source.ANSWER)
    since = timezone.now() - timedelta(days=1)
    return OwnFigures(own.count(), own.filter(created_at__gte=since).count())
