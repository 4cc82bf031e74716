"""Django's SQLite backend behind one gate, so that writers queue up instead of colliding.

SQLite has no fair write queue: with 32 clients its busy handler gave a p95 of more than a second. Every writer (web
threads, workers, commands) passes this gate before BEGIN: a lock among the threads of a process and a file lock among
processes. Reads never touch it. DESIGN: no write transaction over 50 ms.
"""

import fcntl
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
_gates: dict[str, "Gate"] = {}
_gates_lock = threading.Lock()


class Gate:
    """The right to write to one database file; held by one thread of one process at a time."""

    def __init__(self, database: str) -> None:
        self._threads = threading.Lock()
        self._path = Path(database + ".gate") if _is_file(database) else None
        self._file: int | None = None

    def enter(self) -> None:
        self._threads.acquire()
        if self._path is None:
            return
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        descriptor, self._file = self._file, None
        if descriptor is not None:
            os.close(descriptor)  # closing gives the lock back, even to a process that forked
        self._threads.release()


def gate_for(database: str) -> Gate:
    with _gates_lock:
        return _gates.setdefault(database, Gate(database))


def _is_file(database: str) -> bool:
    return ":memory:" not in database and "mode=memory" not in database


class DatabaseWrapper(base.DatabaseWrapper):
    """SQLite, whose transactions and single writes pass the gate."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._holds_gate = False

    def enter_gate(self) -> None:
        if not self._holds_gate:
            gate_for(str(self.settings_dict["NAME"])).enter()
            self._holds_gate = True

    def leave_gate(self) -> None:
        if self._holds_gate:
            self._holds_gate = False
            gate_for(str(self.settings_dict["NAME"])).leave()

    def _start_transaction_under_autocommit(self) -> None:
        self.enter_gate()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self.leave_gate()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self.leave_gate()  # a commit that failed is followed by a rollback, which leaves the gate

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.leave_gate()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self.leave_gate()

    def create_cursor(self, name: str | None = None) -> Any:
        assert self.connection is not None  # noqa: S101 - Django connects before it asks for a cursor
        cursor = self.connection.cursor(factory=GatedCursor)
        cursor.wrapper = self
        return cursor


class GatedCursor(base.SQLiteCursorWrapper):
    """A cursor whose writes outside a transaction pass the gate too (sessions, sign-in times)."""

    wrapper: DatabaseWrapper

    def execute(self, query: str, params: Any = None) -> Any:
        if not self._must_wait(query):
            return super().execute(query, params)
        self.wrapper.enter_gate()
        try:
            return super().execute(query, params)
        finally:
            self.wrapper.leave_gate()

    def executemany(self, query: str, param_list: Iterable[Any]) -> Any:
        if not self._must_wait(query):
            return super().executemany(query, param_list)
        self.wrapper.enter_gate()
        try:
            return super().executemany(query, param_list)
        finally:
            self.wrapper.leave_gate()

    def _must_wait(self, query: str) -> bool:
        return not self.wrapper.in_atomic_block and query.lstrip()[:7].upper().startswith(_WRITES)
