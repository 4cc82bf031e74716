"""The limit on answers: reserved when shown, settled when answered, never overspent (promise 4)."""

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from annotator import budgeting, labeling, serving
from annotator.errors import BudgetEndedError, InvalidInputError
from annotator.models import Budget, Item, Project
from tests import factories

pytestmark = pytest.mark.django_db


def budget_of(project: Project) -> Budget:
    return Budget.objects.get(project=project)


@pytest.mark.parametrize(("limit", "left", "room"), [(None, None, True), (3, 3, True), (0, 0, False)])
def test_room(limit: int | None, left: int | None, room: bool) -> None:
    budget = Budget(limit=limit)
    assert (budget.left, budgeting.has_room(budget)) == (left, room)


def test_reserving_beyond_the_limit_is_refused() -> None:
    budget = Budget(limit=1)
    budgeting.reserve(budget)
    with pytest.raises(BudgetEndedError):
        budgeting.reserve(budget)
    assert (budget.reserved, budget.left) == (1, 0)


steps = st.lists(st.sampled_from(["reserve", "settle", "release", "unsettle"]), max_size=60)


@tries(max_examples=200, deadline=None)
@given(limit=st.integers(0, 6), taken=steps)
def test_no_order_of_steps_overspends(limit: int, taken: list[str]) -> None:
    budget = Budget(limit=limit)
    possible = {
        "reserve": lambda: budgeting.has_room(budget),
        "settle": lambda: budget.reserved > 0,
        "release": lambda: budget.reserved > 0,
        "unsettle": lambda: budget.settled > 0,
    }
    for step in taken:
        if possible[step]():
            getattr(budgeting, step)(budget)
        assert 0 <= budget.settled + budget.reserved <= limit
        assert min(budget.settled, budget.reserved) >= 0


def test_sequence_has_no_gap() -> None:
    budget = Budget()
    assert [budgeting.next_sequence(budget) for _ in range(3)] == [1, 2, 3]


def test_sequence_of_a_transaction_that_failed_is_used_again(bob: User) -> None:
    project = factories.project()
    with transaction.atomic():
        factories.answered(project, bob)
        transaction.set_rollback(True)
    assert factories.answered(project, bob).sequence == 1


@pytest.mark.parametrize(
    ("audit", "counter"), [("", "unasked"), ("reporting", "unasked_reporting"), ("choices", "unasked_choices")]
)
def test_unasked_items_are_counted_by_what_they_serve(audit: str, counter: str) -> None:
    budget = Budget()
    budgeting.count_unasked(budget, audit, 2)
    counters = {name: getattr(budget, name) for name in ("unasked", "unasked_reporting", "unasked_choices")}
    assert counters.pop(counter) == 2
    assert set(counters.values()) == {0}


def test_limit_is_exact_to_the_answer(bob: User) -> None:
    project = factories.project(items=20, limit=7)
    while serving.claim_next(project, bob).query:
        factories.answered(project, bob)
    assert (budget_of(project).settled, budget_of(project).reserved) == (7, 0)
    assert project.annotations.filter(paid=True).count() == 7
    assert project.items.filter(state=Item.State.ANSWERED).count() == 7


def test_limit_is_never_set_below_what_is_spent_or_promised(alice: User, bob: User) -> None:
    project = factories.project(limit=5)
    factories.answered(project, bob)
    factories.held_query(project, bob)
    with transaction.atomic(), pytest.raises(InvalidInputError, match="2 answers are already given"):
        budgeting.set_limit(project, 1)
    with transaction.atomic():
        budgeting.set_limit(project, 2)
    assert serving.claim_next(project, alice).nothing == "waiting"
    with transaction.atomic():
        budgeting.set_limit(project, None)
    assert serving.claim_next(project, alice).query


def test_skips_never_use_the_budget_up(bob: User) -> None:
    project = factories.project(items=5, limit=1)
    for _ in range(4):
        query = factories.held_query(project, bob)
        assert query.lease is not None
        labeling.record(query, labeling.Answer("skipped", None, query.lease), annotator=bob)
    factories.answered(project, bob)
    assert budget_of(project).settled == 1
