"""The Celery app: where messages go. Imported by the web to send and by the worker to receive; loads no task."""

from pathlib import Path
from typing import Any

from celery import Celery
from django.conf import settings


def _transport_options() -> dict[str, Any]:
    """The filesystem broker keeps its messages under WINNOW_HOME; both ends use the same folder."""
    if not settings.BROKER_URL.startswith("filesystem://"):
        return {
            "global_keyprefix": settings.BROKER_PREFIX,
            "socket_timeout": 15,
            "socket_connect_timeout": 5,
            "visibility_timeout": 3600,
        }
    folder = Path(settings.HOME) / "broker"
    for name in ("messages", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.2,
    }


def _address() -> str:
    """The broker's address; the filesystem's gets a host, which kombu would else complain about."""
    return "filesystem://localhost//" if settings.BROKER_URL == "filesystem://" else settings.BROKER_URL


app = Celery("winnow", broker=_address())
app.conf.update(
    broker_transport_options=_transport_options(),
    broker_connection_retry_on_startup=True,
    task_default_queue="io",
    task_ignore_result=True,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_schedule={
        "sweep": {"task": "annotator.sweep", "schedule": 15.0, "options": {"queue": "io", "expires": 30}},
    },
)
