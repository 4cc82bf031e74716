"""Every test runs in a home of its own: database file, broker, uploads and artifacts in a temporary folder."""

import os
from pathlib import Path
from typing import Any

# before any array library is loaded: threads of several test processes on the same cores only wait for each other
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from tests import factories


@pytest.fixture(scope="session")
def winnow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The WINNOW_HOME of this test process; a worker started with it shares its database and broker."""
    home = tmp_path_factory.mktemp("winnow")
    os.environ["WINNOW_HOME"] = str(home)
    return home


@pytest.fixture(scope="session")
def django_db_modify_db_settings(winnow_home: Path) -> None:
    """The test database is the file that a process with this WINNOW_HOME opens; on PostgreSQL Django names it."""
    database = connections["default"]
    if database.vendor == "sqlite":
        name = str(winnow_home / "winnow.sqlite3")
        database.settings_dict["NAME"] = name
        database.settings_dict["TEST"]["NAME"] = name
    elif worker := os.environ.get("PYTEST_XDIST_WORKER"):
        database.settings_dict["TEST"]["NAME"] = f"test_{database.settings_dict['NAME']}_{worker}"


@pytest.fixture(scope="session", autouse=True)
def _broker_in_home(winnow_home: Path) -> None:
    """No test's message ever reaches the worker of a demo that runs beside it, or of another test process."""
    from django.conf import settings

    settings.HOME = winnow_home
    settings.BROKER_PREFIX += os.environ.get("PYTEST_XDIST_WORKER", "")
    os.environ["WINNOW_BROKER_PREFIX"] = settings.BROKER_PREFIX  # for the workers that the tests start
    from annotator import broker

    broker.app.conf.update(broker_transport_options=broker._transport_options())


@pytest.fixture(scope="session", autouse=True)
def _plain_static_files() -> None:
    """No collectstatic before a test. Set once: put back between two tests, a late request of a browser's page would
    catch the moment, and leave the next test with a manifest that nobody has made.
    """
    from django.conf import settings

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def _home(settings: Any, winnow_home: Path, tmp_path: Path) -> None:
    settings.HOME = winnow_home
    settings.STATIC_ROOT = winnow_home
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.ARTIFACTS_ROOT = tmp_path / "artifacts"
    settings.SECRET_KEY = "a key for tests only, long enough to pass the system check"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> User:
    """The owner."""
    return factories.user("alice")


@pytest.fixture
def bob(db: None) -> User:
    """The member."""
    return factories.user("bob")


@pytest.fixture
def charlie(db: None) -> User:
    """The outsider."""
    return factories.user("charlie")


@pytest.fixture
def as_alice(alice: User) -> Client:
    return factories.client_of(alice)


@pytest.fixture
def as_bob(bob: User) -> Client:
    return factories.client_of(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Client:
    return factories.client_of(charlie)
