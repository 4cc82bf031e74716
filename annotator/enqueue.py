"""Wake the workers: Celery tasks sent by name. The database is the truth; a lost message costs time, not work."""

import logging

from django.contrib.auth.models import User
from kombu.exceptions import OperationalError

from annotator import advising, scheduling
from annotator.broker import app
from annotator.models import Project, Round, Trial

WAKE_UP_LASTS = 120  # seconds; the sweeper sends again, so old wake-ups need not pile up
logger = logging.getLogger(__name__)


def round_if_due(project: Project) -> Round | None:
    """Queue and wake a round if one is due."""
    found = scheduling.open_round_if_due(project)
    if found is not None:
        run_round(found.pk)
    return found


def train_now(project: Project) -> Round:
    found = scheduling.train_now(project)
    run_round(found.pk)
    return found


def run_round(round_id: int) -> None:
    _send("annotator.run_round", round_id, queue="learner")


def run_import(import_id: int) -> None:
    _send("annotator.run_import", import_id, queue="io")


def start_trial(project: Project, user: User) -> Trial:
    found = advising.start(project, user)
    play_trial(found.pk)
    return found


def play_trial(trial_id: int) -> None:
    _send("annotator.play_trial", trial_id, queue="learner")


def delete_project(project_id: int) -> None:
    _send("annotator.delete_project", project_id, queue="io")


def _send(name: str, row_id: int, *, queue: str) -> None:
    """A wake-up that cannot be sent is made up for by the sweeper, so nobody's request fails over it."""
    try:
        app.send_task(name, args=[row_id], queue=queue, ignore_result=True, expires=WAKE_UP_LASTS)
    except (OperationalError, OSError):
        logger.exception("The broker could not be reached; the sweeper will send %s(%s) again", name, row_id)
