"""A deleted project goes with everything that is its own, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from annotator import deleting, labeling, managing
from annotator.models import Annotation, Item, Project
from tests import factories
from tests.files import picture, upload, zip_of

pytestmark = pytest.mark.django_db


def test_deleted_project_goes_with_its_rows_and_files_and_no_other() -> None:
    kept = factories.project(name="Kept", items=5)
    project = factories.project(kind="image", items=0)
    upload(project, zip_of({f"{n}.png": picture(n) for n in range(30)}), "x.zip")
    bob = factories.user("bob")
    said = factories.answered(project, bob)
    factories.issue(said, "banana")
    labeling.undo(project, bob)
    factories.confirmed(project, bob, "banana", 2)
    artifacts = Path(settings.ARTIFACTS_ROOT) / f"project-{project.pk}"
    (artifacts / "models").mkdir(parents=True)
    (artifacts / "models" / "1-1.safetensors").touch()
    deleting.delete_in_pieces(project.pk)
    assert Project.objects.filter(pk=project.pk).exists(), "only what was marked as deleted goes"
    managing.delete(project)
    assert deleting.unfinished() == [project.pk]
    deleting.delete_in_pieces(project.pk)
    deleting.delete_in_pieces(project.pk)
    assert deleting.unfinished() == []
    assert list(Project.objects.all()) == [kept]
    assert Item.objects.count() == 5
    assert not Annotation.objects.exists()
    assert not list(Path(settings.MEDIA_ROOT).rglob("*.png"))
    assert not artifacts.exists()


def test_deletion_that_was_interrupted_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    project = factories.project(items=450)
    managing.delete(project)
    with monkeypatch.context() as patch:
        patch.setattr(deleting.shutil, "rmtree", _killed)
        with pytest.raises(KeyboardInterrupt):
            deleting.delete_in_pieces(project.pk)
    assert deleting.unfinished() == [project.pk]
    deleting.delete_in_pieces(project.pk)
    assert not Project.objects.exists()


def _killed(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt
