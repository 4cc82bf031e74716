"""Labels confirmed many at a time are asked again, some of them, and counted as what they turn out to be."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from scipy import stats

import alcore.certifying
from annotator import budgeting, certifying, labeling, reviewing, serving
from annotator.models import Item, Project, Query
from tests import factories
from tests.certifying.deciding import budget_of, check_of, checked, confirm, fresh

pytestmark = pytest.mark.django_db


def test_what_was_checked_since_is_not_taken_back(
    project: Project, alice: User, bob: User, always_checked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "PAGE", 3)
    page, _ = confirm(project, bob)
    held = factories.held_query(project, alice)
    certifying.undo(project, bob)
    states = {p.item_id: p.state for p in project.proposals.filter(pk__in=[p.pk for p in page.proposals])}
    assert states.pop(held.item_id) == "confirmed"
    assert set(states.values()) == {"open"}
    assert budget_of(project).certified == 1
    assert not certifying.can_undo(project, bob)


def test_one_in_fifty_is_asked_again_and_one_of_the_first_fifty_at_least() -> None:
    total = 0
    for seed in range(4):
        project = factories.project(name=f"Seed {seed}", items=0, certify=True)
        project.seed = seed
        project.save(update_fields=["seed"])
        factories.add_items(project, 250, audit="")
        factories.proposals(project, "apple", 250)
        bob = factories.user("bob")
        while certifying.claim_page(project, bob).proposals:
            confirm(project, bob)
            made = project.queries.filter(draw=Query.Draw.CHECK).count()
            assert made or budget_of(project).certified < 50
        total += made
    assert 8 <= total <= 40, "20 of 1,000"


def test_checks_go_back_with_their_page_and_come_again_with_it(
    project: Project, bob: User, always_checked: None
) -> None:
    confirm(project, bob)
    first = set(project.queries.open().values_list("item", flat=True))
    certifying.undo(project, bob)
    assert not project.queries.open().exists()
    confirm(project, bob)
    assert set(project.queries.open().values_list("item", flat=True)) == first


def test_a_check_says_no_more_than_the_audit_does(project: Project, bob: User, always_checked: None) -> None:
    confirm(project, bob)
    for query in project.queries.open():
        assert (query.reason, query.strategy, query.score) == (serving.AUDIT_REASON, "check", None)


def test_checks_go_to_others_where_there_are_any_and_else_to_who_confirmed(
    project: Project, alice: User, bob: User, always_checked: None
) -> None:
    confirm(project, bob)
    assert factories.held_query(project, bob).draw == Query.Draw.CHECK, "nobody else has labelled yet"
    serving.release_held(project, bob)
    factories.answered(project, alice, "apple")
    assert factories.held_query(project, bob).draw == Query.Draw.RANDOM
    assert factories.held_query(project, alice).draw == Query.Draw.CHECK


def test_checks_are_not_kept_for_who_brought_a_file_or_labelled_long_ago(
    project: Project, alice: User, bob: User, always_checked: None
) -> None:
    factories.answered(project, alice, "apple")
    confirm(project, bob)
    assert factories.held_query(project, bob).draw == Query.Draw.RANDOM, "alice labels too"
    serving.release_held(project, bob)
    project.queries.exclude(draw=Query.Draw.CHECK).update(state="withdrawn")
    project.annotations.update(created_at=timezone.now() - timedelta(days=2))
    assert factories.held_query(project, bob).draw == Query.Draw.CHECK
    serving.release_held(project, bob)
    project.annotations.update(created_at=timezone.now(), source="import")
    assert factories.held_query(project, bob).draw == Query.Draw.CHECK


def test_a_check_that_people_skipped_is_no_check_and_another_item_is_asked(
    bob: User, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "CHECKED_SHARE", 0.0)
    project = factories.project(items=0, certify=True)
    factories.add_items(project, 120, audit="")
    factories.proposals(project, "apple", 120)
    for _ in range(3):
        confirm(project, bob)
    first = check_of(project)
    for person in (alice, factories.user("carl")):
        query = factories.held_query(project, person)
        assert (query, query.lease is None) == (first, False)
        assert query.lease is not None
        labeling.record(query, labeling.Answer("skipped", None, query.lease), annotator=person)
    assert fresh(first).state == "withdrawn"
    confirm(project, bob)
    assert check_of(project).item_id != first.item_id


def test_no_new_pages_come_while_checks_wait_and_the_limit_leaves_no_answers(
    project: Project, alice: User, bob: User, always_checked: None
) -> None:
    budgeting.set_limit(project, 0)
    mine = certifying.claim_page(project, alice)
    page, _ = confirm(project, bob)
    assert certifying.claim_page(project, bob).nothing == "limit"
    assert certifying.waiting(project) == 0
    assert certifying.claim_page(project, alice).proposals == mine.proposals, "a page in somebody's hands stays"
    certifying.undo(project, bob)
    assert certifying.claim_page(project, bob).proposals == page.proposals
    confirm(project, bob)
    budgeting.set_limit(project, 1)
    assert certifying.claim_page(project, bob).proposals


def test_a_check_left_over_is_better_done_by_who_confirmed_than_by_nobody(
    project: Project, alice: User, bob: User, always_checked: None
) -> None:
    confirm(project, bob)
    factories.answered(project, alice, "apple")
    project.items.unasked().update(state=Item.State.WITHDRAWN)
    assert factories.held_query(project, bob).draw == Query.Draw.CHECK


def test_a_check_that_agrees_costs_an_answer_and_counts_as_right(
    project: Project, alice: User, bob: User, always_checked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "PAGE", 1)
    confirm(project, bob)
    query = checked(project, alice, "apple")
    found = certifying.figures(project)
    assert (found.certified, found.checked, found.right, found.is_too_low) == (1, 1, 1, False)
    assert budget_of(project).settled == 1
    assert fresh(query.item).state == "answered"


def test_a_check_that_disagrees_wins_and_counts_as_wrong_until_somebody_decides(
    project: Project, alice: User, bob: User, always_checked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "PAGE", 1)
    confirm(project, bob)
    item = checked(project, alice, "cherry").item
    assert fresh(item).label.name == "cherry"
    assert certifying.figures(project).right == 0
    assert project.proposals.confirmed().get().label.name == "apple", "what was confirmed stays on record"
    reviewing.correct(factories.issue(project.annotations.get(), "apple"), reviewer=alice)
    assert certifying.figures(project).right == 1


def test_an_answer_to_a_check_that_is_undone_leaves_the_confirmed_label(
    project: Project, alice: User, bob: User, always_checked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "PAGE", 1)
    confirm(project, bob)
    item = checked(project, alice, "cherry").item
    labeling.undo(project, alice)
    assert (fresh(item).label.name, fresh(item).state) == ("apple", "certified")
    assert certifying.figures(project).checked == 0
    query = factories.held_query(project, alice)
    assert query.lease is not None
    labeling.record(query, labeling.Answer("skipped", None, query.lease), annotator=alice)
    assert (fresh(item).label.name, fresh(item).state) == ("apple", "certified")
    assert budget_of(project).unasked == project.items.unasked().count()


def test_too_many_wrong_checks_end_the_offers(
    project: Project, alice: User, bob: User, always_checked: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "PAGE", 10)
    confirm(project, bob)
    for label in ("cherry", "cherry", *["apple"] * 8):
        assert certifying.waiting(project) == 30, "two wrong of few say too little"
        held = factories.held_query(project, alice)
        assert held.lease is not None
        answer = labeling.Answer("label", factories.label_of(project, label), held.lease)
        labeling.record(held, answer, annotator=alice)
    found = certifying.figures(project)
    assert (found.checked, found.right, found.is_too_low) == (10, 8, True)
    assert certifying.claim_page(project, bob).nothing == "imprecise"
    assert certifying.waiting(project) == 0
    assert "of 10 that were asked again 8 were right" in certifying.imprecision(project)
    assert project.proposals.confirmed().count() == 10
    assert not certifying.can_undo(project, bob)
    wrong = project.items.filter(label__name="cherry")[0]
    labeling.revise(wrong, outcome="label", label=factories.label_of(project, "apple"), reviewer=alice)
    assert certifying.waiting(project) == 30, "it goes on once an owner found that the check was wrong"


@pytest.mark.parametrize(("right", "total"), [(0, 1), (1, 1), (7, 9), (198, 200), (400, 400), (3, 5), (1950, 2000)])
def test_the_interval_is_clopper_and_pearsons(right: int, total: int) -> None:
    exact = stats.binomtest(right, total).proportion_ci(method="exact")
    assert certifying.exact_interval(right, total) == pytest.approx((exact.low, exact.high), abs=1e-6)


def test_people_are_promised_what_the_model_is_held_to() -> None:
    assert certifying.PRECISION == alcore.certifying.PRECISION


def test_nothing_checked_says_nothing() -> None:
    assert certifying.exact_interval(0, 0) == (0, 1)
