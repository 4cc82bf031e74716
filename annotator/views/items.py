"""The table of items, one item with its history, and its image."""

from pathlib import PurePath
from urllib.parse import urlencode

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotator import access, browsing, enqueue, labeling
from annotator.errors import InvalidInputError, NotFoundError
from annotator.forms import ChoiceForm, ItemSearchForm
from annotator.views.requests import PersonRequest, signed_in

# nothing else is ever served from an upload, whatever its name or content claims
IMAGE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
}


@never_cache
@require_GET
@signed_in
def items(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    form = ItemSearchForm(project, browsing.people_who_answered(project), request.GET)
    page = browsing.search(project, form.cleaned_data) if form.is_valid() else browsing.Page([], None)
    wanted = {name: request.GET[name] for name in form.fields if request.GET.get(name) and name != "after"}
    following = urlencode({**wanted, "after": page.next_after}) if page.next_after else ""
    context = {"project": project, "form": form, "page": page, "following": following, "wanted": wanted}
    return render(request, "items/page.html", context, status=200 if form.is_valid() else 422)


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def item(request: PersonRequest, slug: str, item_id: int) -> HttpResponseBase:
    """What is known of the item, and a form to decide it."""
    project = access.project_for_owner(request.user, slug)
    found = access.item_for(request.user, slug, item_id)
    if request.method == "POST":
        form = ChoiceForm(project, request.POST)
        if not form.is_valid():
            raise InvalidInputError("Choose one of the project's labels, or out of scope.")
        decided = labeling.revise(found, **form.decision(), reviewer=request.user)
        enqueue.round_if_due(project)
        messages.success(request, f"Decided: {decided.says}. What was said before stays in the history.")
        return redirect("item", slug, item_id)
    context = {
        "project": project,
        "item": found,
        "history": browsing.history(found),
        "proposals": browsing.proposals(found),
        "labels": project.labels.all(),
    }
    return render(request, "items/item.html", context)


@require_GET
@signed_in
def image(request: PersonRequest, slug: str, item_id: int) -> HttpResponseBase:
    """The item's picture; what an item shows never changes, so the browser may keep it."""
    found = access.item_for(request.user, slug, item_id)
    kind = IMAGE_TYPES.get(PurePath(found.file).suffix.lower())
    if kind is None or not default_storage.exists(found.file):
        raise NotFoundError("There is no such picture.")
    answer = FileResponse(default_storage.open(found.file), content_type=kind)
    answer["Content-Disposition"] = "inline"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, max-age=31536000, immutable"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
