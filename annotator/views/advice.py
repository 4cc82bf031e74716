"""Which strategy for my data: trials on the project's own labels."""

from django.http import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import access, advising, enqueue
from annotator.views.requests import PersonRequest, signed_in


@never_cache
@require_GET
@signed_in
def advice(request: PersonRequest, slug: str) -> HttpResponseBase:
    """The latest trial; htmx asks for its part again while it runs."""
    project = access.project_for_owner(request.user, slug)
    found = advising.latest(project)
    context = {
        "project": project,
        "trial": found,
        "labels": advising.labeled_count(project),
        "needed": advising.FEWEST_LABELS,
        "best": found.summary[0] if found and found.summary else None,
    }
    return render(request, "advice/_trial.html" if request.htmx else "advice/page.html", context)


@require_POST
@signed_in
def begin(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    enqueue.start_trial(project, request.user)
    return redirect("advice", slug)
