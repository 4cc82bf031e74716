"""`manage.py demo`: the demo project, made once, and then everything started."""

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from annotator import demo, enqueue, supervisor
from annotator.errors import RefusedError
from annotator.importing import Outcome

DONE = "demo.done"
TOTAL, SHOWN_EVERY = 1797, 200  # scans


class Command(BaseCommand):
    help = "Makes the demo project of handwritten digits if it is not there yet, then starts everything."
    requires_system_checks = []  # the checks ask for what `prepare` makes; it runs first

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-start", action="store_true", help="make the demo project and start nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        home = Path(settings.HOME)
        try:
            with supervisor.only_one(home), supervisor.listening(settings.PORT):
                call_command("prepare", stdout=self.stdout)
                self.make(home)
        except (supervisor.CannotStartError, RefusedError) as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted. The next `make demo` goes on from here.", returncode=130) from None
        self.stdout.flush()
        if not options["no_start"]:
            connection.close()
            # a fresh process: this one may have loaded scikit-learn
            os.execv(sys.executable, [sys.executable, sys.argv[0], "serve"])  # noqa: S606

    def make(self, home: Path) -> None:
        """The demo counts as made when all its items are in; until then every start completes it."""
        stamp = home / "run" / DONE
        if stamp.exists() and User.objects.exists():
            return
        demo.make_people(home)
        project = demo.make_project()
        self.stdout.write(f"Adding {TOTAL:,} handwritten digits …")
        self.shown = 0
        demo.add_scans(project, self.report)
        enqueue.round_if_due(project)
        stamp.touch()

    def report(self, outcome: Outcome) -> None:
        """A line for every 200 scans; the import reports far more often, and once at its end."""
        done = outcome.added + outcome.repeated
        if done - self.shown < SHOWN_EVERY and done < TOTAL:
            return
        self.shown = done
        self.stdout.write(f"  {done:5,} of {TOTAL:,}")
        self.stdout.flush()
