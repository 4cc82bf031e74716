"""Signing in and out."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from annotator.views import kept
from annotator.views.requests import WebRequest


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: WebRequest) -> HttpResponse:
    """Sign in, record the answer that was kept over it, and go on to where one wanted to be."""
    answer = request.POST.get("answer") or request.GET.get("answer", "")
    form = AuthenticationForm(request, request.POST or None)
    if request.user.is_authenticated and request.method == "GET":
        return redirect(kept.address_of(answer) if answer else _wanted(request))
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        return kept.sent(request, answer) if answer else redirect(_wanted(request))  # type: ignore[arg-type]
    context = {"form": form, "answer": answer, "next": request.POST.get("next") or request.GET.get("next", "")}
    return render(request, "accounts/sign_in.html", context, status=422 if form.is_bound else 200)


@require_POST
def sign_out(request: WebRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


def _wanted(request: WebRequest) -> str:
    """Where the person was going; only within this site."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    hosts = {request.get_host()}
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts, require_https=request.is_secure()):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL)
