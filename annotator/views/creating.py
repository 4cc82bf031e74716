"""New projects, and more items for old ones."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from annotator import access, enqueue, importing, managing
from annotator.forms import ImportForm, ProjectForm
from annotator.models import Project
from annotator.views.requests import PersonRequest, signed_in
from annotator.views.settings import settings_from


@require_http_methods(["GET", "POST"])
@signed_in
def new(request: PersonRequest) -> HttpResponseBase:
    """Make a project, with its first file where there is one."""
    form = ProjectForm(request.POST or None, request.FILES or None)
    if not form.is_valid():
        return render(request, "creating/new.html", {"form": form}, status=422 if form.is_bound else 200)
    data = form.cleaned_data
    project = managing.create_project(
        request.user, settings_from(data), kind=data["kind"], label_names=data["label_names"]
    )
    if data["file"]:
        _start(project, data["file"], request.user, form.options())
    messages.success(request, f"“{project.name}” is ready.")
    return redirect("project", project.slug)


@require_http_methods(["GET", "POST"])
@signed_in
def add_items(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Send another file of items."""
    project = access.project_for_owner(request.user, slug)
    form = ImportForm(request.POST or None, request.FILES or None)
    if not form.is_valid():
        context = {"project": project, "form": form}
        return render(request, "creating/import.html", context, status=422 if form.is_bound else 200)
    _start(project, form.cleaned_data["file"], request.user, form.options())
    messages.success(request, "The file is being read. This page shows how far it is.")
    return redirect("project", project.slug)


def _start(project: Project, file: Any, user: User, options: dict[str, Any]) -> None:
    upload = importing.start_upload(project, file, user=user, options=options)
    enqueue.run_import(upload.pk)
