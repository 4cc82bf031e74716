"""What a report says of the machine, and how it is written."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("django", "celery", "torch", "scikit-learn", "baal", "cleanlab", "gunicorn", "numpy")


def quantiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95, p99 and maximum in milliseconds."""
    if not seconds:
        return {}
    ordered = sorted(seconds)
    pick = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1) for name, q in pick.items()}


def describe() -> dict[str, Any]:
    """Machine, versions and commit."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": sys.version.split()[0],
        "versions": {name: _version(name) for name in PACKAGES},
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip(),
    }


def write_report(path: Path | None, figures: dict[str, Any]) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**describe(), **figures}, indent=1) + "\n")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
