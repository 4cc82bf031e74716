"""Requests as the views know them, and who may make them."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

P = ParamSpec("P")


class WebRequest(HttpRequest):
    """Any request; `htmx` is true where htmx made it."""

    htmx: HtmxDetails


class PersonRequest(WebRequest):
    """A request of somebody who is signed in."""

    user: User


def signed_in(
    view: Callable[Concatenate[PersonRequest, P], HttpResponseBase],
) -> Callable[Concatenate[Any, P], HttpResponseBase]:
    """Only for people who are signed in; others go to the sign-in page and come back."""

    @wraps(view)
    def guarded(request: Any, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return to_sign_in(request)

    return guarded


def to_sign_in(request: WebRequest, **carried: str) -> HttpResponse:
    """The sign-in page; htmx moves the whole page there instead of swapping a sign-in form into it."""
    here = request.get_full_path() if request.method == "GET" else ""
    if request.htmx:
        here = request.htmx.current_url_abs_path or ""
    wanted = {"next": here, **carried}
    query = urlencode({name: value for name, value in wanted.items() if value})
    return moved(request, f"{reverse('sign-in')}?{query}")


def moved(request: WebRequest, address: str) -> HttpResponse:
    """A redirect of the whole page, whoever asked."""
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
