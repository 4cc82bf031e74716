"""The Celery worker's entry point: `celery -A annotator.worker worker -Q learner -n learner@%h --pool solo`."""

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotator.settings")
django.setup()

from celery.signals import worker_ready, worker_shutdown  # noqa: E402

from annotator import tasks, workers  # noqa: E402
from annotator.broker import app  # noqa: E402

__all__ = ["app"]


@worker_ready.connect
def start(sender: Any, **kwargs: Any) -> None:
    """Register the boot, then wake at once whatever an earlier boot left behind."""
    workers.register(sender.hostname)
    workers.keep_alive()
    tasks.sweep()


@worker_shutdown.connect
def stop(**kwargs: Any) -> None:
    workers.unregister()
