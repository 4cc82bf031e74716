"""The page of labels to confirm many at a time."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotator import certifying
from annotator.models import Budget, Project
from tests import factories

HTMX = {"HTTP_HX_REQUEST": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    made = factories.project(items=0, certify=True)
    factories.add_items(made, 60, audit="")
    factories.proposals(made, "apple", 30)
    return made


def at(project: Project, name: str = "confirm") -> str:
    return reverse(name, args=[project.slug])


def page(client: Client, project: Project) -> str:
    return client.get(at(project)).content.decode()


def lease(html: str) -> str:
    found = re.search(r'name="lease" value="([^"]+)"', html)
    assert found is not None, html
    return found[1]


def boxes(html: str) -> list[str]:
    return re.findall(r'name="not" value="(\d+)"', html)


def test_a_member_confirms_a_page_but_for_the_marked_ones(as_bob: Client, project: Project) -> None:
    html = page(as_bob, project)
    assert "Are all of these <b" in html
    assert len(boxes(html)) == 24
    marked = boxes(html)[:2]
    answer = as_bob.post(at(project, "confirm-decide"), {"lease": lease(html), "not": marked}, **HTMX)
    after = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in after
    assert "Confirmed: 22 as apple. 2 will be asked one by one." in after
    assert len(boxes(after)) == 6
    assert project.proposals.confirmed().count() == 22
    assert {str(p.pk) for p in project.proposals.filter(state="declined")} == set(marked)


def test_without_scripts_it_is_a_redirect_and_undo_keeps_the_marks(as_bob: Client, project: Project) -> None:
    html = page(as_bob, project)
    marked = boxes(html)[4]
    answer = as_bob.post(at(project, "confirm-decide"), {"lease": lease(html), "not": [marked]})
    assert (answer.status_code, answer["Location"]) == (302, at(project))
    answer = as_bob.post(at(project, "confirm-undo"))
    assert answer["Location"] == f"{at(project)}?not={marked}"
    again = as_bob.get(answer["Location"]).content.decode()
    assert boxes(again) == boxes(html)
    assert f'value="{marked}" checked' in again
    assert again.count(" checked") == 1
    assert Budget.objects.get(project=project).certified == 0


def test_a_page_that_went_to_somebody_else_says_so_and_shows_what_is_there(
    as_bob: Client, alice: User, project: Project
) -> None:
    html = page(as_bob, project)
    project.proposals.update(held_until=None, annotator=alice)
    answer = as_bob.post(at(project, "confirm-decide"), {"lease": lease(html)}, **HTMX)
    assert answer.status_code == 409
    assert "not in your hands any more" in answer.content.decode()
    assert boxes(answer.content.decode())


@pytest.mark.parametrize("sent", ["", "nonsense"])
def test_a_form_without_its_lease_is_refused(as_bob: Client, project: Project, sent: str) -> None:
    assert as_bob.post(at(project, "confirm-decide"), {"lease": sent}).status_code == 422


def test_there_is_nothing_to_take_back_at_first(as_bob: Client, project: Project) -> None:
    answer = as_bob.post(at(project, "confirm-undo"), **HTMX)
    assert answer.status_code == 409
    assert "no page of yours left" in answer.content.decode()


def test_pages_say_how_many_wait_only_while_some_do(
    as_alice: Client, as_bob: Client, bob: User, project: Project
) -> None:
    seen = [(as_bob, "label"), (as_bob, "project"), (as_alice, "label"), (as_alice, "project")]
    for client, name in seen:
        html = client.get(at(project, name)).content.decode()
        waiting = certifying.waiting(project)  # less than 30 where one of them is asked right now
        assert f'href="{at(project)}">Confirm {waiting}' in html, name
    while (found := certifying.claim_page(project, bob)).proposals:
        assert found.lease is not None
        certifying.decide(project, bob, found.lease, [])
    for client, name in seen:
        assert at(project) not in client.get(at(project, name)).content.decode(), name


def test_an_annotator_sees_the_picture_of_what_is_offered_to_them_and_no_other(as_bob: Client) -> None:
    project = factories.project(kind="image", items=0, certify=True)
    factories.add_items(project, 4, audit="")
    offered = factories.proposals(project, "apple", 2)
    picture = reverse("item-image", args=[project.slug, offered[0].item_id])
    other = project.items.exclude(pk__in=[p.item_id for p in offered])[0]
    assert as_bob.get(picture).status_code == 404
    assert picture in page(as_bob, project)
    assert as_bob.get(picture).status_code == 200
    assert as_bob.get(reverse("item-image", args=[project.slug, other.pk])).status_code == 404


def test_a_long_text_is_shortened_and_there_in_full(as_bob: Client) -> None:
    project = factories.project(items=0, certify=True)
    words = " ".join(f"word{n}" for n in range(100))
    factories.add_items(project, 1, audit="", text=words)
    factories.proposals(project, "apple", 1)
    html = page(as_bob, project)
    assert f"{words[:179]}…" in html
    assert words in html
    assert "<details" in html


def test_a_long_row_shows_four_columns_and_the_others_on_demand(as_bob: Client) -> None:
    project = factories.project(kind="table", items=0, certify=True)
    factories.add_items(project, 1, audit="", row={f"column{n}": f"value{n}" for n in range(6)})
    factories.proposals(project, "apple", 1)
    html = page(as_bob, project)
    assert html.count("value3") == 2
    assert html.count("value5") == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "paused"}, "This project is paused."),
        ({"certify": False}, "does not offer labels"),
        ({}, "Each round looks for labels"),
    ],
)
def test_the_page_says_why_it_is_empty(as_bob: Client, project: Project, change: dict[str, object], said: str) -> None:
    project.proposals.all().delete()
    Project.objects.filter(pk=project.pk).update(**change)
    assert said in page(as_bob, project)


def test_the_page_says_that_the_limit_leaves_no_answers_for_checks(
    as_bob: Client, bob: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "CHECKED_SHARE", 1.1)
    Budget.objects.filter(project=project).update(limit=0)
    found = certifying.claim_page(project, bob)
    assert found.lease is not None
    certifying.decide(project, bob, found.lease, [])
    assert "waits to be asked again, and the limit on answers is reached" in page(as_bob, project)


def test_too_many_wrong_checks_are_told_where_people_look(
    as_alice: Client, as_bob: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "figures", lambda _: certifying.Figures(120, 40, 36, 0.763, 0.972))
    html = page(as_bob, project)
    assert "Of 40 confirmed labels that were asked again, 36 were right: 76.3 % to 97.2 %" in html
    assert "It goes on once more of them prove right" in html
    dashboard = as_alice.get(at(project, "project")).content.decode()
    assert "checked 40; right 36 (76.3 % to 97.2 %)" in dashboard
    assert "no more are offered" in dashboard


def test_a_check_of_ones_own_confirmation_says_that_the_item_came_back(
    as_bob: Client, bob: User, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certifying, "CHECKED_SHARE", 1.1)
    found = certifying.claim_page(project, bob)
    assert found.lease is not None
    certifying.decide(project, bob, found.lease, [])
    assert "it came back for a second look" in as_bob.get(at(project, "label")).content.decode()
    stranger = factories.client_of(factories.user("alice"))
    project.queries.held().update(state="withdrawn")
    assert "it came back for a second look" not in stranger.get(at(project, "label")).content.decode()


def test_an_items_page_tells_of_confirmed_and_declined_proposals(as_alice: Client, bob: User, project: Project) -> None:
    found = certifying.claim_page(project, bob)
    first, second = found.proposals[:2]
    assert found.lease is not None
    certifying.decide(project, bob, found.lease, [second.pk])
    html = as_alice.get(reverse("item", args=[project.slug, first.item_id])).content.decode()
    assert "Confirmed among many" in html
    assert "The model was 99.9 % sure" in html
    assert "Declined among many" in as_alice.get(reverse("item", args=[project.slug, second.item_id])).content.decode()
    listed = as_alice.get(at(project, "items"), {"outcome": "certified"}).content.decode()
    assert first.item.key in listed
    assert f">{second.item.key}<" not in listed


def test_the_owner_switches_it_on(as_alice: Client) -> None:
    project = factories.project()
    sent = {"name": "Fruit", "strategy": "auto", "batch_size": "10", "certify": "on"}
    as_alice.post(at(project, "settings"), sent)
    project.refresh_from_db()
    assert project.certify
    assert 'name="certify"' in as_alice.get(at(project, "settings")).content.decode()
