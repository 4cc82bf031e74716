"""Nobody is asked twice (promise 3), in the corners: after a round withdrew a query, an import, or a late answer."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from annotator import importing, labeling, serving
from annotator.models import Budget, Item, Project, Query
from annotator.reading import Record
from tests import factories

pytestmark = pytest.mark.django_db


def one_item(**fields: object) -> Project:
    project = factories.project(items=0)
    factories.add_items(project, 1, **{"audit": "", **fields})
    return project


def says(query: Query, what: str) -> labeling.Answer:
    assert query.lease is not None
    label = None if what == "skipped" else factories.label_of(query.project, what)
    return labeling.Answer("label" if label else what, label, query.lease)


def let_expire(query: Query) -> None:
    Query.objects.filter(pk=query.pk).update(held_until=timezone.now() - timedelta(seconds=1))


def test_who_skipped_is_not_asked_again_after_a_round_withdrew_the_query(alice: User, bob: User) -> None:
    project = one_item()
    query = factories.held_query(project, bob)
    labeling.record(query, says(query, "skipped"), annotator=bob)
    Query.objects.filter(pk=query.pk).update(state="withdrawn")  # as a round does with what is still open
    Item.objects.filter(pk=query.item_id).update(state="unasked")
    Budget.objects.filter(project=project).update(unasked=1)
    assert serving.claim_next(project, bob).nothing == "only_skipped"
    assert factories.held_query(project, alice).item == query.item
    assert Budget.objects.get(project=project).unasked == 0


def test_sending_a_file_that_knows_the_label_is_not_being_asked(alice: User) -> None:
    project = factories.project(items=0)
    project.seed = 0
    project.save()
    importing.add_items(
        project,
        (Record(line, f"row-{line}", text=f"text {line}", label="apple") for line in range(1, 31)),
        importer=alice,
    )
    query = factories.held_query(project, alice)
    assert query.item.audit, "what the file knows is asked only for the audit, blind"
    let_expire(query)
    serving.release_expired()
    assert factories.held_query(project, alice).item == query.item


def test_item_that_got_an_answer_meanwhile_is_not_asked_when_its_lease_runs_out(alice: User, bob: User) -> None:
    project = one_item()
    lost = factories.held_query(project, bob)
    let_expire(lost)
    held = factories.held_query(project, alice)
    late = labeling.record(lost, says(lost, "apple"), annotator=bob).annotation
    assert (late.late, late.paid) == (True, False)
    let_expire(held)
    assert serving.release_expired() == 1
    assert serving.claim_next(project, factories.user("dana")).nothing == "all_done"
    held.refresh_from_db()
    assert held.state == "withdrawn"
