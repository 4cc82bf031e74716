"""Which fold an item belongs to: by hash, near-duplicates together, never by chance."""

import hashlib

import numpy as np

from alcore.protocols import Ints


def folds_of(keys: list[str], members: int, *, groups: list[str] | None = None) -> Ints:
    """(items,) folds in 0..members-1 from the hash of the key of the first item of each near-duplicate group.

    groups: that first item's key for each item; each item's own key when left out.
    """
    names = groups or keys
    if len(names) != len(keys):
        raise ValueError(f"groups must be as many as keys, {len(keys)}; they are {len(names)}.")
    digests = (hashlib.blake2b(name.encode(), digest_size=7).digest() for name in names)
    return np.array([int.from_bytes(digest, "big") % members for digest in digests], dtype=np.int64)
