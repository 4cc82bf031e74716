"""Vectors that come with items: read from a cell, packed as float32 for the database."""

import json
import sys
from array import array
from math import isfinite
from typing import Any

LONGEST = 8192  # numbers


def packed(cell: Any) -> bytes:
    """A JSON array, or a list, as little-endian float32; raises ValueError with what is wrong, as a sentence's end."""
    values = _values(cell)
    if not 2 <= len(values) <= LONGEST:
        raise ValueError(f"holds {len(values)} numbers; a vector has 2 to {LONGEST}.")
    if wrong := [value for value in values if isinstance(value, bool) or not isinstance(value, int | float)]:
        raise ValueError(f"holds {json.dumps(wrong[0])[:60]}; a vector has numbers only.")
    try:
        numbers = array("f", values)
    except OverflowError:
        numbers = array("f", [float("inf")])
    if not all(map(isfinite, numbers)):
        raise ValueError("holds a number that is not finite, or too large for 32 bits.")
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _values(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            raise ValueError(f"holds {cell[:60]!r}; write a JSON array of numbers, such as [0.5, -1.25].") from None
    if not isinstance(cell, list):
        raise ValueError(f"holds {json.dumps(cell)[:60]}; write a JSON array of numbers, such as [0.5, -1.25].")
    return cell
