"""The worker processes: each registers its boot under a fixed name and keeps saying that it is alive."""

import logging
import os
import threading
from uuid import uuid4

from django.db import DatabaseError, connection
from django.utils import timezone

from annotator.models import Worker

BOOT = str(uuid4())  # of this process; a worker that starts again under the same name has another
HEARTBEAT_SECONDS = 5
logger = logging.getLogger(__name__)


def register(name: str) -> None:
    """Take over the name `queue@host`; rounds of its earlier boot are now known to be dead."""
    now = timezone.now()
    Worker.objects.update_or_create(
        name=name,
        defaults={
            "queue": name.partition("@")[0],
            "boot": BOOT,
            "pid": os.getpid(),
            "started_at": now,
            "seen_at": now,
        },
    )


def keep_alive() -> threading.Event:
    """Say every few seconds, from a thread of its own, that this worker lives; set the event to stop it."""
    stop = threading.Event()
    threading.Thread(target=_beat, args=(stop,), name="worker-heartbeat", daemon=True).start()
    return stop


def unregister() -> None:
    Worker.objects.filter(boot=BOOT).delete()


def _beat(stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        try:
            Worker.objects.filter(boot=BOOT).update(seen_at=timezone.now())
        except DatabaseError:
            logger.exception("The worker could not say that it lives")
            connection.close()
    connection.close()
