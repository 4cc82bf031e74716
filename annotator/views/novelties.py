"""Out-of-scope answers that look alike: the owner names them as a class, or says that they are none."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotator import access, enqueue, promoting
from annotator.errors import InvalidInputError
from annotator.forms import NewLabelForm
from annotator.models import Novelty
from annotator.views.requests import PersonRequest, signed_in


@never_cache
@require_GET
@signed_in
def novelties(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    return render(request, "novelties/list.html", {"project": project, "found": promoting.listed(project)})


@never_cache
@require_GET
@signed_in
def novelty(request: PersonRequest, slug: str, novelty_id: int) -> HttpResponseBase:
    """What looks alike; once it is a label, what waits to be confirmed as that."""
    return _page(request, access.novelty_for_owner(request.user, slug, novelty_id))


@require_POST
@signed_in
def promote(request: PersonRequest, slug: str, novelty_id: int) -> HttpResponseBase:
    """Make it a label; its answers wait on the same page to be confirmed."""
    found = access.novelty_for_owner(request.user, slug, novelty_id)
    form = NewLabelForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form=form)
    try:
        label = promoting.promote(found, form.cleaned_data["name"], by=request.user)
    except InvalidInputError as error:
        form.add_error("name", error.message)
        return _page(request, found, form=form)
    enqueue.round_if_due(found.project)
    messages.success(request, f"“{label.name}” is a label now. Its items wait for you below; none is changed yet.")
    return redirect("novelty", slug, novelty_id)


@require_POST
@signed_in
def dismiss(request: PersonRequest, slug: str, novelty_id: int) -> HttpResponseBase:
    found = access.novelty_for_owner(request.user, slug, novelty_id)
    promoting.dismiss(found, by=request.user)
    messages.success(request, "Not a class. These are not offered again until half as many more look like them.")
    return redirect("novelty", slug, novelty_id)


@require_POST
@signed_in
def offer_again(request: PersonRequest, slug: str, novelty_id: int) -> HttpResponseBase:
    found = access.novelty_for_owner(request.user, slug, novelty_id)
    promoting.offer_again(found)
    messages.success(request, "Here they are again.")
    return redirect("novelty", slug, novelty_id)


@require_POST
@signed_in
def confirm(request: PersonRequest, slug: str, novelty_id: int) -> HttpResponseBase:
    """Decide the items that were shown: the new label, or out of scope where they are marked."""
    found = access.novelty_for_owner(request.user, slug, novelty_id)
    shown = _numbers(request.POST, "shown")
    if not shown:
        raise InvalidInputError("The form came without its items; reload the page.")
    decided = promoting.confirm(found, shown, set(_numbers(request.POST, "not")), reviewer=request.user)
    enqueue.round_if_due(found.project)
    note = _note(decided)
    if request.htmx:
        return _page(request, found, note=note)
    messages.success(request, note)
    return redirect("novelty", slug, novelty_id)


def _page(request: PersonRequest, found: Novelty, *, form: NewLabelForm | None = None, note: str = "") -> HttpResponse:
    waiting = promoting.to_confirm(found)
    context = {
        "project": found.project,
        "novelty": found,
        "items": promoting.shown(found),
        "waiting": waiting[: promoting.SHOWN],
        "left": max(0, len(waiting) - promoting.SHOWN),
        "form": form or NewLabelForm(),
        "note": note,
    }
    template = "novelties/_confirm.html" if request.htmx else "novelties/page.html"
    return render(request, template, context, status=422 if form else 200)


def _numbers(data: QueryDict, name: str) -> list[int]:
    """The ids of a form's field, once each."""
    given = (int(pk) for pk in data.getlist(name) if pk.isdecimal() and len(pk) < 19)
    return list(dict.fromkeys(given))[: promoting.SHOWN]


def _note(decided: promoting.Confirmed) -> str:
    said = f"{decided.corrected} confirmed as {decided.label.name}."
    if decided.kept:
        said += f" {decided.kept} kept out of scope."
    if decided.gone:
        said += f" {decided.gone} had been decided meanwhile, and stay so."
    return said
