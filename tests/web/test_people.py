"""What is known of a person: shown to the owner and to oneself, in words that respect people."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotator.models import Project
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.project(items=6)


def page(client: Client, project: Project, person: User, status: int = 200) -> str:
    answer = client.get(reverse("person", args=[project.slug, person.pk]))
    assert answer.status_code == status
    return answer.content.decode()


def test_the_owner_sees_how_often_somebody_is_right(as_alice: Client, alice: User, bob: User, project: Project) -> None:
    factories.answered(project, bob, "apple")
    factories.quality(project, bob)
    html = page(as_alice, project, bob)
    assert "83 %" in html
    assert "71 % to 91 %" in html
    assert "6 of 20" in html
    assert "Out of scope" in html
    assert 'points="0.0,10.0 66.7,20.0 100.0,30.0"' in html
    assert "differ from those before" not in html
    overview = as_alice.get(reverse("project", args=[project.slug])).content.decode()
    assert reverse("person", args=[project.slug, bob.pk]) in overview
    assert "83 %" in overview


def test_a_change_is_told_with_what_may_help(as_alice: Client, bob: User, project: Project) -> None:
    factories.answered(project, bob, "apple")
    factories.quality(project, bob, changed=True, latest=0.5, before=0.9)
    html = page(as_alice, project, bob)
    assert "50 % right, and 90 % before" in html
    assert "a break may help" in html
    assert "changed" in as_alice.get(reverse("project", args=[project.slug])).content.decode()


def test_a_member_sees_oneself_and_nobody_else(as_bob: Client, alice: User, bob: User, project: Project) -> None:
    factories.quality(project, bob)
    factories.quality(project, alice, value=0.4)
    assert "Your answers" in page(as_bob, project, bob)
    page(as_bob, project, alice, 404)
    assert (
        reverse("person", args=[project.slug, bob.pk])
        in as_bob.get(reverse("project", args=[project.slug])).content.decode()
    )


def test_nothing_is_said_where_too_little_is_known(as_bob: Client, bob: User, project: Project) -> None:
    assert "Too little is known yet" in page(as_bob, project, bob)
    factories.quality(project, bob, judged=9.4)
    html = page(as_bob, project, bob)
    assert "Too little is known yet" in html
    assert "9 of 10" in html
    assert "83 %" not in html


def test_who_has_nothing_to_do_with_the_project_has_no_page(as_alice: Client, project: Project) -> None:
    page(as_alice, project, factories.user("mallory"), 404)
