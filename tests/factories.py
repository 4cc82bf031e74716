"""Rows for tests, made by plain functions. Alice owns, Bob is a member, Charlie is an outsider."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, Max
from django.test import Client
from django.utils import timezone
from PIL import Image

from annotator import certifying, labeling, managing, serving
from annotator.models import (
    Annotation,
    Budget,
    Item,
    Label,
    LabelIssue,
    Membership,
    Novelty,
    Project,
    Proposal,
    Quality,
    Query,
    Round,
    Worker,
)

PASSWORD = "winnowing-9-fans"
FRUIT = [
    "apple", "banana", "cherry", "date", "elder", "fig", "grape", "hazel", "iris", "jasmine", "kiwi", "lemon",
]  # fmt: skip


def user(name: str) -> User:
    """The account of that name; made if there is none."""
    found = User.objects.filter(username=name).first()
    return found or User.objects.create_user(name, password=PASSWORD)


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def project(
    *,
    name: str = "Fruit",
    kind: str = "text",
    labels: Sequence[str] = ("apple", "banana", "cherry"),
    items: int = 10,
    members: Sequence[str] = ("bob",),
    **fields: Any,
) -> Project:
    """A project of Alice's with members and items; `fields` are those of managing.Settings."""
    made = managing.create_project(user("alice"), managing.Settings(name=name, **fields), kind=kind, label_names=labels)
    for member in members:
        Membership.objects.create(project=made, user=user(member), role=Membership.Role.ANNOTATOR)
    add_items(made, items)
    return made


def add_items(project: Project, count: int, **fields: Any) -> list[Item]:
    """Items as an import leaves them, with the budget's counters kept."""
    start = project.item_count
    made = [_item(project, start + number, fields) for number in range(count)]
    Item.objects.bulk_create(made, batch_size=500)
    Project.objects.filter(pk=project.pk).update(item_count=F("item_count") + count)
    project.item_count += count
    halves = [item.audit for item in made]
    Budget.objects.filter(project=project).update(
        unasked=F("unasked") + halves.count(""),
        unasked_reporting=F("unasked_reporting") + halves.count(Item.Audit.REPORTING),
        unasked_choices=F("unasked_choices") + halves.count(Item.Audit.CHOICES),
    )
    return made


def _item(project: Project, number: int, fields: dict[str, Any]) -> Item:
    item = Item(project=project, key=f"item-{number}", **_content(project, number))
    item.place()
    for name, value in fields.items():
        setattr(item, name, value)
    return item


def _content(project: Project, number: int) -> dict[str, Any]:
    if project.kind == Project.Kind.IMAGE:
        return {"file": image_file(project, number)}
    if project.kind == Project.Kind.TABLE:
        return {"row": {"length": number, "color": "red"}}
    return {"text": f"Text number {number}"}


def image_file(project: Project, number: int) -> str:
    """A small image under MEDIA_ROOT; returns its name relative to that."""
    name = f"projects/{project.pk}/item-{number}.png"
    path = Path(settings.MEDIA_ROOT) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((16, 16), 80).save(path)
    return name


def open_query(item: Item, **fields: Any) -> Query:
    """An open query as a round leaves it."""
    Item.objects.filter(pk=item.pk).update(state=Item.State.ASKED)
    defaults: dict[str, Any] = {"draw": Query.Draw.RANKED, "strategy": "margin", "reason": "The model is torn."}
    return Query.objects.create(project_id=item.project_id, item=item, **{**defaults, **fields})


def held_query(project: Project, person: User) -> Query:
    """What the person is served now."""
    query = serving.claim_next(project, person).query
    assert query is not None
    return query


def label_of(project: Project, name: str) -> Label:
    return project.labels.get(name=name)


def answered(project: Project, person: User, label: str = "apple", **fields: Any) -> Annotation:
    """The person answers what they are served next."""
    query = held_query(project, person)
    assert query.lease is not None
    said = labeling.Answer(outcome="label", label=label_of(project, label), lease=query.lease, **fields)
    return labeling.record(query, said, annotator=person).annotation


def said(item: Item, person: User, label: str) -> Annotation:
    """The person's own answer on this very item, beside what others said."""
    answer = labeling.revise(item, outcome="label", label=label_of(item.project, label), reviewer=person)
    Annotation.objects.filter(pk=answer.pk).update(source=Annotation.Source.ANSWER)
    return answer


def quality(project: Project, person: User, **fields: Any) -> Quality:
    """What a round found of a person's answers."""
    apple, banana = (label_of(project, name).pk for name in ("apple", "banana"))
    told: dict[str, Any] = {
        "round": project.rounds.first() or finished_round(project),
        "answers": 80,
        "skipped": 2,
        "value": 0.83,
        "low": 0.71,
        "high": 0.91,
        "judged": 44.2,
        "confused": [
            {"true": apple, "given": banana, "expected": 6.2, "of": 20.0},
            {"true": None, "given": apple, "expected": 2.0, "of": 8.0},
        ],
        "curve": [0.9, None, 0.8, 0.7],
    }
    return Quality.objects.create(project=project, annotator=person, **(told | fields))


def finished_round(project: Project, number: int = 1, **fields: Any) -> Round:
    now = timezone.now()
    defaults: dict[str, Any] = {
        "state": Round.State.DONE,
        "cause": "The first batch",
        "strategy": project.strategy,
        "used_strategy": project.strategy,
        "seed": number,
        "progress": 1.0,
        "labels_used": 20 * number,
        "timings": {"train": 1.5, "select": 0.2},
        "started_at": now,
        "finished_at": now,
    }
    return Round.objects.create(project=project, number=number, **{**defaults, **fields})


def issue(annotation: Annotation, expected: str, quality: float = 0.1) -> LabelIssue:
    """A finished round suspects this annotation."""
    project = annotation.project
    found = project.rounds.order_by("-number").first() or finished_round(project)
    return LabelIssue.objects.create(
        project=project,
        item=annotation.item,
        annotation=annotation,
        round=found,
        given=annotation.label,
        expected=label_of(project, expected),
        quality=quality,
    )


def outside(project: Project, person: User, count: int) -> list[Annotation]:
    """The person calls what they are served next out of scope."""
    said = []
    for _ in range(count):
        query = held_query(project, person)
        assert query.lease is not None
        answer = labeling.Answer(outcome="out_of_scope", label=None, lease=query.lease)
        said.append(labeling.record(query, answer, annotator=person).annotation)
    return said


def novelty(project: Project, person: User, count: int = 8, **fields: Any) -> Novelty:
    """A finished round found that these answers of the person look alike."""
    items = [said.item_id for said in outside(project, person, count)]
    found = project.rounds.order_by("-number").first() or finished_round(project)
    return Novelty.objects.create(project=project, round=found, items=items, size=len(items), **fields)


def living_learner() -> Worker:
    now = timezone.now()
    return Worker.objects.create(name="learner@test", queue="learner", boot="test", pid=1, started_at=now, seen_at=now)


def proposals(project: Project, label: str, count: int, *, number: int | None = None) -> list[Proposal]:
    """Labels as a finished round offers them, of pool items that nobody was asked; the first is the surest."""
    number = number or (project.rounds.aggregate(last=Max("number"))["last"] or 0) + 1
    found = project.rounds.filter(number=number).first() or finished_round(project, number)
    free = project.items.of_pool().unasked().exclude(proposals__round=found).order_by("id")[:count]
    return Proposal.objects.bulk_create(
        Proposal(
            project=project,
            round=found,
            item=item,
            label=label_of(project, label),
            confidence=0.999 - place / 10_000,
            precision=0.991,
        )
        for place, item in enumerate(free)
    )


def confirmed(project: Project, person: User, label: str, count: int) -> list[Proposal]:
    """The person confirms in bulk what a round offers; none of it is asked again."""
    made = proposals(project, label, count)
    Project.objects.filter(pk=project.pk).update(certify=True)
    page = certifying.claim_page(Project.objects.get(pk=project.pk), person)
    assert page.lease is not None
    certifying.decide(project, person, page.lease, [])
    return list(Proposal.objects.confirmed().filter(pk__in=[proposal.pk for proposal in made]))
