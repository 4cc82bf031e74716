"""What an owner does before a benchmark can start: sign in, make a project from rows, invite people, make a token."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from pathlib import Path
from typing import Any

from benchmarks.person import Form, Page, Person

SIGN_IN = re.compile(r"^\s*(\w+)\s+(\S+)\s*$")


def sign_ins(home: Path) -> dict[str, str]:
    """Name -> password, as `make demo` printed and kept them."""
    text = (home / "demo_sign_in.txt").read_text()
    return {m[1]: m[2] for line in text.splitlines() if (m := SIGN_IN.match(line))}


def owner_at(address: str, home: Path) -> Person:
    person = Person(address)
    person.sign_in("alice", sign_ins(home)["alice"])
    return person


def csv_of(rows: list[tuple[str, str]]) -> bytes:
    """A CSV of ids and texts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "text"])
    writer.writerows(rows)
    return out.getvalue().encode()


def make_project(owner: Person, name: str, rows: list[tuple[str, str]], **fields: str) -> str:
    """A text project from a CSV through the page; returns its slug once all rows are in."""
    form = owner.get("/projects/new/").form("/projects/new/")
    given = {"name": name, "kind": "text", "label_names": "yes\nno", **fields}
    page = owner.upload(form, given, "file", ("rows.csv", csv_of(rows)))
    found = re.match(r"/projects/([\w-]+)/", page.path)
    if found is None or found[1] == "new":
        raise RuntimeError(f"the project was not made: {page.status} {page.text[:2000]}")
    return found[1]


def wait_for_items(owner: Person, slug: str, token: str, count: int, patience: float = 120) -> float:
    """Seconds until the API counts so many items."""
    start = time.perf_counter()
    while summary(owner, slug, token)["item_count"] < count:
        if time.perf_counter() - start > patience:
            raise TimeoutError(f"{slug} has not {count} items after {patience} s")
        time.sleep(0.25)
    return time.perf_counter() - start


def summary(person: Person, slug: str, token: str) -> dict[str, Any]:
    page = person.get(f"/api/v1/projects/{slug}", {"Authorization": f"Bearer {token}"})
    if page.status != 200:
        raise RuntimeError(f"{page.status}: {page.text[:300]}")
    found: dict[str, Any] = json.loads(page.body)
    return found


def export(person: Person, slug: str, token: str) -> list[dict[str, Any]]:
    page = person.get(f"/api/v1/projects/{slug}/labels", {"Authorization": f"Bearer {token}"})
    if page.status != 200:
        raise RuntimeError(f"{page.status}: {page.text[:300]}")
    return [json.loads(line) for line in page.text.splitlines() if line]


def invite(owner: Person, slug: str) -> str:
    """The path of a new invitation link."""
    settings = owner.get(f"/projects/{slug}/settings/")
    page = owner.submit(settings.form("/settings/invite/"))
    found = re.search(r"/join/[\w-]+/", page.text)
    if found is None:
        raise RuntimeError("the page shows no invitation link")
    return found[0]


def make_token(owner: Person, slug: str) -> str:
    settings = owner.get(f"/projects/{slug}/settings/")
    page = owner.submit(settings.form("/settings/tokens/"), {"name": "benchmark"})
    found = re.search(r'data-secret="([\w-]{40,})"|<code[^>]*>\s*([\w-]{40,})\s*</code>', page.text)
    if found is None:
        raise RuntimeError("the page shows no token")
    return found[1] or found[2]


def join(address: str, link: str, name: str, password: str) -> Person:
    """A new account through an invitation link."""
    person = Person(address)
    form = person.get(link).form("/join/")
    page = person.submit(form, {"username": name, "password1": password, "password2": password})
    if page.status != 200 or "/join/" in page.path:
        raise RuntimeError(f"{name} could not join: {page.status} {page.path}")
    return person


def question(page: Page) -> Form | None:
    """The form that asks for an answer; None on a page that says why there is none."""
    return next((form for form in page.forms if re.search(r"/label/\d+/$", form.action)), None)
