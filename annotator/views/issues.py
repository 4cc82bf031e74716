"""Label issues: one suspect answer after the other, decided by the owner; and labels that are taken for each other."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import access, enqueue, reviewing
from annotator import issues as doubts
from annotator.errors import InvalidInputError, RefusedError
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


@never_cache
@require_GET
@signed_in
def pairs(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Labels that are taken for each other, with examples."""
    project = access.project_for_owner(request.user, slug)
    return render(request, "issues/pairs.html", {"project": project, "pairs": doubts.confused(project)})


@require_POST
@signed_in
def decide(request: PersonRequest, slug: str, issue_id: int) -> HttpResponseBase:
    """Keep the given label, take the expected one or another, or say that nobody can tell."""
    issue = access.issue_for_owner(request.user, slug, issue_id)
    following = _following(list(doubts.open_issues(issue.project)[:LISTED]), issue)
    said = doubts.said_of(issue)
    note = _decide(request, issue)
    note += f" Said before: {', '.join(said)}." if said else ""
    return _on(request, issue.project, note, chosen=following)


@require_POST
@signed_in
def keep(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Keep the given labels of many issues at once."""
    project = access.project_for_owner(request.user, slug)
    marked = [int(each) for each in request.POST.getlist("keep") if each.isdecimal() and len(each) < 19]
    if not marked:
        raise InvalidInputError("Mark the issues whose given label is to be kept.")
    kept = reviewing.confirm_many(project, marked[:LISTED], reviewer=request.user)
    if not kept:
        return _on(request, project, "Nothing was kept: these are decided already, or doubted in two ways each.")
    return _on(request, project, f"Kept: {kept} given labels.")


@require_POST
@signed_in
def undo(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Take the person's last step back, and show its issue again."""
    project = access.project_for_owner(request.user, slug)
    try:
        back = reviewing.undo(project, request.user)
    except RefusedError as refused:
        if request.htmx:
            return _page(request, project, chosen=None, note=refused.message)
        raise
    taken_back = "Taken back." if len(back) == 1 else f"Taken back: {len(back)} decisions."
    return _on(request, project, taken_back, chosen=back[0].pk)


def _decide(request: PersonRequest, issue: LabelIssue) -> str:
    match request.POST.get("decision"):
        case "confirm":
            return f"Kept: {reviewing.confirm(issue, reviewer=request.user).says}."
        case "correct":
            return f"Corrected to: {reviewing.correct(issue, reviewer=request.user).says}."
        case "out_of_scope":
            return f"Set to: {reviewing.choose(issue, label=None, reviewer=request.user).says}."
        case "unclear":
            reviewing.call_unclear(issue, reviewer=request.user)
            return "Noted: the guideline is unclear here. The label stays."
    form = ChoiceForm(issue.project, request.POST)
    if not form.is_valid():
        raise InvalidInputError("Keep the label, correct it, or choose another of the project's labels.")
    label = form.cleaned_data["choice"]
    return f"Set to: {reviewing.choose(issue, label=label, reviewer=request.user).says}."


def _following(listed: list[LabelIssue], issue: LabelIssue) -> int | None:
    """The issue after this one in the list, so that deciding moves on instead of jumping back."""
    ids = [found.pk for found in listed]
    place = ids.index(issue.pk) + 1 if issue.pk in ids else 0
    return ids[place] if place < len(ids) else None


def _on(request: PersonRequest, project: Project, note: str, *, chosen: int | None = None) -> HttpResponseBase:
    """What comes after a decision; without scripts by way of a redirect, so that a reload sends nothing twice."""
    enqueue.round_if_due(project)
    if request.htmx:
        return _page(request, project, chosen=chosen, note=note)
    messages.success(request, note)
    return redirect("issues", project.slug)


def _page(request: PersonRequest, project: Project, *, chosen: int | None, note: str = "") -> HttpResponse:
    found = doubts.open_issues(project)
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
        "made_since": doubts.made_since(issue) if issue else [],
        "beside": doubts.beside(issue) if issue else None,
        "outcome": doubts.outcome(project),
        "twice": doubts.twice(project),
        "worth": doubts.worth(project),
        "previous": listed[place - 1] if place > 0 else None,
        "next": listed[place + 1] if place + 1 < len(listed) else None,
        "note": note,
    }
    return render(request, "issues/_issue.html" if request.htmx else "issues/page.html", context)
