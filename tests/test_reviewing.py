"""Label issues: a round proposes, people decide (promise 6)."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from annotator import issues, labeling, reviewing
from annotator.errors import NothingToUndoError, RefusedError
from annotator.models import Annotation, Budget, LabelIssue, Project
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    made = factories.project(items=0)
    factories.add_items(made, 5, audit="")
    return made


def suspect(project: Project, person: User, expected: str = "banana", quality: float = 0.1) -> LabelIssue:
    """An answer "apple" that a round takes for something else."""
    return factories.issue(factories.answered(project, person, "apple"), expected, quality)


def test_the_most_suspect_comes_first(project: Project, bob: User) -> None:
    mild, grave = suspect(project, bob, quality=0.3), suspect(project, bob, quality=0.05)
    assert list(issues.open_issues(project)) == [grave, mild]


def test_issues_of_other_projects_are_not_listed(project: Project, bob: User) -> None:
    suspect(factories.project(name="Other"), bob)
    assert not issues.open_issues(project)


def test_confirmed_label_stands_by_decision(project: Project, alice: User, bob: User) -> None:
    issue = suspect(project, bob)
    decision = reviewing.confirm(issue, reviewer=alice)
    issue.refresh_from_db()
    item = project.items.get(pk=issue.item_id)
    assert (issue.state, issue.decided_by) == ("confirmed", alice)
    assert issue.decided_at is not None
    assert (item.label, item.confidence_source) == (issue.given, "review")
    assert (decision.annotator, decision.source) == (alice, Annotation.Source.REVIEW)


def test_corrected_label_replaces_the_given_one_and_keeps_it_in_the_history(
    project: Project, alice: User, bob: User
) -> None:
    issue = suspect(project, bob, "cherry")
    reviewing.correct(issue, reviewer=alice)
    issue.refresh_from_db()
    item = project.items.get(pk=issue.item_id)
    assert (issue.state, item.label) == ("corrected", factories.label_of(project, "cherry"))
    assert [said.says for said in item.annotations.order_by("sequence")] == ["apple", "cherry"]


def test_corrected_to_out_of_scope(project: Project, alice: User, bob: User) -> None:
    issue = suspect(project, bob)
    LabelIssue.objects.filter(pk=issue.pk).update(expected=None)
    issue.refresh_from_db()
    reviewing.correct(issue, reviewer=alice)
    assert project.items.get(pk=issue.item_id).outcome == "out_of_scope"


def test_issue_is_decided_once(project: Project, alice: User, bob: User) -> None:
    issue = suspect(project, bob)
    reviewing.confirm(issue, reviewer=alice)
    issue.refresh_from_db()
    with pytest.raises(RefusedError, match="already closed: given label confirmed"):
        reviewing.correct(issue, reviewer=alice)
    assert issue.item.annotations.count() == 2


def test_a_free_decision_closes_the_issue_too(project: Project, alice: User, bob: User) -> None:
    issue = suspect(project, bob)
    labeling.revise(issue.item, outcome="label", label=factories.label_of(project, "cherry"), reviewer=alice)
    issue.refresh_from_db()
    assert issue.state == "corrected"
    assert not issues.open_issues(project)


def test_a_decision_costs_no_answer(project: Project, alice: User, bob: User) -> None:
    reviewing.correct(suspect(project, bob), reviewer=alice)
    assert Budget.objects.get(project=project).settled == 1, "only Bob's answer is paid"


def test_an_unclear_guideline_leaves_the_label_and_closes_the_issue(project: Project, alice: User, bob: User) -> None:
    issue = suspect(project, bob)
    reviewing.call_unclear(issue, reviewer=alice)
    issue.refresh_from_db()
    item = project.items.get(pk=issue.item_id)
    assert (issue.state, issue.decided_by, item.label, item.confidence_source) == (
        "unclear", alice, issue.given, "votes",
    )  # fmt: skip
    assert item.annotations.count() == 1
    with pytest.raises(RefusedError, match="already closed"):
        reviewing.confirm(issue, reviewer=alice)


@pytest.mark.parametrize("decide", [reviewing.confirm, reviewing.correct, reviewing.call_unclear])
def test_a_decision_is_taken_back(project: Project, alice: User, bob: User, decide: Any) -> None:
    issue = suspect(project, bob)
    decide(issue, reviewer=alice)
    assert [one.pk for one in reviewing.undo(project, alice)] == [issue.pk]
    issue.refresh_from_db()
    item = project.items.get(pk=issue.item_id)
    assert (issue.state, issue.decided_by, issue.decided_at) == ("open", None, None)
    assert (item.label, item.confidence_source) == (issue.given, "votes")
    with pytest.raises(NothingToUndoError):
        reviewing.undo(project, alice)
    reviewing.correct(issue, reviewer=alice)
    item.refresh_from_db()
    assert item.label == issue.expected


def test_only_ones_own_last_decision_is_taken_back(project: Project, alice: User, bob: User) -> None:
    first, second = suspect(project, bob), suspect(project, bob)
    reviewing.confirm(first, reviewer=alice)
    reviewing.confirm(second, reviewer=bob)
    assert [one.pk for one in reviewing.undo(project, alice)] == [first.pk]


def test_many_are_kept_at_once_and_taken_back_at_once(project: Project, alice: User, bob: User) -> None:
    made = [suspect(project, bob) for _ in range(3)]
    other = suspect(project, bob)
    assert reviewing.confirm_many(project, [one.pk for one in made], reviewer=alice) == 3
    assert [one.pk for one in issues.open_issues(project)] == [other.pk]
    assert {one.pk for one in reviewing.undo(project, alice)} == {one.pk for one in made}
    assert issues.open_issues(project).count() == 4
    assert project.items.filter(confidence_source="review").count() == 0


def test_what_came_of_the_flags(project: Project, alice: User, bob: User) -> None:
    right, wrong, vague = (suspect(project, bob, quality=0.25) for _ in range(3))
    reviewing.confirm(right, reviewer=alice)
    reviewing.correct(wrong, reviewer=alice)
    reviewing.call_unclear(vague, reviewer=alice)
    found = issues.outcome(project)
    assert (found.decided, found.wrong, found.unclear, found.precision, found.promised_share) == (2, 1, 1, 0.5, 0.75)
    low, high = found.interval
    assert 0 < low < 0.5 < high < 1


def test_confused_labels_are_told_with_examples_and_what_nobody_could_tell(
    project: Project, alice: User, bob: User
) -> None:
    issue = suspect(project, bob)
    reviewing.call_unclear(issue, reviewer=alice)
    pair = {"first": issue.given_id, "second": issue.expected_id, "disagreements": 3, "suspects": 2}
    found = project.rounds.get()
    found.confused = [{**pair, "items": [issue.item_id, 10**9]}, {**pair, "second": None, "items": []}]
    found.save()
    first, second = issues.confused(project)
    assert (first.first, first.second, first.disagreements, first.unclear) == (issue.given, issue.expected, 3, 1)
    assert [item.pk for item in first.items] == [issue.item_id]
    assert (second.second, second.unclear) == (None, 0)


def test_second_answers_tell_how_sure_is_sure(project: Project, alice: User, bob: User) -> None:
    apple = factories.label_of(project, "apple")
    for place, (item, sure) in enumerate(zip(project.items.all(), (0.95, 0.95, 0.7, None), strict=False)):
        audit = "reporting" if sure is None else ""
        query = factories.open_query(item, draw="recheck", standing=apple, score=sure, state="answered", annotator=bob)
        answer = factories.said(item, bob, "banana" if place == 1 else "apple")
        Annotation.objects.filter(pk=answer.pk).update(query=query)
        project.items.filter(pk=item.pk).update(audit=audit)
    told = issues.twice(project)
    assert (told.whole.answered, told.whole.agreed, told.audit.answered, told.wrong) == (4, 3, 1, None)
    assert [(band.title, band.answered, band.agreed) for band in told.bands] == [
        ("below 80 %", 1, 1), ("90 to 97 %", 2, 1),
    ]  # fmt: skip
    assert told.bands[1].called == pytest.approx(0.95)
    assert told.bands[1].expected == pytest.approx(0.95 * 0.75 + 0.05 * 0.25 / 3), "nothing is known of bob yet"
    factories.quality(project, bob, value=1.0)
    assert issues.twice(project).bands[1].expected == pytest.approx(0.95)


def test_how_many_answers_are_wrong_follows_from_how_many_agree() -> None:
    part = issues.Sureness("", None, 1000, round(1000 * (0.9**2 + 0.1**2 / 3)))
    told = issues.Twice(part, [], part, labels=4)
    assert told.wrong is not None
    at, low, high = told.wrong
    assert at == pytest.approx(0.1, abs=0.001)
    assert 0.08 < low < at < high < 0.13


def doubled(project: Project, bob: User, first: str, second: str) -> list[LabelIssue]:
    """Two people's answers on one item, both doubted."""
    one = factories.answered(project, bob, first)
    other = factories.said(one.item, factories.user("carol"), second)
    Annotation.objects.filter(pk=one.pk).update(item=one.item)
    return [factories.issue(one, "banana"), factories.issue(other, "banana")]


def test_two_doubts_of_one_item_are_kept_and_taken_back_together(project: Project, alice: User, bob: User) -> None:
    earlier = suspect(project, bob)
    reviewing.correct(earlier, reviewer=alice)
    both = doubled(project, bob, "apple", "apple")
    assert reviewing.confirm_many(project, [one.pk for one in both], reviewer=alice) == 2
    item = project.items.get(pk=both[0].item_id)
    assert item.annotations.filter(source="review").count() == 1, "decided once"
    assert {one.pk for one in reviewing.undo(project, alice)} == {one.pk for one in both}
    earlier.refresh_from_db()
    assert earlier.state == "corrected", "what was decided before stays"


def test_doubts_of_different_answers_on_one_item_are_not_kept_at_once(project: Project, alice: User, bob: User) -> None:
    both = doubled(project, bob, "apple", "cherry")
    assert reviewing.confirm_many(project, [one.pk for one in both], reviewer=alice) == 0
    assert issues.open_issues(project).count() == 2


def test_taking_back_a_second_decision_brings_the_first_one_back(project: Project, alice: User, bob: User) -> None:
    said = factories.answered(project, bob, "apple")
    first = labeling.revise(said.item, outcome="out_of_scope", label=None, reviewer=alice)
    doubt = factories.issue(first, "cherry")
    reviewing.correct(doubt, reviewer=alice)
    reviewing.undo(project, alice)
    item = project.items.get(pk=said.item_id)
    assert (item.outcome, item.confidence_source) == ("out_of_scope", "review")
    doubt.refresh_from_db()
    assert doubt.state == "open"
    assert doubt.annotation in item.annotations.current(), "it asks about the answer that stands"
    reviewing.correct(doubt, reviewer=alice)
    item.refresh_from_db()
    assert item.label == doubt.expected


def test_an_answer_that_was_taken_back_meanwhile_is_not_doubted_again(project: Project, alice: User, bob: User) -> None:
    issue = suspect(project, bob)
    reviewing.correct(issue, reviewer=alice)
    labeling.undo(project, bob)
    assert reviewing.undo(project, alice) == []
    issue.refresh_from_db()
    assert issue.state == "dismissed"
