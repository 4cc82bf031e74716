"""What leaves Winnow: every raw annotation beside the resolved label, with where each came from (promise 10)."""

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator import certifying, exporting, labeling, reviewing, serving
from annotator.models import Item, Project
from tests import factories
from tests.files import csv_of, upload

pytestmark = pytest.mark.django_db


def rows_of(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exporting.json_lines(project)]


def row_of(project: Project) -> dict[str, Any]:
    (row,) = rows_of(project)
    return row


def say(project: Project, person: User, outcome: str) -> None:
    """The person answers without a label what they are served next."""
    query = factories.held_query(project, person)
    assert query.lease is not None
    labeling.record(query, labeling.Answer(outcome=outcome, label=None, lease=query.lease), annotator=person)


def test_items_without_annotations_are_left_out(bob: User) -> None:
    project = factories.project()
    assert rows_of(project) == []
    factories.answered(project, bob)
    assert len(rows_of(project)) == 1


def test_row_tells_label_and_origin(bob: User) -> None:
    project = factories.project()
    found = factories.finished_round(project)
    item = project.items.of_pool().first()
    assert item is not None
    origin = {"draw": "random", "probability": 0.25, "draw_step": 2, "pool_size": 4}
    query = factories.open_query(item, round=found, score=0.7, rank=3, **origin)
    factories.answered(project, bob, seconds=1.5)
    row = row_of(project)
    assert (row["id"], row["content"], row["label"], row["outcome"]) == (item.key, item.text, "apple", "label")
    assert (row["confidence"], row["confidence_source"], row["audit"], row["fold"]) == (2 / 3, "votes", None, item.fold)
    assert (row["round"], row["strategy"], row["draw"], row["probability"]) == (1, "margin", "random", 0.25)
    (said,) = row["annotations"]
    assert said.pop("created_at").endswith("+00:00")
    assert said.pop("annotator").startswith("annotator-")
    assert said == {
        "sequence": 1, "outcome": "label", "label": "apple", "source": "answer", "current": True, "late": False,
        "paid": True, "seconds": 1.5, "query": query.pk, "round": 1, "strategy": "margin", "draw": "random",
        "score": 0.7, "rank": 3, "probability": 0.25, "step": 2, "pool_size": 4,
    }  # fmt: skip


def test_undone_answers_stay_in_the_export(bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob, "apple")
    labeling.undo(project, bob)
    factories.answered(project, bob, "banana")
    row = row_of(project)
    assert row["label"] == "banana"
    said = [(one["sequence"], one["outcome"], one["label"], one["current"]) for one in row["annotations"]]
    assert said == [(1, "label", "apple", False), (2, "undone", None, False), (3, "label", "banana", True)]


def test_skipped_and_undone_items_have_no_label_and_no_origin(bob: User) -> None:
    project = factories.project()
    say(project, bob, "skipped")
    row = row_of(project)
    assert (row["label"], row["outcome"], row["confidence"], row["draw"]) == (None, None, None, None)
    assert row["annotations"][0]["outcome"] == "skipped"
    assert not row["annotations"][0]["paid"]


def test_out_of_scope_is_an_outcome_without_a_label(bob: User) -> None:
    project = factories.project()
    say(project, bob, "out_of_scope")
    row = row_of(project)
    assert (row["label"], row["outcome"], row["annotations"][0]["paid"]) == (None, "out_of_scope", True)
    assert row["draw"] in ("random", "audit")


def test_late_extra_opinion_is_exported_unpaid_and_does_not_give_the_origin(alice: User, bob: User) -> None:
    project = factories.project()
    query = factories.held_query(project, bob)
    lease = query.lease
    assert lease is not None
    serving.release_held(project, bob)
    first = factories.answered(project, alice, "banana")
    assert first.item_id == query.item_id
    apple = factories.label_of(project, "apple")
    labeling.record(query, labeling.Answer("label", apple, lease), annotator=bob)
    row = row_of(project)
    assert [(one["label"], one["late"], one["paid"]) for one in row["annotations"]] == [
        ("banana", False, True),
        ("apple", True, False),
    ]
    assert len({one["annotator"] for one in row["annotations"]}) == 2
    assert row["label"] == "banana"


def test_review_and_its_issue_are_exported(alice: User, bob: User) -> None:
    project = factories.project()
    issue = factories.issue(factories.answered(project, bob, "apple"), "cherry", quality=0.05)
    reviewing.correct(issue, reviewer=alice)
    row = row_of(project)
    assert (row["label"], row["confidence_source"]) == ("cherry", "review")
    assert row["draw"] in ("random", "audit"), "the item was asked by this draw, whoever decided"
    assert [(one["label"], one["source"]) for one in row["annotations"]] == [("apple", "answer"), ("cherry", "review")]
    assert row["label_issues"] == [
        {"given": "apple", "expected": "cherry", "cause": "model", "quality": 0.05, "state": "corrected", "round": 1}
    ]


def test_imported_labels_are_exported_without_a_query() -> None:
    project = factories.project(items=0)
    upload(project, csv_of(["id", "text", "label"], ["a", "one", "apple"]), "x.csv")
    row = row_of(project)
    (said,) = row["annotations"]
    assert (said["source"], said["query"], said["draw"], said["paid"]) == ("import", None, None, False)
    assert (row["label"], row["draw"], row["probability"]) == ("apple", None, None)


def test_pseudonyms_hold_within_a_project_and_differ_between_two(bob: User) -> None:
    first, second = factories.project(name="One"), factories.project(name="Two")
    for project in (first, first, second):
        factories.answered(project, bob)
    names = [[one["annotator"] for row in rows_of(p) for one in row["annotations"]] for p in (first, second)]
    assert names[0][0] == names[0][1] != names[1][0]
    assert "bob" not in "".join(exporting.json_lines(first))


@pytest.mark.parametrize("kind", ["text", "table", "image"])
def test_content_by_kind(kind: str, bob: User) -> None:
    project = factories.project(kind=kind, items=1)
    factories.answered(project, bob)
    item = project.items.get()
    content = {"text": item.text, "table": item.row, "image": f"/projects/{project.slug}/items/{item.pk}/image"}
    assert row_of(project)["content"] == content[kind]
    if kind == "image":
        assert factories.client_of(bob).get(row_of(project)["content"]).status_code == 200


def test_other_projects_stay_out(bob: User) -> None:
    first, second = factories.project(name="One"), factories.project(name="Two")
    factories.answered(first, bob)
    assert rows_of(second) == []


def test_pages_join_without_a_gap_and_queries_grow_by_page_only(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE", 7)
    project = factories.project(items=30)
    for _ in range(28):
        factories.answered(project, bob)
    with CaptureQueriesContext(connection) as seen:
        rows = rows_of(project)
    assert [row["id"] for row in rows] == list(
        Item.objects.filter(annotations__isnull=False).order_by("id").values_list("key", flat=True)
    )
    assert len(rows) == 28
    assert len(seen) == 4 * 4 + 1


def test_csv_is_safe_to_open_in_a_spreadsheet(bob: User) -> None:
    project = factories.project(items=0, labels=["=1+1", "-2", "@x", "plain"])
    texts = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", 'harmless, "quoted"\nand broken']
    rows = [[f"={n}", text, "=1+1"] for n, text in enumerate(texts)]
    upload(project, csv_of(["id", "text", "label"], *rows), "x.csv")
    read = list(csv.DictReader(io.StringIO("".join(exporting.csv_lines(project)), newline="")))
    assert [row["content"] for row in read] == [*(f"'{text}" for text in texts[:5]), texts[5]]
    assert {row["label"] for row in read} == {"'=1+1"}
    assert [row["id"] for row in read] == [f"'={n}" for n in range(6)]
    assert tuple(read[0]) == exporting.CSV_COLUMNS
    assert {row["annotations"] for row in read} == {"1"}


def test_csv_of_a_table_holds_its_row_as_json(bob: User) -> None:
    project = factories.project(kind="table", items=1)
    factories.answered(project, bob)
    (row,) = csv.DictReader(io.StringIO("".join(exporting.csv_lines(project)), newline=""))
    assert json.loads(row["content"]) == project.items.get().row


def csv_rows(project: Project) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(exporting.csv_lines(project)), newline="")))


def test_a_label_confirmed_in_bulk_says_who_when_by_which_round_and_how_sure(bob: User) -> None:
    project = factories.project(items=30)
    (proposal,) = factories.confirmed(project, bob, "banana", 1)
    row = row_of(project)
    assert (row["label"], row["confidence"], row["confidence_source"]) == ("banana", 0.999, "certified")
    assert (row["round"], row["strategy"], row["draw"], row["probability"]) == (1, None, "certified", None)
    assert row["annotations"] == []
    assert proposal.decided_at is not None
    assert row["certified"] == {
        "label": "banana",
        "annotator": exporting.pseudonym(project, bob.pk),
        "at": proposal.decided_at.isoformat(),
        "round": 1,
        "confidence": 0.999,
        "precision": 0.991,
        "checked": False,
        "overruled": False,
    }
    (line,) = csv_rows(project)
    assert (line["draw"], line["certified_label"], line["certified_precision"]) == ("certified", "banana", "0.991")
    assert line["certified_annotator"].startswith("annotator-")


def test_an_answer_that_overrules_a_confirmed_label_says_so(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "CHECKED_SHARE", 1.1)
    project = factories.project(items=30)
    factories.confirmed(project, bob, "banana", 1)
    assert factories.answered(project, alice, "cherry").query == project.queries.get(draw="check")
    row = row_of(project)
    assert (row["label"], row["confidence_source"], row["draw"]) == ("cherry", "votes", "check")
    assert row["annotations"][0]["paid"]
    certified = row["certified"]
    assert (certified["label"], certified["checked"], certified["overruled"]) == ("banana", True, True)
    (line,) = csv_rows(project)
    assert (line["label"], line["certified_label"], line["certified_overruled"]) == ("cherry", "banana", "True")


def test_what_was_answered_alone_has_nothing_confirmed(bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob)
    assert row_of(project)["certified"] is None
    assert {csv_rows(project)[0][f"certified_{name}"] for name in exporting.CERTIFIED} == {""}


def test_declined_and_undone_proposals_give_no_label(bob: User) -> None:
    project = factories.project(items=30, certify=True)
    factories.proposals(project, "apple", 4)
    page = certifying.claim_page(project, bob)
    assert page.lease is not None
    certifying.decide(project, bob, page.lease, [page.proposals[0].pk])
    assert len(rows_of(project)) == 3
    certifying.undo(project, bob)
    assert rows_of(project) == []
