"""Label issues: a round proposes, people decide (promise 6)."""

import pytest
from django.contrib.auth.models import User

from annotator import labeling, reviewing
from annotator.errors import RefusedError
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
    assert list(reviewing.open_issues(project)) == [grave, mild]


def test_issues_of_other_projects_are_not_listed(project: Project, bob: User) -> None:
    suspect(factories.project(name="Other"), bob)
    assert not reviewing.open_issues(project)


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
    assert not reviewing.open_issues(project)


def test_a_decision_costs_no_answer(project: Project, alice: User, bob: User) -> None:
    reviewing.correct(suspect(project, bob), reviewer=alice)
    assert Budget.objects.get(project=project).settled == 1, "only Bob's answer is paid"
