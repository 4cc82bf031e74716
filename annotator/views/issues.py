"""Label issues: one suspect answer after the other, decided by the owner."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import access, enqueue, labeling, reviewing
from annotator.errors import InvalidInputError
from annotator.forms import ChoiceForm
from annotator.models import LabelIssue, Project
from annotator.views.requests import PersonRequest, signed_in

LISTED = 40


@never_cache
@require_GET
@signed_in
def issues(request: PersonRequest, slug: str) -> HttpResponseBase:
    """The chosen issue, else the worst, with those that follow."""
    project = access.project_for_owner(request.user, slug)
    chosen = request.GET.get("issue", "")
    return _page(request, project, chosen=int(chosen) if chosen.isdecimal() else None)


@require_POST
@signed_in
def decide(request: PersonRequest, slug: str, issue_id: int) -> HttpResponseBase:
    """Keep the given label, take the expected one, or choose another."""
    issue = access.issue_for_owner(request.user, slug, issue_id)
    following = _following(list(reviewing.open_issues(issue.project)[:LISTED]), issue)
    note = _decide(request, issue)
    enqueue.round_if_due(issue.project)
    if request.htmx:
        return _page(request, issue.project, chosen=following, note=note)
    messages.success(request, note)
    return redirect("issues", slug)


def _decide(request: PersonRequest, issue: LabelIssue) -> str:
    match request.POST.get("decision"):
        case "confirm":
            return f"Kept: {reviewing.confirm(issue, reviewer=request.user).says}."
        case "correct":
            return f"Corrected to: {reviewing.correct(issue, reviewer=request.user).says}."
    form = ChoiceForm(issue.project, request.POST)
    if not form.is_valid():
        raise InvalidInputError("Keep the label, correct it, or choose another of the project's labels.")
    return f"Set to: {labeling.revise(issue.item, **form.decision(), reviewer=request.user).says}."


def _following(listed: list[LabelIssue], issue: LabelIssue) -> int | None:
    """The issue after this one in the list, so that deciding moves on instead of jumping back."""
    ids = [found.pk for found in listed]
    place = ids.index(issue.pk) + 1 if issue.pk in ids else 0
    return ids[place] if place < len(ids) else None


def _page(request: PersonRequest, project: Project, *, chosen: int | None, note: str = "") -> HttpResponse:
    found = reviewing.open_issues(project)
    listed = list(found[:LISTED])
    ids = [issue.pk for issue in listed]
    place = ids.index(chosen) if chosen in ids else 0
    issue = listed[place] if listed else None
    context = {
        "project": project,
        "labels": project.labels.all(),
        "listed": listed,
        "count": found.count(),
        "issue": issue,
        "made_since": reviewing.made_since(issue) if issue else [],
        "previous": listed[place - 1] if place > 0 else None,
        "next": listed[place + 1] if place + 1 < len(listed) else None,
        "note": note,
    }
    return render(request, "issues/_issue.html" if request.htmx else "issues/page.html", context)
