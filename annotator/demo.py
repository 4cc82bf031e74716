"""The demo project: scikit-learn's handwritten digits, an owner and two annotators. Made once, kept ever after."""

import io
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from PIL import Image

from annotator import importing, managing
from annotator.errors import RefusedError
from annotator.models import Membership, Project
from annotator.reading import Record

NAME, SLUG = "Handwritten digits", "digits"
LABELS = [*"123456789", "0"]  # in the order of the keys: key 7 gives label 7, key 0 gives label 0
LIMIT = 1000
SIDE = 160  # pixels; the scans have 8 x 8, each of 17 shades
OWNER, ANNOTATORS = "alice", ("bob", "carol")
GUIDELINES = (
    "Which digit was written? These are real handwritten digits, scanned at 8 by 8 pixels.\n"
    "Go by what you see at first sight. Press o (out of scope) if it is no digit at all, "
    "and s (skip) if you cannot tell which one it is."
)
SIGN_IN_FILE = "demo_sign_in.txt"
LEGIBLE = "abcdefghjkmnpqrstuvwxyz23456789"  # no two that look alike


def sign_ins(home: Path) -> str:
    """The lines `name  password` of the demo's people; empty if there is no demo here."""
    path = home / SIGN_IN_FILE
    return path.read_text() if path.exists() else ""


def make_people(home: Path) -> None:
    """The accounts, with random passwords that are kept in a file which only this user may read."""
    names = (OWNER, *ANNOTATORS)
    known = set(User.objects.filter(username__in=names).values_list("username", flat=True))
    kept = sign_ins(home)
    if known and not kept:
        raise RefusedError(
            f"There is an account named {min(known)} already, and it is not the demo's. "
            "Give the demo a folder of its own: WINNOW_HOME=demo make demo"
        )
    if known == set(names):
        return
    passwords = {name: _password() for name in names}
    _write_private(home / SIGN_IN_FILE, "".join(f"  {name:6} {word}\n" for name, word in passwords.items()))
    for name, word in passwords.items():
        person, _ = User.objects.get_or_create(username=name)
        person.set_password(word)
        person.save(update_fields=["password"])


def make_project() -> Project:
    """The project with its people; the one that is there already, if it is."""
    found = Project.objects.filter(name=NAME, memberships__user__username=OWNER).first()
    if found is not None:
        return found
    people = {person.username: person for person in User.objects.filter(username__in=(OWNER, *ANNOTATORS))}
    settings = managing.Settings(name=NAME, guidelines=GUIDELINES, limit=LIMIT)
    with transaction.atomic():
        project = managing.create_project(people[OWNER], settings, kind=Project.Kind.IMAGE, label_names=LABELS)
        project.slug = Project.free_slug(SLUG)
        project.save(update_fields=["slug"])
        for name in ANNOTATORS:
            Membership.objects.create(project=project, user=people[name], role=Membership.Role.ANNOTATOR)
    return project


def add_scans(project: Project, report: importing.Report) -> None:
    """All scans as items. Who was interrupted goes on where they were: what is there already is not added again."""
    importing.add_items(project, _records(), importer=User.objects.get(username=OWNER), report=report)


def _records() -> Iterator[Record]:
    from sklearn.datasets import load_digits  # needed once in the life of a demo

    for number, scan in enumerate(load_digits().images, start=1):
        yield Record(line=number, key=f"digit-{number:04}", image=_picture(scan.tolist()))


def _picture(scan: list[list[float]]) -> bytes:
    """A PNG of a readable size, dark on light; the scan's shades run from 0 (paper) to 16 (ink)."""
    small = Image.new("L", (len(scan[0]), len(scan)))
    small.putdata([255 - round(shade * 255 / 16) for row in scan for shade in row])
    out = io.BytesIO()
    small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def _password() -> str:
    return "".join(secrets.choice(LEGIBLE) for _ in range(12))


def _write_private(path: Path, text: str) -> None:
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    aside.replace(path)
