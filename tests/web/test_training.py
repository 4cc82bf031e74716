"""Choosing what a round trains."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotator import managing
from annotator.errors import InvalidInputError
from annotator.models import Project
from tests import factories

pytestmark = pytest.mark.django_db
NEW = {"name": "Birds", "kind": "image", "label_names": "owl\nwren", "strategy": "margin", "batch_size": "10"}
SAVED = {"name": "Fruit", "strategy": "margin", "batch_size": "10"}
ONLY_PIXELS = "learns from images by their pixels"


def training_of(project: Project) -> tuple[str, str, bool]:
    project.refresh_from_db()
    return project.head, project.posterior, project.balance_training


def test_a_new_project_trains_the_usual_head(as_charlie: Client) -> None:
    as_charlie.post(reverse("project-new"), NEW)
    assert training_of(Project.objects.get()) == ("linear", "mc_dropout", False)


def test_a_new_project_of_images_may_train_a_network(as_charlie: Client) -> None:
    as_charlie.post(
        reverse("project-new"), {**NEW, "head": "network", "posterior": "laplace", "balance_training": "on"}
    )
    assert training_of(Project.objects.get()) == ("network", "laplace", True)


@pytest.mark.parametrize("wrong", [{"head": "network", "kind": "text"}, {"head": "network", "kind": "table"}])
def test_a_network_for_what_has_no_pixels_is_refused(as_charlie: Client, wrong: dict[str, str]) -> None:
    answer = as_charlie.post(reverse("project-new"), {**NEW, **wrong})
    assert answer.status_code == 422
    assert ONLY_PIXELS in answer.content.decode()
    assert not Project.objects.exists()


@pytest.mark.parametrize("wrong", [{"head": "forest"}, {"posterior": "magic"}])
def test_what_is_in_no_list_is_refused(as_charlie: Client, wrong: dict[str, str]) -> None:
    assert as_charlie.post(reverse("project-new"), {**NEW, **wrong}).status_code == 422


def test_the_settings_change_it_and_show_it(as_alice: Client) -> None:
    project = factories.project()
    at = reverse("settings", args=[project.slug])
    as_alice.post(at, {**SAVED, "head": "mlp", "posterior": "laplace", "balance_training": "on"})
    assert training_of(project) == ("mlp", "laplace", True)
    page = as_alice.get(at).content.decode()
    assert '<option value="mlp" selected>' in page
    assert '<option value="laplace" selected>' in page
    as_alice.post(at, SAVED)
    assert training_of(project) == ("mlp", "laplace", False)


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ({"encoder": "transformer"}, {"head": "network"}),
        ({"head": "network"}, {"encoder": "transformer", "encoder_path": "mini"}),
    ],
)
def test_whichever_is_changed_a_network_and_a_transformer_do_not_go_together(
    as_alice: Client, settings: Any, tmp_path: Path, now: dict[str, str], change: dict[str, str]
) -> None:
    (tmp_path / "mini").mkdir()
    (tmp_path / "mini" / "config.json").write_text("{}")
    settings.MODELS = tmp_path
    project = factories.project(kind="image")
    Project.objects.update(**now)
    answer = as_alice.post(reverse("settings", args=[project.slug]), {**SAVED, **change})
    assert answer.status_code == 422
    assert ONLY_PIXELS in answer.content.decode()
    project.refresh_from_db()
    with pytest.raises(InvalidInputError, match=ONLY_PIXELS):
        managing.change_settings(project, managing.Settings("Fruit", **{"encoder_path": "mini", **change}))


def test_rounds_tell_what_they_trained(as_alice: Client) -> None:
    project = factories.project()
    factories.finished_round(project, 1, used_strategy="coverage")
    factories.finished_round(project, 2, head="mlp")
    page = as_alice.get(reverse("project", args=[project.slug])).content.decode()
    assert page.count("<dt>head</dt>") == 1
    assert "<dd>mlp</dd>" in page


def test_advice_tells_that_a_linear_layer_stands_in(as_alice: Client) -> None:
    project = factories.project(kind="image", head="network")
    at = reverse("advice", args=[project.slug])
    assert "in place of the convolutional network" in as_alice.get(at).content.decode()
    Project.objects.update(head="mlp")
    assert "in place of" not in as_alice.get(at).content.decode()


def test_a_new_project_goes_on_where_that_pays(as_charlie: Client) -> None:
    as_charlie.post(reverse("project-new"), {**NEW, "head": "network"})
    project = Project.objects.get()
    assert (project.training, project.replay, project.semi_supervised, project.goes_on) == ("auto", "sd", False, True)
    project.head = "linear"
    assert not project.goes_on


def test_how_rounds_go_on_can_be_chosen(as_alice: Client) -> None:
    project = factories.project()
    at = reverse("settings", args=[project.slug])
    as_alice.post(at, {**SAVED, "training": "continue", "replay": "er", "semi_supervised": "on"})
    project.refresh_from_db()
    assert (project.training, project.replay, project.goes_on) == ("continue", "er", True)
    assert project.semi_supervised
    page = as_alice.get(at).content.decode()
    assert '<option value="continue" selected>' in page
    assert '<option value="er" selected>' in page
    assert as_alice.post(at, {**SAVED, "training": "never"}).status_code == 422
    assert as_alice.post(at, {**SAVED, "replay": "sds2"}).status_code == 422, "for one member alone"


def test_a_text_network_is_for_texts_by_their_words(as_charlie: Client, as_alice: Client) -> None:
    assert as_charlie.post(reverse("project-new"), {**NEW, "head": "text"}).status_code == 422
    assert as_charlie.post(reverse("project-new"), {**NEW, "kind": "text", "head": "text"}).status_code == 302
    project = factories.project(kind="text")
    Project.objects.filter(pk=project.pk).update(encoder="vectors")
    answer = as_alice.post(reverse("settings", args=[project.slug]), {**SAVED, "head": "text"})
    assert answer.status_code == 422
    assert "learns from texts by their words" in answer.content.decode()


def test_rounds_tell_how_their_models_came_to_be(as_alice: Client) -> None:
    project = factories.project()
    told = {"why": "", "steps": 40, "samples": 6000, "replayed": 0.667, "seconds": 2.5, "saved": 61.0}
    factories.finished_round(project, 1, head="text", training={**told, "went_on": True})
    factories.finished_round(project, 2, head="text", training={**told, "went_on": False, "replayed": 0, "saved": 0})
    page = as_alice.get(reverse("project", args=[project.slug])).content.decode()
    assert page.count("<dt>training</dt>") == 2
    assert "<dt>replayed</dt><dd>67" in page
    assert page.count("<dt>replayed</dt>") == 1
    assert "about 1 min" in page
