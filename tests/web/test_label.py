"""The label page: one item after the other, nothing lost, nothing twice."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotator import managing, serving
from annotator.models import Annotation, Project, Query
from tests import factories

HTMX = {"HTTP_HX_REQUEST": "true"}
pytestmark = pytest.mark.django_db
SHOWN, SENT = 11, 30  # queries of the label page and of an answer, savepoints included


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None
    return found[1]


def page(client: Client, project: Project) -> str:
    return client.get(reverse("label", args=[project.slug])).content.decode()


def form_of(client: Client, project: Project) -> tuple[str, dict[str, str]]:
    """Where the shown form goes, and what is hidden in it."""
    html = page(client, project)
    action = re.search(r'id="answer"[^>]*?action="([^"]+)"', html, re.S)
    assert action is not None, html
    return action[1], {name: hidden(html, name) for name in ("lease", "person")}


def choice(project: Project, name: str) -> dict[str, str]:
    return {"label": str(factories.label_of(project, name).pk)}


def test_answer_is_recorded_and_brings_the_next_item(as_bob: Client, bob: User) -> None:
    project = factories.project()
    action, fields = form_of(as_bob, project)
    answer = as_bob.post(action, {**fields, **choice(project, "banana"), "seconds": "1.5"}, **HTMX)
    said = project.annotations.get()
    assert (said.says, said.annotator, said.paid, said.late, said.seconds) == ("banana", bob, True, False, 1.5)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in html
    assert "Saved: banana." in html
    assert hidden(html, "lease") != fields["lease"]


def test_without_scripts_the_answer_is_a_redirect(as_bob: Client) -> None:
    project = factories.project()
    action, fields = form_of(as_bob, project)
    answer = as_bob.post(action, {**fields, "outcome": "out_of_scope"}, follow=True)
    assert answer.redirect_chain == [(reverse("label", args=[project.slug]), 302)]
    assert "Saved: Out of scope." in answer.content.decode()


def test_same_form_twice_counts_once(as_bob: Client) -> None:
    project = factories.project()
    action, fields = form_of(as_bob, project)
    for _ in range(2):
        assert as_bob.post(action, {**fields, **choice(project, "apple")}, **HTMX).status_code == 200
    assert project.annotations.count() == 1
    project.budget.refresh_from_db()
    assert project.budget.settled == 1


def test_reload_shows_the_same_item(as_bob: Client) -> None:
    project = factories.project()
    assert form_of(as_bob, project)[0] == form_of(as_bob, project)[0]


def test_skip_costs_nothing_and_moves_on(as_bob: Client) -> None:
    project = factories.project(limit=5)
    action, fields = form_of(as_bob, project)
    as_bob.post(action, {**fields, "outcome": "skipped"}, **HTMX)
    project.budget.refresh_from_db()
    assert project.budget.settled == 0
    assert form_of(as_bob, project)[0] != action


def test_undo_shows_the_item_again(as_bob: Client) -> None:
    project = factories.project()
    action, fields = form_of(as_bob, project)
    as_bob.post(action, {**fields, **choice(project, "apple")}, **HTMX)
    html = as_bob.post(reverse("answer-undo", args=[project.slug]), **HTMX).content.decode()
    assert "Taken back" in html
    assert action in html
    assert [a.outcome for a in project.annotations.order_by("sequence")] == ["label", "undone"]


def test_nothing_to_undo_is_said_beside_the_item(as_bob: Client) -> None:
    project = factories.project()
    answer = as_bob.post(reverse("answer-undo", args=[project.slug]), **HTMX)
    assert answer.status_code == 409
    assert 'id="answer"' in answer.content.decode()


@pytest.mark.parametrize(
    "wrong", [{}, {"label": "999999"}, {"label": "x"}, {"outcome": "undone"}, {"outcome": "label"}]
)
def test_a_wrong_answer_is_refused_and_the_item_stays(as_bob: Client, wrong: dict[str, str]) -> None:
    project = factories.project()
    action, fields = form_of(as_bob, project)
    answer = as_bob.post(action, {**fields, **wrong}, **HTMX)
    assert answer.status_code == 422
    assert action in answer.content.decode()
    assert not project.annotations.exists()


def test_late_answer_is_kept_and_said(as_bob: Client, alice: User) -> None:
    project = factories.project()
    action, fields = form_of(as_bob, project)
    Query.objects.held().update(held_until=timezone.now() - timezone.timedelta(seconds=1))
    serving.release_expired()
    factories.answered(project, alice)
    html = as_bob.post(action, {**fields, **choice(project, "apple")}, **HTMX).content.decode()
    assert "It came late" in html
    assert Annotation.objects.get(annotator__username="bob").late


def test_end_of_the_budget_is_a_page_of_its_own(as_bob: Client) -> None:
    project = factories.project(limit=1)
    action, fields = form_of(as_bob, project)
    html = as_bob.post(action, {**fields, **choice(project, "apple")}, **HTMX).content.decode()
    assert "The limit on answers is reached" in html
    assert "The limit on answers is reached" in page(as_bob, project)


@pytest.mark.parametrize(("action", "title"), [("pause", "is paused"), ("archive", "is archived")])
def test_a_stopped_project_says_so(as_bob: Client, action: str, title: str) -> None:
    project = factories.project()
    managing.move(project, action)
    assert title in page(as_bob, project)


def test_what_is_left_in_others_hands_is_waited_for(as_bob: Client, alice: User) -> None:
    project = factories.project(items=1)
    factories.held_query(project, alice)
    html = page(as_bob, project)
    assert "Waiting for others" in html
    assert 'hx-trigger="every 3s"' in html


def test_empty_and_done_projects_say_so(as_bob: Client, bob: User) -> None:
    empty = page(as_bob, factories.project(items=0))
    assert "No items yet" in empty
    assert 'hx-trigger="every 3s"' in empty  # a file may be being read in
    done = factories.project(name="One", items=1)
    factories.answered(done, bob)
    assert "All done" in page(as_bob, done)


@pytest.mark.parametrize("kind", Project.Kind.values)
def test_every_kind_of_item_is_shown(as_bob: Client, kind: str) -> None:
    project = factories.project(kind=kind)
    shown = {"image": "/image", "text": "Text number", "table": "length"}[kind]
    assert shown in page(as_bob, project)


def test_hostile_text_is_shown_as_text(as_bob: Client, as_alice: Client) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    project = factories.project(name=evil, labels=[evil, "b"], items=0, guidelines=evil)
    factories.add_items(project, 1, text=evil, key=evil, audit="")
    factories.open_query(project.items.get(), reason=evil)
    action, fields = form_of(as_bob, project)
    html = page(as_bob, project)
    html += as_bob.post(action, {**fields, **choice(project, evil)}, **HTMX).content.decode()
    html += as_alice.get(reverse("project", args=[project.slug])).content.decode()
    html += as_alice.get(reverse("items", args=[project.slug]), {"q": evil}).content.decode()
    html += as_alice.get(reverse("item", args=[project.slug, project.items.get().pk])).content.decode()
    html += as_alice.get(reverse("home")).content.decode()
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_labels_that_are_digits_have_themselves_as_keys(as_bob: Client) -> None:
    html = page(as_bob, factories.project(labels=["0", "1", "2"]))
    assert re.findall(r'data-keys="(\d)"', html) == ["0", "1", "2"]


def test_other_labels_have_their_place_as_key(as_bob: Client) -> None:
    html = page(as_bob, factories.project(labels=factories.FRUIT))
    assert re.findall(r'name="label"[^>]*data-keys="(\d?)"', html) == [*"1234567890", "", ""]
    assert 'id="filter"' in html


def count_queries(act: Any) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        act()
    return len(queries)


def test_an_answer_costs_the_same_at_any_size(as_bob: Client) -> None:
    """Promise 7. The counts are stored: who makes them grow says why."""
    counts = []
    for items in (100, 5_000):
        project = factories.project(name=f"Of {items}", items=items)
        for number, item in enumerate(project.items.filter(audit="")[:30]):
            factories.open_query(item, rank=number)
        factories.finished_round(project)
        action, fields = form_of(as_bob, project)
        data = {**fields, **choice(project, "apple")}
        shown = count_queries(lambda project=project: page(as_bob, project))
        sent = count_queries(lambda action=action, data=data: as_bob.post(action, data, **HTMX))
        counts.append((shown, sent))
    assert counts[0] == counts[1]
    assert counts[0] == (SHOWN, SENT)
