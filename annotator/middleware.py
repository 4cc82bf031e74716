"""Answers to refusals, and the security headers of every response."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render

from annotator.errors import RefusedError

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
Answer = Callable[[HttpRequest], HttpResponse]


class PageGZipMiddleware(GZipMiddleware):
    """Compresses pages and exports; pictures are compressed already."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.headers.get("Content-Type", "").startswith("image/"):
            return response
        return super().process_response(request, response)


class SecurityHeadersMiddleware:
    """A strict content security policy: no inline script or style, nothing from elsewhere."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response


class RefusalMiddleware:
    """Turns a RefusedError into what the asker can read: a fragment, a page or JSON."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, RefusedError):
            return None
        if request.path.startswith("/api/"):
            return JsonResponse({"detail": error.message}, status=error.status)
        template = "refused/_fragment.html" if getattr(request, "htmx", False) else "refused/page.html"
        return render(request, template, {"message": error.message, "status": error.status}, status=error.status)
