"""Runs inside the environment of each library: one strategy, timed, with its memory; numpy and stdlib only.

An adapter maps names to functions `prepare(arrays, batch, seed)` that do what a caller would have done anyway (join
arrays, stand in for a trained classifier) and return a function without arguments: the selection, which is all that is
timed. It returns indices into the pool.
"""

from __future__ import annotations

import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Select = Callable[[], Any]
Prepare = Callable[["Arrays", int, int], Select]

FEWEST, MOST = 3, 30  # times that a selection is repeated
LONG_ENOUGH = 1.0  # seconds of repeats after which the fewest will do
TOO_LONG = 10.0  # seconds after which it is not repeated
WARM_UP = 10  # picks from the small copy of the arrays, so that late imports and thread pools are not measured
OUT_OF_MEMORY = "out of memory"


class Arrays(dict[str, Any]):
    """The arrays of a folder, by name, each read when first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def __missing__(self, name: str) -> Any:
        self[name] = np.load(self.folder / f"{name}.npy")
        return self[name]


@dataclass(frozen=True)
class Wanted:
    """One run. memory: bytes of address space that the process may have."""

    strategy: str
    folder: str
    batch: int
    seed: int
    memory: int


def main(strategies: dict[str, Prepare]) -> None:
    """Measure what the first argument, JSON of `Wanted`, asks for; prints JSON on the last line."""
    wanted = Wanted(**json.loads(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_AS, (wanted.memory, wanted.memory))
    try:
        print("\n" + json.dumps(measure(strategies[wanted.strategy], wanted)))
    except (MemoryError, RuntimeError) as problem:
        if not isinstance(problem, MemoryError) and "memory" not in str(problem):
            raise
        print("\n" + json.dumps({"result": OUT_OF_MEMORY}))


def measure(prepare: Prepare, wanted: Wanted) -> dict[str, Any]:
    """Seconds of each repeat, the growth of the resident memory over the arrays in MB, and the first picks."""
    folder = Path(wanted.folder)
    prepare(Arrays(folder / "small"), WARM_UP, wanted.seed)()
    select = prepare(Arrays(folder), wanted.batch, wanted.seed)
    before = resident_mb("VmRSS")
    forget_peak()
    seconds, picks = repeated(select)
    return {
        "result": "ok",
        "seconds": seconds,
        "best": min(seconds),
        "median": statistics.median(seconds),
        "peak_mb": max(0.0, resident_mb("VmHWM") - before),
        "picks": [int(item) for item in np.asarray(picks)[: wanted.batch]],
    }


def repeated(select: Select) -> tuple[list[float], Any]:
    """Seconds of every repeat and what the first selected."""
    seconds: list[float] = []
    first: Any = None
    while not seconds or wants_more(seconds):
        start = time.perf_counter()
        picks = select()
        seconds.append(time.perf_counter() - start)
        first = picks if first is None else first
    return seconds, first


def wants_more(seconds: list[float]) -> bool:
    """A selection of ten seconds is not repeated, one of a millisecond often."""
    total = sum(seconds)
    return total < TOO_LONG and (len(seconds) < FEWEST or (total < LONG_ENOUGH and len(seconds) < MOST))


def resident_mb(name: str, process: str = "self") -> float:
    """An entry of /proc/PROCESS/status in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def forget_peak() -> None:
    """VmHWM starts anew from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")
