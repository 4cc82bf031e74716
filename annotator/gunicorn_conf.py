"""How gunicorn serves the web: `gunicorn -c python:annotator.gunicorn_conf annotator.wsgi:application`."""

import os
import tempfile
from pathlib import Path

_run = Path(os.environ.get("WINNOW_HOME", "var")).resolve() / "run"

bind = f"127.0.0.1:{os.environ.get('WINNOW_PORT', '8000')}"
worker_class = "gthread"
workers = 1  # threads share one database gate and one memory; more hosts or processes come with PostgreSQL
threads = 16
keepalive = 30
timeout = 60
graceful_timeout = 4  # the supervisor stops everything within 6 s
worker_tmp_dir = str(_run) if _run.is_dir() else tempfile.gettempdir()
control_socket_disable = True  # it would be a socket file outside WINNOW_HOME
proc_name = "winnow-web"
