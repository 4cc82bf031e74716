"""What a chain of rounds remembers, beside its kept models: by ids, so that items and answers may come and go."""

import logging
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from alcore.chains import Memory
from annotator.learning import artifacts
from annotator.learning.loading import Ints, Pool

GONE = -1  # an item that the pool no longer has: what was learned of it counts as changed
NUMBERS = ("rounds", "changed", "seconds", "trained")
logger = logging.getLogger(__name__)


def write(path: Path, memory: Memory, pool: Pool) -> None:
    """Keep a memory; labels as indices, which hold as long as the label set beside the model is the same."""
    artifacts.write_arrays(
        path,
        items=pool.ids[memory.items],
        labels=memory.labels,
        audit_items=pool.ids[memory.audit_items],
        audit_said=memory.audit_said,
        numbers=np.array([getattr(memory, name) for name in NUMBERS], dtype=np.float64),
    )


def read(path: Path, pool: Pool) -> Memory | None:
    """The memory in this pool's positions; None where there is none, or a damaged one."""
    try:
        kept = artifacts.read_arrays(path)
        rounds, changed, seconds, trained = kept["numbers"].tolist()
        items, audit = (_positions(kept[name], pool) for name in ("items", "audit_items"))
        return Memory(
            items, kept["labels"], int(rounds), int(changed), audit, kept["audit_said"], seconds, int(trained)
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        logger.warning("%s cannot be used: %s", path.name, error)
        return None


def _positions(ids: Ints, pool: Pool) -> Ints:
    """Where the ids stand in the pool."""
    known = np.isin(ids, pool.ids)
    return np.where(known, pool.index_of(ids), GONE).astype(np.int64)
