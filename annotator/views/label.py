"""The label page: one item after the other."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import access, certifying, enqueue, labeling, progress, serving
from annotator.errors import NotYoursError, RefusedError
from annotator.forms import AnswerForm, stamp
from annotator.models import Label, Project
from annotator.views import kept
from annotator.views.requests import PersonRequest, signed_in, to_sign_in

MOST_KEYS = 10  # labels that have a key of their own; beyond, one types to filter
SHORT_NAME = 4  # letters; with names no longer, five buttons stand in a row on a phone


@never_cache
@require_GET
@signed_in
def label(request: PersonRequest, slug: str) -> HttpResponseBase:
    """The item that the person holds, or the next one."""
    project = access.project_for(request.user, slug)
    return _turn(request, project, list(project.labels.all()))


@never_cache
@require_GET
@signed_in
def status(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Whether a round is under way; asked for only while one is."""
    project = access.project_for(request.user, slug)
    return render(request, "label/_learning.html", {"project": project, "bar": progress.bar(project)})


@require_POST
def submit(request: PersonRequest, slug: str, query_id: int) -> HttpResponseBase:
    """Record the answer and show the next item, in one round trip."""
    if not request.user.is_authenticated:
        return to_sign_in(request, answer=kept.keep(request, slug, query_id))
    query = access.query_for(request.user, slug, query_id)
    _check_person(request)
    labels = list(query.project.labels.all())
    form = AnswerForm(labels, request.POST)
    if not form.is_valid():
        return _turn(request, query.project, labels, problem=form.complaint(), status=422)
    recorded = labeling.record(query, labeling.Answer(**form.answer()), annotator=request.user)
    enqueue.round_if_due(query.project)
    return _on(request, query.project, labels, note=_note(recorded))


@require_POST
@signed_in
def undo(request: PersonRequest, slug: str) -> HttpResponseBase:
    """Take the last answer back and show its item again."""
    project = access.project_for(request.user, slug)
    labels = list(project.labels.all())
    try:
        query = labeling.undo(project, request.user)
    except RefusedError as refused:
        return _turn(request, project, labels, problem=refused.message, status=refused.status)
    enqueue.round_if_due(project)
    taken_back = "Taken back. Here it is again." if query else "Taken back. Someone else answers that item."
    return _on(request, project, labels, note=taken_back)


def _on(request: PersonRequest, project: Project, labels: list[Label], *, note: str) -> HttpResponse:
    """What comes after an answer; without scripts by way of a redirect, so that a reload sends nothing twice."""
    if request.htmx:
        return _turn(request, project, labels, note=note)
    messages.success(request, note)
    return redirect("label", project.slug)


def _turn(
    request: PersonRequest, project: Project, labels: list[Label], *, status: int = 200, **said: str
) -> HttpResponse:
    """The next item with its form, or why there is none; `said` is a note or a problem."""
    served = serving.claim_next(project, request.user)
    context = {
        "project": project,
        "labels": labels,
        "filtered": len(labels) > MOST_KEYS,
        "short": all(len(label.name) <= SHORT_NAME for label in labels),
        "query": served.query,
        "nothing": served.nothing,
        "stamp": stamp(request.user),
        "bar": progress.bar(project),
        "to_confirm": 0 if request.htmx else certifying.waiting(project),
        **said,
    }
    template = "label/_item.html" if request.htmx else "label/page.html"
    return render(request, template, context, status=status)


def _note(recorded: labeling.Recorded) -> str:
    said = f"Saved: {recorded.annotation.says}."
    if recorded.late and recorded.annotation.paid:
        return f"{said} It came late, and still counts."
    if recorded.late:
        return f"{said} It came late, so it is kept as an extra opinion."
    return said


def _check_person(request: PersonRequest) -> None:
    """A form made for one account is not sent in under another."""
    if "person" in request.POST and not kept.made_for(request.POST["person"], request.user):
        raise NotYoursError("This page was opened under another account. Reload it before you answer.")
