"""Remove a deleted project's rows and files, in pieces, in the worker."""

import shutil
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet

from annotator.models import Annotation, Import, Item, LabelIssue, Novelty, Project, Proposal, Query

PIECE = 200  # rows to a write transaction, which stays under 50 ms


def delete_in_pieces(project_id: int) -> None:
    """Safe to run twice, and to be killed: the project itself goes last."""
    project = Project.objects.filter(pk=project_id, state=Project.State.DELETED).first()
    if project is None:
        return
    for model in (LabelIssue, Novelty, Proposal, Annotation, Query, Item):
        _empty(model._default_manager.filter(project=project).order_by("-pk"))
    for upload in Import.objects.filter(project=project).exclude(file=""):
        (Path(settings.MEDIA_ROOT) / upload.file).unlink(missing_ok=True)
    for folder in (
        Path(settings.MEDIA_ROOT) / "items" / str(project.pk),
        Path(settings.ARTIFACTS_ROOT) / f"project-{project.pk}",
    ):
        shutil.rmtree(folder, ignore_errors=True)
    project.delete()


def unfinished() -> list[int]:
    """Deleted projects whose rows are still there."""
    return list(Project.objects.filter(state=Project.State.DELETED).values_list("id", flat=True))


def _empty(rows: QuerySet[Model]) -> None:
    while piece := list(rows.values_list("pk", flat=True)[:PIECE]):
        with transaction.atomic():
            rows.model._default_manager.filter(pk__in=piece).delete()
