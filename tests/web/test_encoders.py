"""Choosing what the model sees of an item."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from annotator import pretrained
from annotator.errors import InvalidInputError
from annotator.models import Project
from tests import factories

pytestmark = pytest.mark.django_db
NEW = {"name": "Birds", "kind": "text", "label_names": "owl\nwren", "strategy": "margin", "batch_size": "10"}
SAVED = {"name": "Fruit", "strategy": "margin", "batch_size": "10"}


@pytest.fixture
def models(settings: Any, tmp_path: Path) -> Path:
    """Two models on this server, one of them by an owner's name."""
    for name in ("mini", "people/large"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "config.json").write_text("{}")
    (tmp_path / "config.json").write_text("{}")
    settings.MODELS = tmp_path / "models"
    return Path(settings.MODELS)


@pytest.mark.parametrize(("kind", "usual"), [("text", "lsa"), ("image", "pixels"), ("table", "columns")])
def test_a_new_project_has_the_usual_encoder_of_its_kind(as_charlie: Client, kind: str, usual: str) -> None:
    as_charlie.post(reverse("project-new"), {**NEW, "kind": kind})
    assert Project.objects.get().encoder == usual


def test_a_model_of_this_server_may_be_named(as_charlie: Client, models: Path) -> None:
    page = as_charlie.get(reverse("project-new")).content.decode()
    assert "mini, people/large" in page
    as_charlie.post(reverse("project-new"), {**NEW, "encoder": "transformer", "encoder_path": "people/large"})
    project = Project.objects.get()
    assert (project.encoder, project.encoder_path) == ("transformer", "people/large")


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoder": "transformer"},
        {"encoder": "transformer", "encoder_path": "huge"},
        {"encoder": "transformer", "encoder_path": ".."},
        {"encoder": "transformer", "encoder_path": "../models/mini"},
        {"encoder": "transformer", "encoder_path": "mini/../mini"},
        {"encoder": "transformer", "encoder_path": "/etc"},
        {"encoder": "transformer", "encoder_path": "mini", "kind": "table"},
        {"encoder": "vectors", "kind": "image"},
        {"encoder": "magic"},
    ],
)
def test_what_cannot_encode_is_refused(as_charlie: Client, models: Path, wrong: dict[str, str]) -> None:
    assert as_charlie.post(reverse("project-new"), {**NEW, **wrong}).status_code == 422
    assert not Project.objects.exists()


def test_the_settings_offer_what_suits_the_kind(as_alice: Client, models: Path) -> None:
    project = factories.project(kind="table")
    at = reverse("settings", args=[project.slug])
    page = as_alice.get(at).content.decode()
    assert "Columns by their types" in page
    assert "Pixels" not in page
    assert as_alice.post(at, {**SAVED, "encoder": "pixels"}).status_code == 422
    assert as_alice.post(at, SAVED).status_code == 302
    project.refresh_from_db()
    assert project.encoder == "columns"


def test_an_encoder_is_changed_in_the_settings(as_alice: Client, models: Path) -> None:
    project = factories.project()
    at = reverse("settings", args=[project.slug])
    as_alice.post(at, {**SAVED, "encoder": "transformer", "encoder_path": "mini"})
    project.refresh_from_db()
    assert (project.encoder, project.encoder_path) == ("transformer", "mini")
    assert 'value="mini"' in as_alice.get(at).content.decode()


def test_hub_names_need_the_servers_consent(settings: Any, models: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"no model 'owner/name'.*mini"):
        pretrained.locate("owner/name")
    settings.HUB = True
    assert pretrained.locate("owner/name") == pretrained.Model("owner/name", on_hub=True)
    assert pretrained.locate("mini") == pretrained.Model(str(models / "mini"))


def test_a_project_from_the_command_line_is_held_to_the_same(tmp_path: Path, models: Path) -> None:
    factories.user("alice")
    path = tmp_path / "rows.csv"
    path.write_text("id,text\n1,one\n")
    wish = {"new": "Texts", "owner": "alice", "labels": "a,b", "encoder": "transformer"}
    with pytest.raises(CommandError, match="no model 'huge'"):
        call_command("import_items", str(path), model="huge", **wish)
    call_command("import_items", str(path), model="mini", **wish)
    assert Project.objects.get().encoder_path == "mini"
