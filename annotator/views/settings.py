"""A project's settings: what is asked, who answers, and which programs may read."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotator import access, enqueue, managing
from annotator.forms import DeleteForm, LabelsForm, SettingsForm, TokenForm
from annotator.models import Project
from annotator.progress import consequences
from annotator.views.requests import PersonRequest, signed_in

FIELDS = (
    "name", "guidelines", "strategy", "batch_size", "limit", "cleaning", "guards", "certify", "overlap",
    "confidence", "encoder", "encoder_path", "head", "posterior", "balance_training", "training", "replay",
    "suspects", "semi_supervised",
)  # fmt: skip


def settings_from(data: dict[str, Any]) -> managing.Settings:
    return managing.Settings(**{name: data[name] for name in FIELDS})


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def settings(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    if request.method == "GET":
        return _page(request, project)
    form = SettingsForm(request.POST, project=project)
    if not form.is_valid():
        return _page(request, project, form=form)
    managing.change_settings(project, settings_from(form.cleaned_data))
    enqueue.round_if_due(project)
    return _back(request, project, "The settings are saved.")


@require_POST
@signed_in
def add_labels(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    form = LabelsForm(request.POST)
    if not form.is_valid():
        return _page(request, project, labels_form=form)
    managing.add_labels(project, form.cleaned_data["names"])
    return _back(request, project, "The labels are added.")


@require_POST
@signed_in
def invite(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    managing.invite(project, by=request.user)
    return _back(request, project, "Here is the link. Whoever opens it can join as an annotator.", "people")


@require_POST
@signed_in
def withdraw(request: PersonRequest, slug: str, invitation_id: int) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    managing.withdraw_invitation(project, invitation_id)
    return _back(request, project, "The link lets nobody in any more.", "people")


@require_POST
@signed_in
def remove_person(request: PersonRequest, slug: str, user_id: int) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    managing.remove_person(project, user_id)
    return _back(request, project, "The annotator is out of the project; their answers stay.", "people")


@never_cache
@require_POST
@signed_in
def create_token(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Show the new secret in this one answer."""
    project = access.project_for_owner(request.user, slug)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, project, token_form=form)
    secret = managing.create_token(project, form.cleaned_data["name"], by=request.user)
    return render(request, "settings/token.html", {"project": project, "secret": secret})


@require_POST
@signed_in
def revoke_token(request: PersonRequest, slug: str, token_id: int) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    managing.revoke_token(project, token_id)
    return _back(request, project, "The token opens nothing any more.", "tokens")


@require_http_methods(["GET", "POST"])
@signed_in
def delete(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Say what will be lost, and delete only for the typed name."""
    project = access.project_for_owner(request.user, slug)
    form = DeleteForm(project, request.POST or None)
    if not form.is_valid():
        context = {"project": project, "form": form, "lost": consequences(project)}
        return render(request, "settings/delete.html", context, status=422 if form.is_bound else 200)
    managing.delete(project)
    enqueue.delete_project(project.pk)
    messages.success(request, f"“{project.name}” is being deleted.")
    return redirect("home")


def _back(request: PersonRequest, project: Project, message: str, part: str = "") -> HttpResponse:
    messages.success(request, message)
    answer = redirect("settings", project.slug)
    if part:
        answer["Location"] += f"#{part}"
    return answer


def _page(request: PersonRequest, project: Project, **bound: Form) -> HttpResponse:
    """All forms of the page, with the one that was wrong showing what was."""
    now = {name: getattr(project, name, None) for name in FIELDS} | {"limit": project.budget.limit}
    context = {
        "project": project,
        "form": SettingsForm(initial=now, project=project),
        "labels_form": LabelsForm(),
        "token_form": TokenForm(),
        "labels": project.labels.all(),
        "people": managing.people(project),
        "invitations": managing.invitations(project),
        "tokens": managing.tokens(project),
        **bound,
    }
    return render(request, "settings/page.html", context, status=422 if bound else 200)
