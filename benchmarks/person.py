"""A person at Winnow's pages without a browser: signs in, reads forms, presses buttons. Standard library only.

The benchmarks use it to judge a running Winnow from outside, knowing nothing but its address and a sign-in.
"""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit
from uuid import uuid4

REDIRECTS = (301, 302, 303, 307)


@dataclass
class Form:
    """A form as a page shows it: where it goes, its fields, and its buttons as (name, value, text)."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """An answer of the server."""

    status: int
    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def forms(self) -> list[Form]:
        reader = _FormReader()
        reader.feed(self.text)
        for form in reader.forms:
            form.action = form.action or self.path  # a form without an address goes to its own page
        return reader.forms

    def form(self, part: str) -> Form:
        """The form with the shortest address that holds the part; raises LookupError with what there is."""
        for found in sorted(self.forms, key=lambda form: len(form.action)):
            if part in found.action:
                return found
        raise LookupError(f"{self.path} ({self.status}) has no form to {part}: {[f.action for f in self.forms]}")


class Person:
    """One visitor with cookies and one kept-open connection."""

    def __init__(self, address: str, timeout: float = 30) -> None:
        parts = urlsplit(address)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.cookies: dict[str, str] = {}
        self.timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str, headers: dict[str, str] | None = None) -> Page:
        return self._follow("GET", path, None, headers or {})

    def submit(self, form: Form, changes: dict[str, str] | None = None, htmx: bool = False) -> Page:
        """Send a form with changed fields, url-encoded, following redirects like a browser."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if htmx:
            headers["HX-Request"] = "true"
        body = urlencode({**form.fields, **(changes or {})}).encode()
        return self._follow(form.method, form.action, body, headers)

    def upload(self, form: Form, changes: dict[str, str], name: str, file: tuple[str, bytes]) -> Page:
        """Send a form with a file in it."""
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in {**form.fields, **changes}.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file[0]}"\r\n'
        parts += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", file[1], b"\r\n"]
        body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        return self._follow("POST", form.action, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def sign_in(self, username: str, password: str) -> None:
        page = self.get("/sign-in/")
        after = self.submit(page.form("/sign-in/"), {"username": username, "password": password})
        if after.path.startswith("/sign-in/"):
            raise PermissionError(f"{username} could not sign in")

    def _follow(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
        for _ in range(6):
            page = self._send(method, path, body, headers)
            if page.status not in REDIRECTS:
                return page
            path = urlsplit(urljoin(path, page.headers["location"]))._replace(scheme="", netloc="").geturl()
            method, body, headers = "GET", None, {}
        raise RuntimeError(f"too many redirects at {path}")

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
        headers = {**headers, "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        headers.setdefault("Referer", f"http://{self.host}:{self.port}/")
        for attempt in (1, 2):
            fresh = self._connection is None
            try:
                return self._once(method, path, body, headers)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()  # a kept-open connection that the server has closed meanwhile: try once on a fresh one
                if fresh or attempt == 2 or method != "GET":
                    raise
        raise AssertionError

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Page:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._connection.request(method, path or "/", body, headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except BaseException:
            self.close()
            raise
        for value in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(value).items():
                self.cookies[name] = morsel.value
        return Page(answer.status, path, content, {k.lower(): v for k, v in answer.headers.items()})

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _FormReader(HTMLParser):
    """Reads the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._area: str | None = None
        self._in_form = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").upper()))
            self._in_form = True
        elif self._in_form and tag in ("input", "button", "select", "option", "textarea"):
            getattr(self, f"_{tag}")(given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1].fields[self._area] += data

    def _input(self, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in ("file", "submit", "image") or not given.get("name"):
            return
        if kind in ("checkbox", "radio") and "checked" not in given:
            return
        self.forms[-1].fields[given["name"]] = given.get("value", "on" if kind == "checkbox" else "")

    def _button(self, given: dict[str, str]) -> None:
        if given.get("type", "submit") == "submit":
            self.forms[-1].buttons.append((given.get("name", ""), given.get("value", ""), given.get("title", "")))

    def _select(self, given: dict[str, str]) -> None:
        self._choice = given.get("name", "")

    def _option(self, given: dict[str, str]) -> None:
        choice = getattr(self, "_choice", "")
        if choice and ("selected" in given or choice not in self.forms[-1].fields):
            self.forms[-1].fields[choice] = given.get("value", "")

    def _textarea(self, given: dict[str, str]) -> None:
        self._area = given.get("name", "")
        self.forms[-1].fields[self._area] = ""
