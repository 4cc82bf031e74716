"""Following an invitation."""

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from annotator import access, managing
from annotator.forms import AccountForm
from annotator.views.requests import WebRequest


@never_cache
@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "POST"])
def join(request: WebRequest, token: str) -> HttpResponse:
    """Join as who one is; a stranger makes an account first, or signs in."""
    invitation = access.invitation_for(token)
    user = request.user if isinstance(request.user, User) else None
    form = AccountForm(request.POST or None)
    if request.method == "POST" and user is None and form.is_valid():
        user = form.save()
        login(request, user)
    if request.method == "POST" and user is not None:
        managing.join(invitation, user)
        return redirect("label", invitation.project.slug)
    context = {"project": invitation.project, "form": form}
    return render(request, "accounts/join.html", context, status=422 if form.is_bound and user is None else 200)
