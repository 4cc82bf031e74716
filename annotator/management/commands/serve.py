"""`manage.py serve`: web and workers under supervision, until Ctrl-C."""

import http.client
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from annotator import demo, supervisor
from annotator.models import Worker


class Command(BaseCommand):
    help = "Starts web and workers, keeps them alive, and says when they answer. Ctrl-C stops everything."
    requires_system_checks = []  # the checks ask for what `prepare` makes; it runs first

    def handle(self, *args: Any, **options: Any) -> None:
        home, port = Path(settings.HOME), settings.PORT
        try:
            with supervisor.only_one(home), supervisor.listening(port):
                call_command("prepare", stdout=self.stdout)
                self.check(display_num_errors=False)
            connection.close()
            self.stdout.write("Starting …")
            self.stdout.flush()
            supervisor.run(home, port, ready=lambda pids: everything_answers(port, pids), announce=self.announce)
        except supervisor.CannotStartError as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:  # before the supervisor listened to it
            raise CommandError("Interrupted before anything was started.", returncode=130) from None

    def announce(self) -> None:
        lines = ["", f"Winnow is ready: http://127.0.0.1:{settings.PORT}/", ""]
        if known := demo.sign_ins(Path(settings.HOME)):
            lines += ["Sign in as (name, password; alice owns the demo project, bob and carol annotate):", known]
        else:
            lines += ["No account yet? In another terminal: .venv/bin/python manage.py createsuperuser", ""]
        self.stdout.write("\n".join([*lines, "Ctrl-C stops everything."]))
        self.stdout.flush()


def everything_answers(port: int, pids: supervisor.Pids) -> bool:
    """Whether the page answers, and the learner that runs now has said that it lives."""
    return web_answers(port) and learner_lives(pids.get("learner", 0))


def web_answers(port: int) -> bool:
    answer = http.client.HTTPConnection("127.0.0.1", port, timeout=1)  # the supervisor waits with us
    try:
        answer.request("GET", "/healthz")
        return answer.getresponse().status in (200, 301)  # 301: it insists on HTTPS
    except (OSError, http.client.HTTPException):
        return False
    finally:
        answer.close()


def learner_lives(pid: int) -> bool:
    try:
        return Worker.objects.filter(queue="learner", pid=pid).exists()
    except DatabaseError:
        return False
    finally:
        connection.close()  # the supervisor keeps no database open
