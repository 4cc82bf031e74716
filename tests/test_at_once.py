"""Several processes claim and answer at once, on the database of this test run; the rows are the judge."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from annotator.models import Budget, Project
from tests import factories

PROCESSES = 3
# one client: claims and answers until there is nothing more; writes down what it was acknowledged
CLIENT = """
import json, sys
import django
django.setup()
from django.contrib.auth.models import User
from annotator import labeling, serving
from annotator.models import Project
project, person = Project.objects.get(slug=sys.argv[1]), User.objects.get(username=sys.argv[2])
label, leases = project.labels.first(), []
print("ready", flush=True)
sys.stdin.readline()
while (query := serving.claim_next(project, person).query) is not None:
    labeling.record(query, labeling.Answer("label", label, query.lease), annotator=person)
    leases.append(str(query.lease))
print(json.dumps(leases), flush=True)
"""


def environment() -> dict[str, str]:
    """This process's environment, pointed at the test database."""
    found = {**os.environ, "WINNOW_SECRET_KEY": django_settings.SECRET_KEY}
    found["DJANGO_SETTINGS_MODULE"] = "annotator.settings"
    if connection.vendor == "postgresql":
        given = connection.settings_dict
        where = f"{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT'] or 5432}"
        found["WINNOW_DATABASE_URL"] = f"postgres://{where}/{given['NAME']}"
    return found


def client(project: Project, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CLIENT, project.slug, factories.user(name).username]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment(), cwd=Path(__file__).parent.parent, **pipes)


@pytest.mark.django_db(transaction=True)
def test_processes_at_once_lose_nothing_double_nothing_and_keep_the_limit() -> None:
    project = factories.project(items=90, limit=71)
    clients = [client(project, f"person-{number}") for number in range(PROCESSES)]
    for started in clients:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
    for started in clients:
        assert started.stdin is not None
        started.stdin.write("go\n")
        started.stdin.flush()
    told = [started.communicate(timeout=120)[0] for started in clients]
    assert [started.returncode for started in clients] == [0] * PROCESSES
    acknowledged = [lease for lines in told for lease in json.loads(lines)]
    assert len(acknowledged) == 71
    assert sorted(acknowledged) == sorted(str(lease) for lease in project.annotations.values_list("lease", flat=True))
    assert project.annotations.values("item").distinct().count() == 71
    assert list(project.annotations.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, 72))
    budget = Budget.objects.get(project=project)
    assert (budget.settled, budget.reserved) == (71, 0)
