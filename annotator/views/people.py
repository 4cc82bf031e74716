"""What is known of one person's answers: for the owner, and for oneself."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotator import access
from annotator import people as figures
from annotator.views.requests import PersonRequest, signed_in


@never_cache
@require_GET
@signed_in
def person(request: PersonRequest, slug: str, person_id: int) -> HttpResponseBase:
    project, found = access.person_in_project(request.user, slug, person_id)
    context = {
        "project": project,
        "person": found,
        "is_own": found.pk == request.user.pk,
        "is_owner": access.is_owner(request.user, project),
        "told": figures.person(project, found),
    }
    return render(request, "people/person.html", context)
