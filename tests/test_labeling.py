"""Answers, skips, undo, late answers and decisions: rows are only added, and nothing acknowledged is lost."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from annotator import labeling, managing, serving
from annotator.errors import InvalidInputError, NothingToUndoError, RefusedError
from annotator.models import Annotation, Budget, Item, LabelIssue, Project, Query
from tests import factories

pytestmark = pytest.mark.django_db


def answer_to(query: Query, label: str | None = "apple", outcome: str = "label") -> labeling.Answer:
    """What a form sends that was made for this query."""
    assert query.lease is not None
    found = factories.label_of(query.project, label) if label and outcome == "label" else None
    return labeling.Answer(outcome=outcome, label=found, lease=query.lease)


def give(query: Query, person: User, label: str | None = "apple", outcome: str = "label") -> labeling.Recorded:
    return labeling.record(query, answer_to(query, label, outcome), annotator=person)


def figures(project: Project) -> tuple[int, int, int]:
    """settled, reserved, sequence"""
    budget = Budget.objects.get(project=project)
    return budget.settled, budget.reserved, budget.sequence


def expire(query: Query) -> None:
    Query.objects.filter(pk=query.pk).update(held_until=timezone.now() - timedelta(seconds=1))
    serving.release_expired(query.project_id)


def test_answer_settles_closes_and_resolves(bob: User) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    recorded = give(query, bob)
    assert (recorded.late, recorded.repeated, recorded.annotation.paid) == (False, False, True)
    assert figures(project) == (1, 0, 1)
    query.refresh_from_db()
    assert (query.state, query.annotator) == ("answered", bob)
    item = query.item
    item.refresh_from_db()
    assert (item.state, item.outcome, item.label, item.confidence) == (
        "answered", "label", factories.label_of(project, "apple"), 2 / 3,
    )  # fmt: skip


def test_same_form_sent_twice_counts_once(bob: User) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    answer = answer_to(query)
    first = labeling.record(query, answer, annotator=bob)
    again = labeling.record(query, answer, annotator=bob)
    assert (again.annotation, again.repeated) == (first.annotation, True)
    assert figures(project) == (1, 0, 1)


def test_out_of_scope_costs_and_skip_does_not(bob: User) -> None:
    project = factories.project()
    give(factories.held_query(project, bob), bob, outcome="out_of_scope")
    assert figures(project) == (1, 0, 1)
    query = factories.held_query(project, bob)
    recorded = give(query, bob, outcome="skipped")
    assert not recorded.annotation.paid
    assert figures(project) == (1, 0, 2)
    query.refresh_from_db()
    assert (query.state, query.annotator, query.lease) == ("open", None, None)


@pytest.mark.parametrize(("outcome", "label"), [("label", None), ("undone", None), ("nonsense", None)])
def test_answer_that_is_none_is_refused(bob: User, outcome: str, label: None) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    with pytest.raises(InvalidInputError):
        give(query, bob, label, outcome)
    assert figures(project) == (0, 1, 0)


def test_label_of_another_project_is_refused(bob: User) -> None:
    project = factories.project()
    foreign = factories.label_of(factories.project(name="Other"), "apple")
    query = factories.held_query(project, bob)
    assert query.lease is not None
    with pytest.raises(InvalidInputError, match="another project"):
        labeling.record(query, labeling.Answer("label", foreign, query.lease), annotator=bob)


# late answers


def test_late_answer_takes_the_query_that_is_still_open(bob: User) -> None:
    project = factories.project(limit=1)
    query = factories.held_query(project, bob)
    expire(query)
    recorded = give(query, bob)
    assert (recorded.late, recorded.annotation.paid) == (True, True)
    assert figures(project) == (1, 0, 1)
    assert Query.objects.get().state == Query.State.ANSWERED


def test_late_answer_to_a_query_that_another_holds_is_an_extra_opinion(alice: User, bob: User) -> None:
    project = factories.project(items=1, limit=1)
    query = factories.held_query(project, bob)
    expire(query)
    held = factories.held_query(project, alice)
    recorded = give(query, bob)
    assert (recorded.late, recorded.annotation.paid) == (True, False)
    assert figures(project) == (0, 1, 1)
    held.refresh_from_db()
    assert (held.state, held.annotator) == ("held", alice)
    assert give(held, alice, "banana").annotation.paid
    assert figures(project) == (1, 0, 2)


def test_late_answer_beyond_the_budget_is_kept_unpaid(alice: User, bob: User) -> None:
    project = factories.project(limit=1)
    query = factories.held_query(project, bob)
    expire(query)
    other = project.items.exclude(pk=query.item_id)[0]
    factories.open_query(other, rank=0)
    Query.objects.filter(pk=query.pk).update(rank=5)
    factories.answered(project, alice)
    recorded = give(query, bob)
    assert (recorded.late, recorded.annotation.paid) == (True, False)
    assert figures(project) == (1, 0, 2)


def test_late_skip_costs_nothing(bob: User) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    expire(query)
    give(query, bob, outcome="skipped")
    assert figures(project) == (0, 0, 1)
    assert Query.objects.get().state == Query.State.OPEN


def test_answer_after_removal_from_the_project_is_kept_as_late(bob: User) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    managing.remove_person(project, bob.pk)
    assert give(query, bob).late
    assert Annotation.objects.count() == 1


# undo


def test_undo_gives_the_same_query_back_and_moves_its_cost(bob: User) -> None:
    project = factories.project(limit=1)
    query = factories.held_query(project, bob)
    give(query, bob)
    back = labeling.undo(project, bob)
    assert back is not None
    assert (back.pk, back.state, back.annotator) == (query.pk, "held", bob)
    assert back.lease != query.lease
    assert figures(project) == (0, 1, 2)
    item = Item.objects.get(pk=query.item_id)
    assert (item.state, item.outcome, item.label, item.confidence) == ("asked", "", None, None)
    give(back, bob, "banana")
    assert figures(project) == (1, 0, 3)


def test_undo_leaves_the_row_and_adds_one(bob: User) -> None:
    project = factories.project()
    first = factories.answered(project, bob)
    labeling.undo(project, bob)
    rows = list(project.annotations.order_by("sequence"))
    assert [(row.outcome, row.supersedes_id) for row in rows] == [("label", None), ("undone", first.pk)]
    assert not project.annotations.current().exists()


def test_undo_goes_back_answer_by_answer_and_never_through_an_undo(bob: User) -> None:
    project = factories.project()
    queries = [factories.answered(project, bob).query_id for _ in range(3)]
    undone = [labeling.undo(project, bob) for _ in range(3)]
    assert [query.pk for query in undone if query] == queries[::-1]
    with pytest.raises(NothingToUndoError):
        labeling.undo(project, bob)
    assert figures(project) == (0, 1, 6)


def test_undo_gives_what_was_held_to_the_others(alice: User, bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob)
    held = factories.held_query(project, bob)
    labeling.undo(project, bob)
    assert figures(project) == (0, 1, 2)
    assert factories.held_query(project, alice).pk == held.pk


def test_skip_can_be_undone(bob: User) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    give(query, bob, outcome="skipped")
    back = labeling.undo(project, bob)
    assert back is not None
    assert (back.pk, figures(project)) == (query.pk, (0, 1, 2))


def test_skip_that_another_took_over_stays(alice: User, bob: User) -> None:
    project = factories.project(items=1)
    give(factories.held_query(project, bob), bob, outcome="skipped")
    factories.held_query(project, alice)
    with pytest.raises(RefusedError, match="Someone else has this item now"):
        labeling.undo(project, bob)
    assert figures(project) == (0, 1, 1)


def test_undo_of_somebody_elses_answer_is_not_possible(alice: User, bob: User) -> None:
    project = factories.project()
    factories.answered(project, alice)
    with pytest.raises(NothingToUndoError):
        labeling.undo(project, bob)


def test_undo_dismisses_what_was_suspected_of_the_answer(bob: User) -> None:
    project = factories.project()
    issue = factories.issue(factories.answered(project, bob), "banana")
    labeling.undo(project, bob)
    issue.refresh_from_db()
    assert issue.state == LabelIssue.State.DISMISSED


def test_undone_extra_opinion_costs_and_reopens_nothing(alice: User, bob: User) -> None:
    project = factories.project(items=1)
    query = factories.held_query(project, bob)
    expire(query)
    factories.answered(project, alice)
    give(query, bob, "banana")
    assert labeling.undo(project, bob) is None
    assert figures(project) == (1, 0, 3)
    assert Item.objects.get().label == factories.label_of(project, "apple")


# what several people said


@pytest.mark.parametrize(
    ("said", "label", "confidence"),
    [
        (["apple"], "apple", 2 / 3),
        (["apple", "apple"], "apple", 3 / 4),
        (["banana", "apple"], "banana", 2 / 4),
        (["banana", "apple", "apple"], "apple", 3 / 5),
    ],
)
def test_majority_decides_and_the_earlier_on_a_tie(said: list[str], label: str, confidence: float, bob: User) -> None:
    project = factories.project(items=1)
    query = factories.held_query(project, bob)
    give(query, bob, said[0])
    for number, name in enumerate(said[1:]):
        query.lease = uuid4()
        give(query, factories.user(f"person-{number}"), name)
    item = Item.objects.get()
    assert item.label == factories.label_of(project, label)
    assert item.confidence == pytest.approx(confidence)


# decisions


def test_decision_wins_over_any_number_of_votes_and_costs_nothing(alice: User, bob: User) -> None:
    project = factories.project()
    item = factories.answered(project, bob).item
    cherry = factories.label_of(project, "cherry")
    decided = labeling.revise(item, outcome="label", label=cherry, reviewer=alice)
    item.refresh_from_db()
    assert (item.label, item.confidence_source, decided.paid) == (cherry, "review", False)
    assert figures(project) == (1, 0, 2)
    assert project.annotations.current().count() == 2, "what was said before stays as it was"


def test_later_decision_of_the_same_reviewer_replaces_the_earlier(alice: User) -> None:
    project = factories.project()
    item = project.items.all()[0]
    for name in ("apple", "cherry"):
        labeling.revise(item, outcome="label", label=factories.label_of(project, name), reviewer=alice)
    labeling.revise(item, outcome="out_of_scope", label=None, reviewer=alice)
    item.refresh_from_db()
    assert (item.outcome, item.label) == ("out_of_scope", None)
    assert [row.sequence for row in project.annotations.current()] == [3]


def test_decision_on_an_item_never_asked_takes_it_out_of_the_draw(alice: User) -> None:
    project = factories.project(items=0)
    (item,) = factories.add_items(project, 1, audit="")
    item = project.items.get()
    labeling.revise(item, outcome="out_of_scope", label=None, reviewer=alice)
    assert Budget.objects.get(project=project).unasked == 0
    assert serving.claim_next(project, alice).nothing == "all_done"


def test_decision_withdraws_the_open_query_and_leaves_a_held_one(alice: User, bob: User) -> None:
    project = factories.project()
    first, second = project.items.all()[:2]
    factories.open_query(first, rank=0)
    factories.open_query(second, rank=1)
    held = factories.held_query(project, bob)
    for item in (first, second):
        labeling.revise(item, outcome="out_of_scope", label=None, reviewer=alice)
    assert set(project.queries.values_list("item_id", "state")) == {(first.pk, "held"), (second.pk, "withdrawn")}
    assert give(held, bob).annotation.paid


@pytest.mark.parametrize("wrong", [{"outcome": "label"}, {"outcome": "skipped"}, {"outcome": "undone"}])
def test_decision_that_is_none_is_refused(alice: User, wrong: dict[str, Any]) -> None:
    item = factories.project().items.all()[0]
    with pytest.raises(InvalidInputError):
        labeling.revise(item, **wrong, label=None, reviewer=alice)


@pytest.mark.parametrize(("decided", "state"), [("apple", "confirmed"), ("cherry", "corrected")])
def test_decision_closes_the_open_issues(alice: User, bob: User, decided: str, state: str) -> None:
    project = factories.project()
    issue = factories.issue(factories.answered(project, bob, "apple"), "banana")
    label = factories.label_of(project, decided)
    labeling.revise(issue.item, outcome="label", label=label, reviewer=alice)
    issue.refresh_from_db()
    assert (issue.state, issue.decided_by) == (state, alice)
