"""Who holds which query (promises 2 and 3), and what is drawn where no round has chosen."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator import labeling, managing, serving
from annotator.models import Annotation, Budget, Item, Project, Query
from tests import factories

pytestmark = pytest.mark.django_db


def budget_of(project: Project) -> Budget:
    return Budget.objects.get(project=project)


def skip(project: Project, person: User) -> Query:
    query = factories.held_query(project, person)
    assert query.lease is not None
    labeling.record(query, labeling.Answer("skipped", None, query.lease), annotator=person)
    return query


def expire(query: Query) -> None:
    Query.objects.filter(pk=query.pk).update(held_until=timezone.now() - timedelta(seconds=1))


def test_next_item_is_there_at_once_after_an_import(bob: User) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    assert (query.state, query.annotator, query.draw in ("random", "audit")) == ("held", bob, True)
    assert budget_of(project).reserved == 1


def test_person_who_asks_again_gets_what_they_hold_and_pays_once(bob: User) -> None:
    project = factories.project()
    first = factories.held_query(project, bob)
    again = factories.held_query(project, bob)
    assert (again.pk, again.lease) == (first.pk, first.lease)
    assert again.held_until is not None
    assert first.held_until is not None
    assert again.held_until >= first.held_until
    assert budget_of(project).reserved == 1


def test_second_annotator_is_not_served_a_held_item(alice: User, bob: User) -> None:
    project = factories.project(items=2)
    assert factories.held_query(project, alice).item_id != factories.held_query(project, bob).item_id


def test_ranked_queries_come_first_in_their_order(bob: User) -> None:
    project = factories.project()
    items = list(project.items.all()[:3])
    made = [factories.open_query(item, rank=rank) for item, rank in zip(items, (2, 0, 1), strict=True)]
    served = [factories.answered(project, bob).query_id for _ in made]
    assert served == [made[1].pk, made[2].pk, made[0].pk]
    assert factories.held_query(project, bob).draw in ("random", "audit")


def test_random_queries_follow_the_fixed_order_with_their_probability(bob: User) -> None:
    project = factories.project(items=0)
    factories.add_items(project, 5, audit="")
    served = [factories.answered(project, bob).query for _ in range(5)]
    assert [query.item_id for query in served if query] == list(
        project.items.order_by("order").values_list("id", flat=True)
    )
    assert [(q.draw_step, q.pool_size, q.probability) for q in served if q] == [
        (step, 6 - step, 1 / (6 - step)) for step in range(1, 6)
    ]
    assert budget_of(project).unasked == 0


def test_a_fifth_of_the_questions_made_outside_rounds_are_the_audits(bob: User) -> None:
    project = factories.project(items=400)
    draws = [factories.answered(project, bob).query for _ in range(100)]
    assert [query.draw for query in draws if query].count("audit") == 20


def test_audit_asks_the_reporting_half_first(bob: User) -> None:
    project = factories.project(items=0)
    factories.add_items(project, 10, audit="choices")
    factories.add_items(project, 10, audit="reporting")
    halves = [factories.answered(project, bob).item.audit for _ in range(20)]
    assert halves == ["reporting"] * 10 + ["choices"] * 10


def test_pool_and_audit_stand_in_for_each_other_until_both_are_empty(bob: User) -> None:
    project = factories.project(items=40)
    for _ in range(40):
        factories.answered(project, bob)
    budget = budget_of(project)
    assert (budget.unasked, budget.unasked_reporting, budget.unasked_choices) == (0, 0, 0)
    assert serving.claim_next(project, bob) == serving.Served(None, "all_done")


def test_nobody_is_asked_an_item_twice(alice: User, bob: User) -> None:
    project = factories.project(items=3)
    seen = {skip(project, bob).item_id for _ in range(3)}
    assert len(seen) == 3
    assert serving.claim_next(project, bob).nothing == "only_skipped"
    assert factories.held_query(project, alice).item_id in seen


def test_item_that_two_people_skipped_is_asked_no_more(alice: User, bob: User) -> None:
    project = factories.project(items=1)
    skip(project, alice)
    skip(project, bob)
    assert project.items.get().state == Item.State.SKIPPED
    assert serving.claim_next(project, factories.user("dora")).nothing == "all_done"


def test_review_asks_again_who_has_answered(bob: User) -> None:
    project = factories.project(items=1)
    item = factories.answered(project, bob).item
    review = factories.open_query(item, draw="review")
    assert factories.held_query(project, bob).pk == review.pk


def test_lease_that_ran_out_goes_to_the_next_and_its_answer_is_given_back(alice: User, bob: User) -> None:
    project = factories.project(items=1, limit=1)
    held = factories.held_query(project, bob)
    assert serving.claim_next(project, alice).nothing == "waiting"
    expire(held)
    taken = factories.held_query(project, alice)
    assert (taken.pk, taken.annotator) == (held.pk, alice)
    assert taken.lease != held.lease
    assert budget_of(project).reserved == 1


def test_sweeper_gives_back_only_what_ran_out(alice: User, bob: User) -> None:
    project = factories.project()
    other = factories.project(name="Other")
    expire(factories.held_query(project, bob))
    expire(factories.held_query(other, bob))
    factories.held_query(project, alice)
    assert serving.release_expired(project.pk) == 1
    assert (budget_of(project).reserved, budget_of(other).reserved) == (1, 1)
    assert serving.release_expired() == 1
    assert budget_of(other).reserved == 0


def test_released_item_is_free_for_others(alice: User, bob: User) -> None:
    project = factories.project(items=1)
    held = factories.held_query(project, bob)
    serving.release_held(project, bob)
    serving.release_held(project, bob)
    assert budget_of(project).reserved == 0
    assert factories.held_query(project, alice).pk == held.pk


def test_claim_stops_where_the_budget_ends(alice: User, bob: User) -> None:
    project = factories.project(limit=2)
    factories.answered(project, bob)
    factories.held_query(project, alice)
    assert serving.claim_next(project, bob).nothing == "waiting"
    factories.answered(project, alice)
    assert serving.claim_next(project, bob).nothing == "budget_ended"


@pytest.mark.parametrize(("action", "nothing"), [("pause", "paused"), ("archive", "archived")])
def test_project_that_rests_serves_nothing(bob: User, action: str, nothing: str) -> None:
    project = factories.project()
    managing.move(project, action)
    assert serving.claim_next(project, bob) == serving.Served(None, nothing)


def test_empty_project_says_so(bob: User) -> None:
    assert serving.claim_next(factories.project(items=0), bob).nothing == "empty"


def test_removed_annotator_leaves_the_item_to_others(alice: User, bob: User) -> None:
    project = factories.project(items=1)
    held = factories.held_query(project, bob)
    managing.remove_person(project, bob.pk)
    assert factories.held_query(project, alice).pk == held.pk
    assert not Annotation.objects.exists()


def test_claims_cost_the_same_at_any_number_of_items(bob: User) -> None:
    counts = []
    for items in (20, 2000):
        project = factories.project(name=f"Of {items}", items=items)
        factories.answered(project, bob)
        with CaptureQueriesContext(connection) as seen:
            factories.held_query(project, bob)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def second_opinion(project: Project, first: User, **fields: Any) -> Query:
    """The person has answered an item, and a round wants another opinion on it."""
    said = factories.answered(project, first)
    query = factories.open_query(said.item, draw="opinion", standing=said.label, **fields)
    Item.objects.filter(pk=said.item_id).update(state=Item.State.ANSWERED)
    return query


def test_a_second_opinion_is_asked_of_somebody_else(alice: User, bob: User) -> None:
    project = factories.project(items=2)
    query = second_opinion(project, bob)
    assert factories.held_query(project, bob).pk != query.pk
    assert factories.held_query(project, alice).pk == query.pk
    serving.release_held(project, alice)
    query.refresh_from_db()
    assert query.state == "open", "it waits for another, though its item is answered"


def test_a_second_opinion_is_left_to_who_knows_best_while_there_is_anything_else(alice: User, bob: User) -> None:
    project = factories.project(items=0, members=("bob", "carol"))
    carol = factories.user("carol")
    factories.add_items(project, 4, audit="")
    factories.answered(project, alice)
    query = second_opinion(project, bob, wanted=alice)
    served = factories.held_query(project, carol)
    assert served.pk != query.pk, "alice labels these days"
    assert factories.held_query(project, alice).pk == query.pk
    serving.release_held(project, alice)
    Annotation.objects.filter(annotator=alice).update(created_at=timezone.now() - timedelta(days=2))
    serving.release_held(project, carol)
    assert factories.held_query(project, carol).pk == query.pk, "alice is away"


def test_a_second_opinion_is_given_by_anybody_where_nothing_else_is_left(alice: User, bob: User) -> None:
    project = factories.project(items=0, members=("bob", "carol"))
    factories.add_items(project, 2, audit="")
    factories.answered(project, alice)
    query = second_opinion(project, bob, wanted=alice)
    assert factories.held_query(project, factories.user("carol")).pk == query.pk


def test_who_takes_an_answer_back_takes_its_second_opinion_along(alice: User, bob: User) -> None:
    project = factories.project(items=2)
    query = second_opinion(project, bob)
    back = labeling.undo(project, bob)
    assert back is not None
    assert (back.item_id, back.state) == (query.item_id, "held")
    query.refresh_from_db()
    assert query.state == "withdrawn"


def test_a_second_opinion_on_what_a_review_has_decided_is_not_asked_on(alice: User, bob: User) -> None:
    project = factories.project(items=0, members=("bob", "carol", "dan"))
    factories.add_items(project, 3, audit="")
    query = second_opinion(project, bob)
    held = factories.held_query(project, factories.user("carol"))
    assert held.pk == query.pk
    labeling.revise(held.item, outcome="label", label=factories.label_of(project, "cherry"), reviewer=alice)
    expire(held)
    serving.release_expired(project.pk)
    held.refresh_from_db()
    assert held.state == "withdrawn"


def test_who_cannot_give_the_second_answers_that_are_left_is_told_that_all_is_done(bob: User) -> None:
    project = factories.project(items=1)
    second_opinion(project, bob)
    assert serving.claim_next(project, bob).nothing == "all_done"
