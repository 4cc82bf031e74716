"""Guards in a project's settings, and the strategies' page."""

import pytest
from django.test import Client
from django.urls import reverse

from alcore import catalog
from annotator.models import Project
from tests import factories

pytestmark = pytest.mark.django_db
NEW = {"name": "Birds", "kind": "text", "label_names": "owl\nwren", "strategy": "auto", "batch_size": "10"}


def test_a_project_keeps_its_guards(as_alice: Client) -> None:
    as_alice.post(reverse("project-new"), {**NEW, "guards": ["class_balance", "partial_pool"]})
    project = Project.objects.get()
    assert project.guards == ["class_balance", "partial_pool"]
    page = as_alice.get(reverse("settings", args=[project.slug])).content.decode()
    assert page.count("checked") == 2
    as_alice.post(reverse("settings", args=[project.slug]), {"name": "Birds", "strategy": "auto", "batch_size": "10"})
    project.refresh_from_db()
    assert project.guards == []


def test_an_unknown_guard_is_refused(as_alice: Client) -> None:
    project = factories.project()
    wrong = {"name": "Fruit", "strategy": "auto", "batch_size": "10", "guards": ["magic"]}
    answer = as_alice.post(reverse("settings", args=[project.slug]), wrong)
    assert "magic" in answer.content.decode()
    project.refresh_from_db()
    assert project.guards == []


def test_the_page_of_strategies_names_all_of_them_and_the_default(as_charlie: Client) -> None:
    page = as_charlie.get(reverse("strategies")).content.decode()
    for entry in (*catalog.STRATEGIES, *catalog.GUARDS):
        assert f'id="{entry.key}"' in page
    assert page.count(">default<") == 1
