"""The page of labels that the model is sure of: people confirm many at a time."""

from collections.abc import Collection
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import access, certifying, enqueue
from annotator.errors import InvalidInputError, RefusedError
from annotator.models import Project
from annotator.views.requests import PersonRequest, signed_in


@never_cache
@require_GET
@signed_in
def page(request: PersonRequest, slug: str) -> HttpResponseBase:
    """What the person holds, or the next page of one label."""
    return _page(request, access.project_for(request.user, slug), marked=_marked(request.GET))


@require_POST
@signed_in
def decide(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Confirm those shown but for the marked ones, and show the next."""
    project = access.project_for(request.user, slug)
    lease = access.lease_of(request.POST.get("lease", ""))
    if lease is None:
        raise InvalidInputError("The form came without its lease; reload the page.")
    try:
        decided = certifying.decide(project, request.user, lease, _marked(request.POST))
    except RefusedError as refused:
        return _page(request, project, problem=refused.message, status=refused.status)
    enqueue.round_if_due(project)
    return _on(request, project, note=_note(decided))


@require_POST
@signed_in
def undo(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Show the last page again, as it was marked."""
    project = access.project_for(request.user, slug)
    try:
        marked = certifying.undo(project, request.user)
    except RefusedError as refused:
        return _page(request, project, problem=refused.message, status=refused.status)
    return _on(request, project, note="Taken back. Here they are again.", marked=marked)


def _on(request: PersonRequest, project: Project, *, note: str, marked: Collection[int] = ()) -> HttpResponse:
    """What comes next; without scripts by way of a redirect, so that a reload sends nothing twice."""
    if request.htmx:
        return _page(request, project, note=note, marked=marked)
    messages.success(request, note)
    marks = urlencode({"not": list(marked)}, doseq=True)
    return redirect(reverse("confirm", args=[project.slug]) + (f"?{marks}" if marks else ""))


def _page(
    request: PersonRequest, project: Project, *, status: int = 200, marked: Collection[int] = (), **said: str
) -> HttpResponse:
    found = certifying.claim_page(project, request.user)
    context = {
        "project": project,
        "found": found,
        "marked": marked,
        "figures": certifying.figures(project),
        "can_undo": certifying.can_undo(project, request.user),
        **said,
    }
    template = "confirm/_page.html" if request.htmx else "confirm/page.html"
    return render(request, template, context, status=status)


def _marked(data: QueryDict) -> set[int]:
    """The proposals that a form says are not what the others are."""
    return {int(pk) for pk in data.getlist("not") if pk.isdecimal() and len(pk) < 19}


def _note(decided: certifying.Decided) -> str:
    said = f"Confirmed: {decided.confirmed} as {decided.label.name}."
    if decided.declined:
        said += f" {decided.declined} will be asked one by one."
    if decided.gone:
        said += f" {decided.gone} had been asked or declined meanwhile, and went without you."
    return said
