"""The project page."""

from django.contrib import messages
from django.http import HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import access, certifying, enqueue, managing, people, progress
from annotator.views.requests import PersonRequest, signed_in


@never_cache
@require_GET
@signed_in
def project(request: PersonRequest, slug: str) -> HttpResponseBase:
    """The owner's dashboard; for an annotator, what they gave and where to go on."""
    found = access.project_for(request.user, slug)
    if not access.is_owner(request.user, found):
        context = {
            "project": found,
            "bar": progress.bar(found),
            "own": people.own_figures(found, request.user),
            "to_confirm": certifying.waiting(found),
        }
        return render(request, "project/member.html", context)
    labels = progress.label_counts(found)
    context = {
        "project": found,
        "live": progress.live(found, all_rounds="all" in request.GET),
        "curve": progress.curve(found),
        "labels": labels,
        "most": max(row.count for row in labels),
        "people": people.person_counts(found),
        "outside": progress.prevalence(found),
    }
    return render(request, "project/page.html", context)


@never_cache
@require_GET
@signed_in
def live(request: PersonRequest, slug: str) -> HttpResponseBase:
    """The part of the page that moves; htmx asks for it again and again."""
    found = access.project_for_owner(request.user, slug)
    context = {"project": found, "live": progress.live(found, all_rounds="all" in request.GET)}
    return render(request, "project/_live.html", context)


@never_cache
@require_GET
@signed_in
def figures(request: PersonRequest, slug: str) -> HttpResponseBase:
    """What the plots are drawn from."""
    found = access.project_for_owner(request.user, slug)
    labels = [{"name": row.name, "count": row.count} for row in progress.label_counts(found)]
    return JsonResponse({"curve": progress.curve(found), "labels": labels})


@require_POST
@signed_in
def train(request: PersonRequest, slug: str) -> HttpResponseBase:
    found = access.project_for_owner(request.user, slug)
    started = enqueue.train_now(found)
    messages.success(request, f"Round {started.number} is queued.")
    return redirect("project", found.slug)


@require_POST
@signed_in
def move(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Pause, resume or archive."""
    found = access.project_for_owner(request.user, slug)
    managing.move(found, request.POST.get("action", ""))
    enqueue.round_if_due(found)
    messages.success(request, f"The project is {found.get_state_display().lower()} now.")
    return redirect("project", found.slug)
