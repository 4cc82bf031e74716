"""Files for tests, made by plain functions, and sent as an owner would."""

import csv
import io
import zipfile
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from annotator import importing
from annotator.models import Import, Project
from tests import factories


def csv_of(*rows: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def picture(color: int = 0, form: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (color, color, color)).save(out, form)
    return out.getvalue()


def zip_of(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def upload(project: Project, data: bytes, name: str, **options: Any) -> Import:
    """Sent, and read as the worker would."""
    row = importing.start_upload(project, SimpleUploadedFile(name, data), user=factories.user("alice"), options=options)
    importing.run(row.pk)
    row.refresh_from_db()
    return row
