"""A real Celery worker: its own process, on the database and the broker of this test run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from annotator import scheduling
from annotator.models import Worker

PATIENCE = 150  # seconds, on a machine that has much else to do; a test that waits longer has failed
Start = Callable[[str], subprocess.Popen[bytes]]


def wait_until(true: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.1)


@pytest.fixture
def files_in_home(settings: Any, winnow_home: Path) -> None:
    """Worker and test read the same files."""
    settings.MEDIA_ROOT = winnow_home / "files"
    settings.ARTIFACTS_ROOT = winnow_home / "artifacts"


@pytest.fixture
def start_worker(transactional_db: None, files_in_home: None, winnow_home: Path) -> Iterator[Start]:
    """Starts `learner` or `io` workers and ends them with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(queue: str) -> subprocess.Popen[bytes]:
        log = (winnow_home / f"{queue}.log").open("ab")
        command = [sys.executable, "-m", "celery", "-A", "annotator.worker", "worker", "-Q", queue]
        command += ["-n", f"{queue}@test", "--pool", "solo", "--without-gossip", "--without-mingle", "-l", "INFO"]
        started.append(subprocess.Popen(command, env=worker_environment(), stdout=log, stderr=log))
        boots = set(Worker.objects.values_list("boot", flat=True))
        wait_until(lambda: set(Worker.objects.values_list("boot", flat=True)) - boots, f"the {queue} worker's start")
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def learner(start_worker: Start) -> subprocess.Popen[bytes]:
    found = start_worker("learner")
    assert scheduling.learner_is_alive()
    return found


def worker_environment() -> dict[str, str]:
    """This process's environment, pointed at the test database."""
    environment = {**os.environ, "WINNOW_SECRET_KEY": django_settings.SECRET_KEY, "OMP_NUM_THREADS": "1"}
    if connection.vendor == "postgresql":
        given = connection.settings_dict
        where = f"{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT'] or 5432}"
        environment["WINNOW_DATABASE_URL"] = f"postgres://{where}/{given['NAME']}"
    return environment
