"""Images that people send: checked, and stored under a name that only their content decides."""

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

from django.conf import settings
from PIL import Image

FORMATS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp", "BMP": "bmp"}
TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "bmp": "image/bmp"}
LARGEST = 50 * 2**20  # bytes
MOST_PIXELS = 50_000_000
# what Pillow's decoders raise on bytes that are no image
BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, ArithmeticError, MemoryError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip


def problem(data: bytes) -> str:
    """What is wrong with an image, as the end of a sentence; empty if nothing is."""
    try:
        with Image.open(io.BytesIO(data), formats=list(FORMATS)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return f"has {picture.width} x {picture.height} pixels; at most {MOST_PIXELS:,} in all."
            picture.verify()
        with Image.open(io.BytesIO(data), formats=list(FORMATS)) as picture:
            picture.load()  # verify() does not see where a JPEG was cut off, and a round would stumble over it
    except BROKEN:
        return "is no whole PNG, JPEG, GIF, WebP or BMP image."
    return ""


def store(project_id: int, data: bytes) -> str:
    """Write an image that was checked; returns its name relative to MEDIA_ROOT. The same image is written once."""
    with Image.open(io.BytesIO(data), formats=list(FORMATS)) as picture:
        ending = FORMATS[picture.format or ""]
    digest = hashlib.sha256(data).hexdigest()
    name = f"items/{project_id}/{digest[:2]}/{digest}.{ending}"
    path = Path(settings.MEDIA_ROOT) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}.aside")
        aside.write_bytes(data)
        aside.replace(path)
    return name
