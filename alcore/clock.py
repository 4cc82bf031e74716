"""Says which step of a round has begun, and adds up what each took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alcore.protocols import Report


def silent(step: str, share: float) -> None:
    """Reports to nobody."""


class Clock:
    """seconds: step -> what it took so far."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Report the step's start and time what is done in it."""
        self.report(name, 0.0)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
