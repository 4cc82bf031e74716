"""Several processes at once, each a client of its own on the database of this test run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.db import connection

from annotator.models import Project
from tests import factories


def environment() -> dict[str, str]:
    """This process's environment, pointed at the test database."""
    found = {**os.environ, "WINNOW_SECRET_KEY": django_settings.SECRET_KEY}
    found["DJANGO_SETTINGS_MODULE"] = "annotator.settings"
    if connection.vendor == "postgresql":
        given = connection.settings_dict
        where = f"{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT'] or 5432}"
        found["WINNOW_DATABASE_URL"] = f"postgres://{where}/{given['NAME']}"
    return found


def at_once(script: str, project: Project, processes: int) -> list[str]:
    """Run the script for so many people; each says "ready", waits for a line, and tells its result in the last one."""
    clients = [_client(script, project, f"person-{number}") for number in range(processes)]
    for started in clients:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
    for started in clients:
        assert started.stdin is not None
        started.stdin.write("go\n")
        started.stdin.flush()
    told = [started.communicate(timeout=120)[0] for started in clients]
    assert [started.returncode for started in clients] == [0] * processes
    return told


def _client(script: str, project: Project, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", script, project.slug, factories.user(name).username]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment(), cwd=Path(__file__).parent.parent, **pipes)
