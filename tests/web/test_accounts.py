"""Signing in, joining, and answers that outlive a session."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotator import managing
from annotator.models import Project
from tests import factories
from tests.web.test_label import HTMX, choice, form_of, hidden

pytestmark = pytest.mark.django_db
WHO = {"username": "bob", "password": factories.PASSWORD}


def test_signing_in_goes_on_to_where_one_wanted(client: Client, bob: User) -> None:
    answer = client.post("/sign-in/", {**WHO, "next": "/strategies/"})
    assert answer["Location"] == "/strategies/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_elsewhere(client: Client, bob: User, elsewhere: str) -> None:
    assert client.post("/sign-in/", {**WHO, "next": elsewhere})["Location"] == "/"


def test_wrong_password_is_refused(client: Client, bob: User) -> None:
    assert client.post("/sign-in/", {**WHO, "password": "no"}).status_code == 422


def test_signing_out_needs_a_post(as_bob: Client) -> None:
    assert as_bob.get("/sign-out/").status_code == 405
    as_bob.post("/sign-out/")
    assert as_bob.get("/").status_code == 302


def expired(client: Client, project: Project) -> tuple[str, dict[str, str]]:
    """A form that was shown before the session ended."""
    action, fields = form_of(client, project)
    client.logout()
    return action, {**fields, **choice(project, "cherry")}


def test_an_expired_session_keeps_the_answer(as_bob: Client) -> None:
    project = factories.project()
    action, data = expired(as_bob, project)
    signing_in = as_bob.post(action, data, follow=True)
    kept = hidden(signing_in.content.decode(), "answer")
    assert "Your last answer is kept" in signing_in.content.decode()
    assert not project.annotations.exists()
    answer = as_bob.post("/sign-in/", {**WHO, "answer": kept}, follow=True)
    assert project.annotations.get().says == "cherry"
    assert not project.annotations.get().late
    assert "is recorded" in answer.content.decode()


def test_htmx_moves_the_page_to_the_sign_in_with_the_answer(as_bob: Client) -> None:
    project = factories.project()
    action, data = expired(as_bob, project)
    address = as_bob.post(action, data, **HTMX)["HX-Redirect"]
    kept = hidden(as_bob.get(address).content.decode(), "answer")
    wrong = as_bob.post("/sign-in/", {**WHO, "password": "no", "answer": kept})
    assert hidden(wrong.content.decode(), "answer") == kept
    as_bob.post("/sign-in/", {**WHO, "answer": kept})
    assert project.annotations.get().says == "cherry"


def test_a_kept_answer_is_recorded_for_nobody_else(as_bob: Client, alice: User) -> None:
    project = factories.project()
    action, data = expired(as_bob, project)
    kept = hidden(as_bob.post(action, data, follow=True).content.decode(), "answer")
    answer = as_bob.post("/sign-in/", {"username": "alice", "password": factories.PASSWORD, "answer": kept})
    assert answer.status_code == 403
    assert not project.annotations.exists()


def test_a_form_of_another_account_is_not_sent_in(as_bob: Client, as_alice: Client) -> None:
    project = factories.project()
    action, fields = form_of(as_bob, project)
    assert as_alice.post(action, {**fields, **choice(project, "apple")}).status_code == 403
    assert not project.annotations.exists()


def test_a_forged_kept_answer_is_refused(as_bob: Client) -> None:
    assert as_bob.get(reverse("kept-answer"), {"answer": "x:y:z"}).status_code == 422
    assert as_bob.post(reverse("kept-answer"), {"answer": "x:y:z"}).status_code == 422


def test_an_old_form_token_loses_no_answer(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    project = factories.project()
    action, fields = form_of(client, project)
    address = client.post(action, {**fields, **choice(project, "cherry")}, **HTMX)["HX-Redirect"]
    html = client.get(address).content.decode()
    again = {name: hidden(html, name) for name in ("answer", "csrfmiddlewaretoken")}
    client.post(reverse("kept-answer"), again)
    assert project.annotations.get().says == "cherry"


def test_an_old_form_token_elsewhere_is_said(bob: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    answer = client.post("/sign-out/")
    assert answer.status_code == 403
    assert "out of date" in answer.content.decode()


def test_a_stranger_makes_an_account_by_the_link(client: Client, alice: User) -> None:
    project = factories.project(items=1)
    link = reverse("join", args=[managing.invite(project, by=alice).token])
    assert client.post(link, {"username": "dora", "password1": "short", "password2": "short"}).status_code == 422
    good = {"username": "dora", "password1": "threshing-floor-7", "password2": "threshing-floor-7"}
    answer = client.post(link, good, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("label", args=[project.slug])
    assert project.memberships.filter(user__username="dora", role="annotator").exists()


def test_somebody_signed_in_joins_with_a_button(as_charlie: Client, charlie: User, alice: User) -> None:
    project = factories.project()
    link = managing.invite(project, by=alice)
    as_charlie.post(reverse("join", args=[link.token]))
    assert project.memberships.filter(user=charlie).exists()


def test_a_withdrawn_link_lets_nobody_in(as_charlie: Client, alice: User) -> None:
    project = factories.project()
    link = managing.invite(project, by=alice)
    managing.withdraw_invitation(project, link.pk)
    assert as_charlie.post(reverse("join", args=[link.token])).status_code == 404


def test_changing_the_password(as_bob: Client, client: Client) -> None:
    new = "another-winter-5"
    old = {"old_password": factories.PASSWORD, "new_password1": new, "new_password2": new}
    assert as_bob.post(reverse("password"), old).status_code == 302
    assert client.post("/sign-in/", {**WHO, "password": new}).status_code == 302
