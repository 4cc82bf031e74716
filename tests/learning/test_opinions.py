"""Second answers on real digits: what is doubtful is asked again of somebody else, and some of all at random."""

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from sklearn.datasets import load_digits

from annotator import labeling, managing, serving
from annotator.learning import opinions, running
from annotator.models import Annotation, Budget, Item, Project, Query
from tests import factories
from tests.files import csv_of, upload
from tests.learning.playing import next_round

pytestmark = pytest.mark.django_db
DIGITS = load_digits()
ITEMS, LABELED, WRONG = 400, 250, 20


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat from another thread in a test's transaction."""
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 3600)


def digits(person: User, **settings: Any) -> tuple[Project, set[int]]:
    """Digits of which the person has answered some, a few of them wrongly; and these items' ids."""
    made = factories.project(kind="table", labels=[str(n) for n in range(10)], items=0, **settings)
    made.seed = 0
    made.save(update_fields=["seed"])
    names = [f"p{place}" for place in range(64)]
    rows = [[str(n), str(DIGITS.target[n]) if n < LABELED else "", *map(str, DIGITS.data[n])] for n in range(ITEMS)]
    upload(made, csv_of(["id", "label", *names], *rows), "digits.csv")
    Annotation.objects.filter(project=made).update(source=Annotation.Source.ANSWER, annotator=person)
    rng = np.random.default_rng(0)
    pool = list(Item.objects.filter(project=made, audit="", state="answered").order_by("id"))
    wrong = rng.permutation(len(pool))[:WRONG]
    for place in wrong:
        item = pool[place]
        other = factories.label_of(made, str((int(DIGITS.target[int(item.key)]) + 1 + rng.integers(9)) % 10))
        Annotation.objects.filter(item=item).update(label=other)
        Item.objects.filter(pk=item.pk).update(label=other)
    Budget.objects.filter(project=made).update(settled=LABELED)
    return made, {pool[place].pk for place in wrong}


def answer(project: Project, person: User, query: Query) -> None:
    """What the digit is."""
    serving.hold(query, person)
    Budget.objects.filter(project=project).update(reserved=1)
    assert query.lease is not None
    said = labeling.Answer("label", factories.label_of(project, str(DIGITS.target[int(query.item.key)])), query.lease)
    labeling.record(query, said, annotator=person)


def test_doubtful_answers_are_asked_again_of_somebody_else_and_come_right(alice: User, bob: User) -> None:
    project, wrong = digits(bob, batch_size=60)
    found = next_round(project)
    asked = list(project.queries.open().filter(draw="opinion").select_related("item"))
    assert 5 <= len(asked) <= 0.2 * found.queries_made
    assert sum(query.item_id in wrong for query in asked) >= 0.5 * len(asked), "of 20 in 250 that are wrong"
    assert {query.wanted for query in asked} == {alice}, "who has not answered them"
    assert all(query.standing == query.item.label for query in asked)
    assert all(query.score is not None and query.score < 0.9 for query in asked)
    assert f"{len(asked)} answers are asked again" in " ".join(found.notes)
    ranks = [query.rank for query in asked]
    assert max(ranks) - min(ranks) > 0.5 * 10 * found.queries_made, "spread among the batch's questions"
    fixed = next(query for query in asked if query.item_id in wrong)
    answer(project, alice, fixed)
    next_round(project)
    item = Item.objects.get(pk=fixed.item_id)
    assert item.label is not None
    assert item.label.name == str(DIGITS.target[int(item.key)])
    assert item.confidence_source == "consensus"
    assert {said.label_id for said in item.annotations.current()} == {fixed.standing_id, item.label_id}, "both are kept"


def test_some_answers_are_drawn_at_random_to_be_asked_twice(alice: User, bob: User) -> None:
    project, _ = digits(bob)
    next_round(project)
    drawn = list(project.queries.open().filter(draw="recheck").select_related("item"))
    assert len(drawn) == 10, "4 % of 250"
    answered = project.items.filter(state="answered").count()
    assert {(query.draw_step, query.pool_size) for query in drawn} == {(n + 1, answered - n) for n in range(10)}
    assert all(query.probability == 1 / (query.pool_size or 1) for query in drawn)
    answer(project, alice, drawn[0])
    seen = opinions.rechecks(project)
    assert len(seen.sure) == (drawn[0].score is not None)
    next_round(project)
    again = project.queries.open().filter(draw="recheck")
    assert drawn[0].item_id not in again.values_list("item", flat=True), "once is enough"


def test_nobody_is_asked_again_where_the_project_asks_one_person_or_has_one(alice: User, bob: User) -> None:
    project, _ = digits(bob, overlap=1)
    next_round(project)
    assert not project.queries.asking_again().exists()
    managing.change_settings(project, managing.Settings("Fruit", overlap=3))
    project.memberships.exclude(user=bob).delete()
    next_round(project)
    assert not project.queries.asking_again().exists()


def given_again(project: Project, person: User, items: list[Item], *, changes: bool) -> None:
    """Second opinions on these items: by each the label came to be another one than it was, or stayed."""
    for item in items:
        assert item.label is not None
        other = factories.label_of(project, str((int(item.label.name) + 1) % 10))
        standing = other if changes else item.label
        query = factories.open_query(item, draw="opinion", standing=standing, state="answered", annotator=person)
        said = factories.said(item, person, item.label.name)
        Annotation.objects.filter(pk=said.pk).update(query=query)
        Item.objects.filter(pk=item.pk).update(state="answered", confidence_source="votes")


def test_more_is_asked_again_where_it_often_changes_a_label(alice: User, bob: User) -> None:
    project, wrong = digits(bob)
    items = list(project.items.filter(state="answered", audit="").exclude(pk__in=wrong).order_by("pk"))
    given_again(project, alice, items[:40], changes=True)
    next_round(project)
    project.refresh_from_db()
    assert project.review_share == pytest.approx(0.25)
    next_round(project)
    project.refresh_from_db()
    assert project.review_share == pytest.approx(0.25), "the same evidence counts once"
    given_again(project, alice, items[40:100], changes=False)
    next_round(project)
    project.refresh_from_db()
    assert project.review_share == pytest.approx(0.125)


def test_what_was_answered_while_the_round_was_computed_is_not_asked_again(alice: User, bob: User) -> None:
    project, _ = digits(bob)
    found = next_round(project)
    asked = project.queries.open().filter(draw="opinion").select_related("item")
    item, other = asked[0].item, asked[1].item
    sequence = Budget.objects.get(project=project).sequence
    answer(project, alice, asked[0])
    doubt = [
        opinions.Asked(one.pk, one.label_id, 0.5, 0.5, None, Query.Draw.OPINION, "Again.") for one in (item, other)
    ]
    opinions.store(found, opinions.Again(tuple(doubt)), sequence=sequence, chosen=10, step=10)
    assert list(project.queries.open().asking_again().values_list("item", flat=True)) == [other.pk]
