"""System checks that refuse to start on a machine where Winnow could not keep its promises."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

WEAK_KEY_LENGTH = 40


@register()
def check_secret_key(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    key = settings.SECRET_KEY
    if len(key) >= WEAK_KEY_LENGTH and not key.startswith(("unset", "django-insecure")):
        return []
    return [
        Error(
            "The secret key is missing or shorter than 40 characters.",
            hint="Run `python manage.py prepare` once, or set WINNOW_SECRET_KEY to a long random text.",
            id="annotator.E001",
        )
    ]


@register()
def check_folders(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    home = Path(settings.HOME)
    if _writable(home):
        return []
    return [Error(f"{home} cannot be written.", hint="Set WINNOW_HOME to a folder of yours.", id="annotator.E002")]


@register()
def check_broker(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    if settings.BROKER_URL.startswith(("filesystem://", "redis://", "rediss://")):
        return []
    return [
        Error(
            f"WINNOW_BROKER_URL is {settings.BROKER_URL!r}.",
            hint="Use filesystem:// (embedded) or redis://host:port/number.",
            id="annotator.E003",
        )
    ]


def _writable(folder: Path) -> bool:
    while not folder.exists():
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)
