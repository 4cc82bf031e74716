"""What a round says of doubtful labels: neighbors, near-duplicates, confused pairs, and what deciding was worth."""

import pytest
from django.contrib.auth.models import User

from annotator import labeling
from annotator.learning import running
from annotator.models import Annotation, Item, LabelIssue
from tests import factories
from tests.learning.playing import next_round
from tests.learning.test_opinions import DIGITS, digits

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat from another thread in a test's transaction."""
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 3600)


def test_issues_come_with_neighbors_of_both_labels_and_name_confused_pairs(alice: User, bob: User) -> None:
    project, wrong = digits(bob)
    found = next_round(project)
    issues = list(LabelIssue.objects.filter(project=project, state="open"))
    assert len({issue.item_id for issue in issues} & wrong) >= 10
    for issue in issues:
        given, expected = issue.neighbors["given"], issue.neighbors["expected"]
        assert set(Item.objects.filter(pk__in=given).values_list("label", flat=True)) <= {issue.given_id}
        assert set(Item.objects.filter(pk__in=expected).values_list("label", flat=True)) <= {issue.expected_id}
        assert issue.item_id not in given + expected
    assert any(len(issue.neighbors["expected"]) == 3 for issue in issues)
    for pair in found.confused:
        assert pair["suspects"] >= 2
        assert len(pair["items"]) >= 2


def test_near_duplicates_with_different_labels_are_an_issue(alice: User, bob: User) -> None:
    project = factories.project(items=0)
    texts = ("a red apple of the old kind lies here", "a yellow banana hangs on that tree over there")
    for number in range(24):
        text = f"{texts[number % 2]} number {number}"
        factories.add_items(project, 1, audit="", text=text, group=number, fold=number % 5)
    twin = "a twin that stands here two times in a row"
    twins = factories.add_items(project, 2, audit="", text=twin, group=99, fold=1)
    for item in project.items.exclude(pk__in=[twin.pk for twin in twins]):
        factories.said(item, bob, "apple" if "apple" in item.text else "banana")
    factories.said(twins[0], bob, "apple")
    factories.said(twins[1], bob, "banana")
    next_round(project)
    issue = LabelIssue.objects.get(project=project, cause="duplicate", state="open")
    assert issue.item_id in {twin.pk for twin in twins}
    assert {issue.given_id, issue.expected_id} == {factories.label_of(project, name).pk for name in ("apple", "banana")}
    labeling.revise(issue.item, outcome="label", label=issue.given, reviewer=alice)
    next_round(project)
    again = LabelIssue.objects.filter(project=project, cause="duplicate", state="open", item=issue.item_id)
    assert not again.exists(), "a reviewer has decided it"


def test_what_deciding_was_worth_is_measured_on_the_audit(alice: User, bob: User) -> None:
    project, wrong = digits(bob)
    audit = list(project.items.filter(audit="reporting"))
    for item in audit:
        if not item.annotations.exists():
            factories.said(item, bob, str(DIGITS.target[int(item.key)]))
    assert len(audit) >= 30
    assert next_round(project).worth == {}, "nothing was changed yet"
    for item in Item.objects.filter(pk__in=wrong):
        label = factories.label_of(project, str(DIGITS.target[int(item.key)]))
        labeling.revise(item, outcome="label", label=label, reviewer=alice)
    told = next_round(project).worth
    assert told["changed"] == len(wrong)
    assert told["audited"] == Annotation.objects.filter(item__in=audit).values("item").distinct().count()
    assert told["low"] <= told["after"] - told["before"] <= told["high"]
    assert told["after"] >= told["before"]


@pytest.mark.parametrize(
    ("way", "told"), [("leave_out", "were left out of training"), ("keep", "taught like all others")]
)
def test_suspects_teach_as_the_project_says(alice: User, bob: User, way: str, told: str) -> None:
    project, _ = digits(bob, suspects=way)
    found = next_round(project)
    assert any(told in note for note in found.notes)
    assert (found.downweighted == 0) == (way == "keep")
    assert found.issues_found > 5
