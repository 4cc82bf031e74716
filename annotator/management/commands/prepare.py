"""`manage.py prepare`: everything a fresh installation needs before it can start. Quick when nothing is left to do."""

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

FOLDERS = ("run", "log")


class Command(BaseCommand):
    help = "Makes WINNOW_HOME, its secret key, the database's tables and the static files. Safe to repeat."
    requires_system_checks = []  # the checks ask for what this command makes

    def handle(self, *args: Any, **options: Any) -> None:
        home = Path(settings.HOME)
        make_folders(home)
        if make_secret_key(home / "secret_key"):
            self.stdout.write("Made a secret key.")
        settings.SECRET_KEY = os.environ.get("WINNOW_SECRET_KEY") or (home / "secret_key").read_text().strip()
        if left := migrations_left():
            self.stdout.write(f"Preparing the database: {left} migrations …")
            call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        if static_files_changed(home):
            self.stdout.write("Collecting static files …")
            call_command("collectstatic", interactive=False, verbosity=0, skip_checks=True)
            (home / "run" / "static.stamp").write_text(static_state())


def make_folders(home: Path) -> None:
    try:
        for name in FOLDERS:
            (home / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{home} cannot be written ({error.strerror}); set WINNOW_HOME to a folder of yours."
        raise CommandError(why) from None


def make_secret_key(path: Path) -> bool:
    """A random key that only this user may read; False if there is one already."""
    if path.exists() and path.stat().st_size > 0:
        return False
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(64))
    aside.replace(path)
    return True


def migrations_left() -> int:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def static_files_changed(home: Path) -> bool:
    stamp = home / "run" / "static.stamp"
    return not (Path(settings.STATIC_ROOT).is_dir() and stamp.exists() and stamp.read_text() == static_state())


def static_state() -> str:
    """What tells one state of the static files from another: names, sizes and times."""
    from django.contrib.staticfiles.finders import get_finders

    files = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            files.append(f"{name} {found.st_size} {found.st_mtime_ns}")
    return "\n".join(sorted(files))
