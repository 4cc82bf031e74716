"""Labels confirmed many at a time: apart from answers, and never doubled."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from annotator import advising, budgeting, certifying, labeling, managing, progress, serving
from annotator.errors import NothingToUndoError, RefusedError
from annotator.models import Budget, Item, Project, Proposal, Query
from tests import factories
from tests.certifying.deciding import budget_of, confirm, fresh

pytestmark = pytest.mark.django_db


def test_a_page_shows_one_label_the_surest_first(project: Project, bob: User) -> None:
    page = certifying.claim_page(project, bob)
    assert {proposal.label.name for proposal in page.proposals} == {"apple"}
    assert len(page.proposals) == 24
    assert page.left == 16
    sure = [proposal.confidence for proposal in page.proposals]
    assert sure == sorted(sure, reverse=True)
    assert sure[0] == 0.999


def test_a_page_stays_with_its_person_and_others_get_other_items(project: Project, alice: User, bob: User) -> None:
    first, second = certifying.claim_page(project, bob), certifying.claim_page(project, alice)
    assert certifying.claim_page(project, bob).proposals == first.proposals
    assert certifying.claim_page(project, bob).lease == first.lease
    assert not {p.item_id for p in first.proposals} & {p.item_id for p in second.proposals}
    third = certifying.claim_page(project, factories.user("dora"))
    assert {proposal.label.name for proposal in third.proposals} == {"banana"}
    assert certifying.claim_page(project, factories.user("emil")).nothing == "held"


def test_a_page_that_was_left_goes_to_others_and_its_old_form_confirms_nothing(
    project: Project, alice: User, bob: User
) -> None:
    left = certifying.claim_page(project, bob)
    Proposal.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert certifying.claim_page(project, alice).proposals == left.proposals
    assert left.lease is not None
    with pytest.raises(RefusedError, match="not in your hands"):
        certifying.decide(project, bob, left.lease, [])
    assert not project.proposals.confirmed().exists()


def test_a_page_that_came_late_but_that_nobody_took_still_counts(project: Project, bob: User) -> None:
    page = certifying.claim_page(project, bob)
    Proposal.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert page.lease is not None
    assert certifying.decide(project, bob, page.lease, []).confirmed == 24


def test_confirmed_items_have_their_label_cost_nothing_and_are_no_answers(project: Project, bob: User) -> None:
    page, decided = confirm(project, bob)
    assert (decided.label.name, decided.confirmed, decided.declined, decided.gone) == ("apple", 24, 0, 0)
    item = page.proposals[0].item
    assert (fresh(item).label.name, fresh(item).state, fresh(item).confidence_source) == (
        "apple",
        "certified",
        "certified",
    )
    assert fresh(item).confidence == 0.999
    budget = budget_of(project)
    assert (budget.certified, budget.settled, budget.reserved, budget.sequence) == (24, 0, 0, 0)
    assert budget.unasked == project.items.unasked().count() == 36
    assert not project.annotations.exists()


def test_confirmed_items_are_not_asked_again_but_for_the_checks(project: Project, alice: User, bob: User) -> None:
    confirmed = {p.item_id for p in confirm(project, bob)[0].proposals}
    asked = []
    while (query := serving.claim_next(project, alice).query) is not None:
        asked.append(query)
        factories.answered(project, alice)
    assert {q.item_id for q in asked if q.draw != Query.Draw.CHECK}.isdisjoint(confirmed)
    assert len(asked) == 36 + sum(q.draw == Query.Draw.CHECK for q in asked)


def test_bulk_and_single_resolution_agree(project: Project, bob: User) -> None:
    page, _ = confirm(project, bob, declined=[1])
    fields = ("state", "outcome", "label_id", "confidence", "confidence_source")
    for proposal in page.proposals[:3]:
        before = [getattr(fresh(proposal.item), name) for name in fields]
        labeling.resolve_item(fresh(proposal.item), budgeting.locked(project.pk))
        assert [getattr(fresh(proposal.item), name) for name in fields] == before


def test_a_declined_item_stays_open_to_be_asked(project: Project, bob: User) -> None:
    page, decided = confirm(project, bob, declined=[0, 5])
    assert (decided.confirmed, decided.declined) == (22, 2)
    for place in (0, 5):
        proposal = fresh(page.proposals[place])
        assert (proposal.state, proposal.annotator, proposal.item.state) == ("declined", bob, "unasked")
        assert proposal.item.label is None


def test_an_answer_given_meanwhile_wins(project: Project, alice: User, bob: User) -> None:
    page = certifying.claim_page(project, bob)
    asked, answered = page.proposals[0].item, page.proposals[1].item
    factories.open_query(asked, rank=99)
    factories.open_query(answered)
    Budget.objects.filter(project=project).update(unasked=58)
    factories.answered(project, alice, "cherry")
    assert page.lease is not None
    decided = certifying.decide(project, bob, page.lease, [])
    assert (decided.confirmed, decided.gone) == (22, 2)
    assert fresh(answered).label.name == "cherry"
    assert fresh(asked).state == "asked"
    assert budget_of(project).unasked == project.items.unasked().count()
    assert [fresh(page.proposals[place]).state for place in (0, 1, 2)] == ["withdrawn", "withdrawn", "confirmed"]


def test_an_item_that_was_asked_meanwhile_is_shown_no_more(project: Project, bob: User) -> None:
    first = certifying.claim_page(project, bob).proposals[0]
    factories.open_query(first.item)
    assert first not in certifying.claim_page(project, bob).proposals
    assert certifying.waiting(project) == 39


def test_the_same_form_twice_confirms_once(project: Project, bob: User) -> None:
    page, first = confirm(project, bob, declined=[3])
    assert page.lease is not None
    assert certifying.decide(project, bob, page.lease, []) == first
    assert budget_of(project).certified == 23


def test_a_form_of_somebody_else_confirms_nothing(project: Project, alice: User, bob: User) -> None:
    page = certifying.claim_page(project, bob)
    assert page.lease is not None
    with pytest.raises(RefusedError):
        certifying.decide(project, alice, page.lease, [])


def test_a_page_taken_back_is_shown_again_with_its_marks(project: Project, bob: User) -> None:
    page, _ = confirm(project, bob, declined=[2])
    following = certifying.claim_page(project, bob)
    assert certifying.undo(project, bob) == [page.proposals[2].pk]
    again = certifying.claim_page(project, bob)
    assert again.proposals == page.proposals
    assert again.lease not in (page.lease, following.lease)
    assert not Proposal.objects.exclude(state="open").exists()
    assert fresh(following.proposals[0]).annotator is None
    item = fresh(page.proposals[0].item)
    assert (item.state, item.label, item.outcome, item.confidence, item.confidence_source) == (
        "unasked", None, "", None, "",
    )  # fmt: skip
    budget = budget_of(project)
    assert (budget.certified, budget.unasked) == (0, 60)


def test_one_page_after_the_other_is_taken_back_and_nobody_elses(project: Project, alice: User, bob: User) -> None:
    confirm(project, bob)
    confirm(project, alice)
    confirm(project, bob)
    certifying.undo(project, bob)
    certifying.undo(project, bob)
    with pytest.raises(NothingToUndoError):
        certifying.undo(project, bob)
    assert {p.annotator for p in project.proposals.confirmed()} == {alice}


def test_a_decision_of_the_owner_stands_over_a_confirmed_label(project: Project, alice: User, bob: User) -> None:
    page, _ = confirm(project, bob)
    item = page.proposals[0].item
    labeling.revise(fresh(item), outcome="out_of_scope", label=None, reviewer=alice)
    assert (fresh(item).outcome, fresh(item).confidence_source) == ("out_of_scope", "review")
    assert budget_of(project).unasked == project.items.unasked().count()
    certifying.undo(project, bob)
    assert fresh(item).outcome == "out_of_scope"


def test_a_new_round_replaces_what_is_offered_but_not_the_page_in_somebodys_hands(
    project: Project, alice: User, bob: User
) -> None:
    page = certifying.claim_page(project, bob)
    *same, first, second = factories.proposals(project, "cherry", 26, number=2)
    assert {p.item_id for p in same} == {p.item_id for p in page.proposals}
    assert certifying.waiting(project) == 2, "what somebody looks at is offered to nobody else"
    assert certifying.claim_page(project, alice).proposals == [first, second]
    assert certifying.claim_page(project, bob).proposals == page.proposals
    assert confirm(project, bob, declined=[0, 1])[1].confirmed == 22
    assert certifying.claim_page(project, bob).nothing == "held", "nor is what was declined"


def test_what_somebody_declined_late_is_not_confirmed_by_who_saw_it_next(
    project: Project, alice: User, bob: User
) -> None:
    page = certifying.claim_page(project, bob)
    Proposal.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    factories.proposals(project, "apple", 24, number=2)
    other = certifying.claim_page(project, alice)
    assert {p.item_id for p in other.proposals} == {p.item_id for p in page.proposals}
    assert page.lease is not None
    assert other.lease is not None
    certifying.decide(project, bob, page.lease, [p.pk for p in page.proposals[1:]])
    decided = certifying.decide(project, alice, other.lease, [])
    assert (decided.confirmed, decided.gone) == (0, 24)
    assert project.proposals.confirmed().count() == 1


def test_what_went_off_a_page_comes_back_neither_under_its_lease_nor_under_another_label(
    project: Project, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "PAGE", 2)
    page = certifying.claim_page(project, bob)
    gone, kept = page.proposals
    Item.objects.filter(pk=gone.item_id).update(state="asked")
    shorter = certifying.claim_page(project, bob)
    assert shorter.proposals == [kept]
    assert shorter.lease not in (None, page.lease)
    assert fresh(gone).annotator is None
    Item.objects.filter(pk=gone.item_id).update(state="unasked")
    assert shorter.lease is not None
    assert certifying.decide(project, bob, shorter.lease, []).confirmed == 1
    assert fresh(gone).state == "open"


def test_a_page_whose_items_were_all_asked_does_not_come_back_between_those_of_another_label(bob: User) -> None:
    project = factories.project(items=0, certify=True)
    factories.add_items(project, 6, audit="")
    (apple,) = factories.proposals(project, "apple", 1)
    factories.proposals(project, "banana", 5, number=1)
    assert certifying.claim_page(project, bob).proposals == [apple]
    Item.objects.filter(pk=apple.item_id).update(state="asked")
    bananas = certifying.claim_page(project, bob)
    Item.objects.filter(pk=apple.item_id).update(state="unasked")
    assert certifying.claim_page(project, bob).proposals == bananas.proposals
    assert certifying.claim_page(project, bob).lease == bananas.lease
    assert {p.label.name for p in bananas.proposals} == {"banana"}


def test_an_unfinished_round_offers_nothing(project: Project) -> None:
    project.rounds.update(state="running")
    assert certifying.waiting(project) == 0


@pytest.mark.parametrize(("change", "nothing"), [("paused", "paused"), ("archived", "archived"), ("off", "off")])
def test_nothing_is_offered_in_a_project_that_does_not_want_it(
    project: Project, bob: User, change: str, nothing: str
) -> None:
    confirm(project, bob)
    if change == "off":
        project.certify = False
    else:
        project.state = change
    assert certifying.claim_page(project, bob).nothing == nothing
    assert certifying.waiting(project) == 0
    assert not certifying.can_undo(project, bob)
    with pytest.raises(RefusedError, match="stays as you decided it"):
        certifying.undo(project, bob)
    assert project.proposals.confirmed().count() == 24


def test_who_leaves_the_project_gives_the_page_back(project: Project, alice: User, bob: User) -> None:
    page = certifying.claim_page(project, bob)
    managing.remove_person(project, bob.pk)
    assert certifying.claim_page(project, alice).proposals == page.proposals


def test_what_was_answered_is_never_more_than_the_bar_fills_up_to(
    project: Project, alice: User, bob: User, always_checked: None
) -> None:
    while certifying.claim_page(project, bob).proposals:
        confirm(project, bob)
    while serving.claim_next(project, alice).query is not None:
        factories.answered(project, alice)
    bar = progress.bar(project)
    assert (bar.settled, bar.certified, bar.total) == (60, 40, 60)
    (card,) = progress.cards(bob)
    assert (card.settled, card.total) == (60, 60)


def test_confirmed_labels_are_no_truth_for_trials(project: Project, bob: User) -> None:
    before = advising._labeled(project).count()
    confirm(project, bob)
    assert advising._labeled(project).count() == before
