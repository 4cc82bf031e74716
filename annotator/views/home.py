"""The first page, the strategies' page, and the page for machines that ask whether Winnow answers."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from alcore import catalog
from annotator import access, progress
from annotator.models import Project
from annotator.views.requests import PersonRequest, WebRequest, signed_in

KINDS = (
    ("plan", "Plans", "They choose another strategy by how far the project is."),
    ("score", "By score", "Each item by itself; the batch is then spread over what scores high."),
    ("batch", "As a batch", "What is worth asking together, out of a shortlist of fifty for each place of the batch."),
)


@require_GET
@signed_in
def home(request: PersonRequest) -> HttpResponseBase:
    """One's projects and one's own recent answers."""
    context = {"cards": progress.cards(request.user), "answers": access.recent_answers(request.user, limit=12)}
    return render(request, "home/page.html", context)


@require_GET
@signed_in
def strategies(request: PersonRequest) -> HttpResponseBase:
    return render(
        request, "strategies/page.html", {"groups": _groups(), "guards": catalog.GUARDS, "default": catalog.DEFAULT}
    )


def _groups() -> list[dict[str, object]]:
    return [
        {"title": title, "meaning": meaning, "strategies": [s for s in catalog.STRATEGIES if s.kind == kind]}
        for kind, title, meaning in KINDS
    ]


@never_cache
@require_GET
def healthz(request: WebRequest) -> HttpResponse:
    """Answers when the web process and its database do."""
    Project.objects.exists()
    return HttpResponse("ok", content_type="text/plain")
