"""An answer whose session or form token ran out is kept, signed, in the page until its person is back."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from annotator import access, enqueue, labeling
from annotator.errors import InvalidInputError, NotYoursError
from annotator.forms import ANSWER_SALT, AnswerForm
from annotator.views.requests import PersonRequest, WebRequest, moved, signed_in

SALT = "annotator.kept-answer"
KEPT_FOR = timedelta(days=7)
FIELDS = ("label", "outcome", "lease", "seconds", "person")


@dataclass(frozen=True)
class Sent:
    """A kept answer that was recorded."""

    slug: str
    recorded: labeling.Recorded


def keep(request: WebRequest, slug: str, query_id: int) -> str:
    """The posted answer as a signed text."""
    fields = {name: request.POST[name] for name in FIELDS if name in request.POST}
    return signing.dumps({"slug": slug, "query": query_id, **fields}, salt=SALT, compress=True)


def address_of(kept: str) -> str:
    """The page that offers to send a kept answer."""
    return f"{reverse('kept-answer')}?{urlencode({'answer': kept})}"


def send(kept: str, user: User) -> Sent:
    """Record a kept answer, late if its lease was lost meanwhile; only for the person whom the form was made for."""
    fields = _opened(kept)
    if not made_for(fields.get("person", ""), user):
        raise NotYoursError(
            "The answer on that page was given under another account, so it was not recorded for yours."
        )
    query = access.query_for(user, fields["slug"], fields["query"])
    form = AnswerForm(list(query.project.labels.all()), fields)
    if not form.is_valid():
        raise InvalidInputError(f"The kept answer could not be recorded. {form.complaint()}")
    recorded = labeling.record(query, labeling.Answer(**form.answer()), annotator=user)
    enqueue.round_if_due(query.project)
    return Sent(fields["slug"], recorded)


def made_for(stamp: str, user: User) -> bool:
    try:
        return bool(signing.loads(stamp, salt=ANSWER_SALT) == user.pk)
    except signing.BadSignature:
        return False


def sent(request: PersonRequest, kept: str) -> HttpResponse:
    """Record a kept answer and go on labelling."""
    done = send(kept, request.user)
    messages.success(request, f"Your kept answer “{done.recorded.annotation.says}” is recorded.")
    return redirect("label", done.slug)


@require_http_methods(["GET", "POST"])
@signed_in
def kept_answer(request: PersonRequest) -> HttpResponseBase:
    """Offer to send an answer that could not be taken at first."""
    if request.method == "POST":
        return sent(request, request.POST.get("answer", ""))
    kept = request.GET.get("answer", "")
    _opened(kept)
    return render(request, "accounts/kept.html", {"kept": kept})


def csrf_failure(request: WebRequest, reason: str = "") -> HttpResponse:
    """The page was older than the session: say so, and lose no answer over it."""
    match = request.resolver_match
    if match is not None and match.url_name == "answer-submit":
        return moved(request, address_of(keep(request, **match.kwargs)))
    if kept := request.POST.get("answer", ""):
        return moved(request, address_of(kept))
    message = "This page was out of date, so nothing was changed. Go back, reload it and try again."
    return render(request, "refused/page.html", {"message": message, "status": 403}, status=403)


def _opened(kept: str) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = signing.loads(kept, salt=SALT, max_age=KEPT_FOR)
    except signing.BadSignature as error:
        raise InvalidInputError("This kept answer cannot be read any more.") from error
    return fields
