"""What the database itself refuses, whatever the code does."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotator.models import Annotation, Budget, Item, Label, LabelIssue, Membership, Project, Query, Round
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(alice: User, bob: User) -> Project:
    return factories.project()


def refused(model: Any, **fields: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(**fields)


def held(item: Item, person: User, **fields: Any) -> dict[str, Any]:
    lease = {"annotator": person, "lease": uuid4(), "held_until": timezone.now()}
    return {"project": item.project, "item": item, "draw": "random", "state": "held", **lease, **fields}


def test_budget_is_never_overspent(project: Project) -> None:
    budgets = Budget.objects.filter(project=project)
    budgets.update(limit=3, settled=2, reserved=1)
    for overspent in ({"settled": 3}, {"reserved": 2}, {"limit": 2}):
        with pytest.raises(IntegrityError), transaction.atomic():
            budgets.update(**overspent)
    budgets.update(limit=None, settled=99)


def test_counters_are_never_negative(project: Project) -> None:
    for name in ("settled", "reserved", "unasked", "unasked_reporting", "unasked_choices"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Budget.objects.filter(project=project).update(**{name: -1})


def test_item_has_one_live_query(project: Project, alice: User, bob: User) -> None:
    item = project.items.all()[0]
    factories.open_query(item)
    refused(Query, project=project, item=item, draw="random")
    refused(Query, **held(item, bob))
    project.queries.update(state="withdrawn")
    Query.objects.create(**held(item, bob))


def test_person_holds_one_item_at_a_time(project: Project, bob: User) -> None:
    first, second = project.items.all()[:2]
    Query.objects.create(**held(first, bob))
    refused(Query, **held(second, bob))


def test_person_is_asked_an_item_once_unless_it_comes_back_for_review(project: Project, bob: User) -> None:
    item = project.items.all()[0]
    Query.objects.create(**held(item, bob, state="answered"))
    refused(Query, **held(item, bob))
    Query.objects.create(**held(item, bob, draw="review"))


def test_held_query_has_a_holder_and_an_open_one_none(project: Project, bob: User) -> None:
    item = project.items.all()[0]
    for missing in ("annotator", "lease", "held_until"):
        refused(Query, **held(item, bob, **{missing: None}))
    refused(Query, project=project, item=item, draw="random", state="open", annotator=bob)


def test_lease_is_given_once(project: Project, alice: User, bob: User) -> None:
    first, second = project.items.all()[:2]
    lease = uuid4()
    Query.objects.create(**held(first, bob, lease=lease))
    refused(Query, **held(second, alice, lease=lease))


def said(project: Project, person: User, **fields: Any) -> dict[str, Any]:
    return {"project": project, "item": project.items.first(), "annotator": person, "sequence": 1, **fields}


def test_sequence_and_lease_are_used_once_a_project(project: Project, bob: User) -> None:
    lease = uuid4()
    Annotation.objects.create(**said(project, bob, outcome="skipped", lease=lease))
    refused(Annotation, **said(project, bob, outcome="skipped"))
    refused(Annotation, **said(project, bob, outcome="skipped", sequence=2, lease=lease))
    Annotation.objects.create(**said(factories.project(name="Other"), bob, outcome="skipped", lease=lease))


def test_annotation_has_a_label_exactly_when_it_says_so(project: Project, bob: User) -> None:
    apple = factories.label_of(project, "apple")
    refused(Annotation, **said(project, bob, outcome="label"))
    for outcome in ("out_of_scope", "skipped", "undone"):
        refused(Annotation, **said(project, bob, outcome=outcome, label=apple))


def test_row_is_replaced_once(project: Project, bob: User) -> None:
    first = Annotation.objects.create(**said(project, bob, outcome="skipped"))
    Annotation.objects.create(**said(project, bob, outcome="undone", sequence=2, supersedes=first))
    refused(Annotation, **said(project, bob, outcome="undone", sequence=3, supersedes=first))


def test_item_has_a_label_exactly_when_it_says_so(project: Project) -> None:
    items = Item.objects.filter(project=project)
    for wrong in ({"outcome": "label"}, {"label": factories.label_of(project, "apple")}):
        with pytest.raises(IntegrityError), transaction.atomic():
            items.update(**wrong)


def test_key_is_given_once_a_project(project: Project) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        project.items.update(key="same")
    factories.project(name="Other with the same keys")


def test_one_round_at_a_time(project: Project) -> None:
    fields = {"project": project, "strategy": "margin", "seed": 1}
    Round.objects.create(number=1, **fields)
    refused(Round, number=2, **fields)
    refused(Round, number=2, state="running", **fields)
    Round.objects.update(state="done")
    refused(Round, number=1, **fields)
    Round.objects.create(number=2, **fields)


def test_annotation_has_one_open_issue(project: Project, bob: User) -> None:
    annotation = factories.answered(project, bob)
    factories.issue(annotation, "banana")
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.issue(annotation, "cherry")
    LabelIssue.objects.update(state="dismissed")
    factories.issue(annotation, "cherry")


def test_labels_and_members_are_there_once(project: Project, bob: User) -> None:
    refused(Label, project=project, name="apple", position=9)
    refused(Label, project=project, name="new", position=0)
    refused(Membership, project=project, user=bob, role="owner")


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"random_share": 1.1}, {"random_share": -0.1}, {"slug": "taken"}])
def test_project_settings_are_in_range(project: Project, wrong: dict[str, Any]) -> None:
    factories.project(name="Taken")
    with pytest.raises(IntegrityError), transaction.atomic():
        Project.objects.filter(pk=project.pk).update(**wrong)


def test_place_is_decided_by_hash_alone_and_uniform(project: Project) -> None:
    items = [Item(project=project, key=f"k{number}") for number in range(4000)]
    for item in items:
        item.place()
    again = Item(project=project, key="k7")
    again.place()
    assert (again.group, again.fold, again.audit, again.order) == (
        items[7].group, items[7].fold, items[7].audit, items[7].order,
    )  # fmt: skip
    halves = [item.audit for item in items]
    assert 330 < halves.count("choices") < 470
    assert 330 < halves.count("reporting") < 470
    assert all(700 < [item.fold for item in items].count(fold) < 900 for fold in range(5))


def test_repeat_gets_the_place_of_the_first_but_its_own_turn(project: Project) -> None:
    first, repeat = Item(project=project, key="first"), Item(project=project, key="repeat")
    first.place()
    repeat.place("first")
    assert (repeat.group, repeat.fold, repeat.audit) == (first.group, first.fold, first.audit)
    assert repeat.order != first.order
