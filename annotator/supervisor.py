"""Starts web, learner, io and beat, and starts again what dies. Stdlib only: no Django in this process's loop.

Each part is the leader of a session of its own, so that all of a dead part's processes can be ended before its
successor starts. The supervisor itself holds the listening socket: while the web starts again, visitors wait
instead of being refused.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

SOON, LATEST = 0.2, 5.0  # seconds before a dead part starts again: the first time, and after repeated instant deaths
INSTANT = 5.0  # seconds; who ends by itself sooner than this will probably do so again
STOP_PATIENCE = 4.0  # seconds; a round that is cut off starts again with the next learner
READY_EVERY, READY_PATIENCE = 0.3, 60.0  # seconds: between two looks, and until a hint is given
LOG_LIMIT = 5 * 2**20  # bytes; a larger log is put aside at the start
PR_SET_PDEATHSIG = 1

Pids = dict[str, int]
Make = Callable[[str, str], "list[Part]"]
_WORKER = "worker --pool solo --prefetch-multiplier 1 --without-gossip --without-mingle -l INFO"


class CannotStartError(Exception):
    """Why nothing was started, and what would help."""


@dataclass(frozen=True)
class Part:
    """A process to keep alive; `argv` is what follows `python -m`."""

    name: str
    argv: list[str]
    nice: int = 0


def parts(bind: str, run: str) -> list[Part]:
    """What Winnow consists of; docker/compose.yaml starts the same commands.

    Args:
        bind: what the web listens on, as gunicorn writes it.
        run: the folder for beat's files.
    """
    web = f"gunicorn -c python:annotator.gunicorn_conf annotator.wsgi:application --bind {bind}"
    celery = ["celery", "-A", "annotator.worker"]
    beat = ["beat", "-s", f"{run}/beat-schedule", "--pidfile", "", "-l", "INFO"]
    return [
        Part("web", web.split()),
        Part("learner", [*celery, *_WORKER.split(), "-Q", "learner", "-n", "learner@%h"], nice=10),
        Part("io", [*celery, *_WORKER.split(), "-Q", "io", "-n", "io@%h"]),
        Part("beat", [*celery, *beat]),
    ]


@dataclass
class Child:
    """A part, its present process, and when it may start again."""

    part: Part
    home: Path
    environment: dict[str, str]
    pass_fds: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    due: float = 0.0
    delay: float = SOON

    @property
    def log(self) -> Path:
        return self.home / "log" / f"{self.part.name}.log"

    @property
    def pid_file(self) -> Path:
        return self.home / "run" / f"{self.part.name}.pid"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.part.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
                pass_fds=self.pass_fds,
                preexec_fn=lambda: _settle(self.part.nice, os.getppid()),  # noqa: PLW1509 - this process has one thread
            )
        self.started = time.monotonic()
        _write(self.pid_file, str(self.process.pid))

    def keep_alive(self) -> None:
        """Note a death, and start again when it is time."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self._bury(self.process, now)
        if self.process is None and now >= self.due:
            self.start()

    def signal_end(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()

    def is_gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def end(self) -> None:
        """Whatever is left of the part ends now."""
        if self.process is not None:
            _kill_group(self.process.pid)
            self.process.wait()
        self.pid_file.unlink(missing_ok=True)

    def _bury(self, process: "subprocess.Popen[bytes]", now: float) -> None:
        _kill_group(process.pid)  # no orphan keeps a port, a queue or a lock
        # who was killed is not broken: however often that happens, the page answers again within 5 s
        is_broken = process.returncode != -signal.SIGKILL and now - self.started < INSTANT
        self.delay = min(2 * self.delay, LATEST) if is_broken else SOON
        self.due, self.process = now + self.delay, None
        _say(f"{self.part.name} {_cause(process.returncode)}; it starts again. Its log: {self.log}")


def run(
    home: Path, port: int, *, ready: Callable[[Pids], bool], announce: Callable[[], None], make: Make = parts
) -> int:
    """Keep all parts alive until SIGINT or SIGTERM; returns the exit status.

    `ready` is asked, with the pids of the parts, until it says yes; then `announce` is called, once.
    """
    with only_one(home), listening(port) as listener:
        environment = {**os.environ, "WINNOW_HOME": str(home), "WINNOW_PORT": str(port), "PYTHONUNBUFFERED": "1"}
        children = _children(home, environment, make, listener.fileno())
        with _asked_to_stop() as stop:
            try:
                _until_stopped(children, stop, ready, announce)
            finally:
                _say("Stopping …")
                _end_all(children)
    _say("Winnow has stopped; everything is kept.")
    return 0


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """The right to run on this home; CannotStartError while another has it."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    with (home / "run" / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStartError(
                f"Winnow already runs on {home}. Stop it first, or choose another folder: WINNOW_HOME=elsewhere"
            ) from None
        yield


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket that listens on this machine's own address; CannotStartError if the port is taken."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise CannotStartError(_port_trouble(port, error)) from None
        listener.listen(512)
        yield listener


def _port_trouble(port: int, error: Exception) -> str:
    if isinstance(error, PermissionError | OverflowError):
        return f"Port {port} may not be used ({error}); choose one from 1024 to 65535: WINNOW_PORT=8001 make demo"
    return f"Port {port} is taken; choose another: WINNOW_PORT={port % 65535 + 1} make demo"


def _children(home: Path, environment: dict[str, str], make: Make, listener: int) -> list[Child]:
    (home / "log").mkdir(parents=True, exist_ok=True)
    children = []
    for part in make(f"fd://{listener}", str(home / "run")):
        passed = (listener,) if part.name == "web" else ()
        children.append(Child(part, home, environment, passed))
        _rotate(children[-1].log)
    return children


def _until_stopped(
    children: list[Child], stop: list[int], ready: Callable[[Pids], bool], announce: Callable[[], None]
) -> None:
    now = time.monotonic()
    waiting, ask, complain = True, now + READY_EVERY, now + READY_PATIENCE
    while not stop:
        for child in children:
            child.keep_alive()
        now = time.monotonic()
        if waiting and now >= ask:
            waiting = not ready({c.part.name: c.process.pid for c in children if c.process})
            ask = time.monotonic() + READY_EVERY
            if not waiting:
                announce()
        if waiting and now > complain:
            _say(f"Winnow does not answer yet. The logs may tell why: {children[0].log.parent}")
            complain += READY_PATIENCE
        time.sleep(0.1)


def _end_all(children: list[Child]) -> None:
    for child in children:
        child.signal_end()
    end = time.monotonic() + STOP_PATIENCE
    while time.monotonic() < end and not all(child.is_gone() for child in children):
        time.sleep(0.05)
    for child in children:
        if child.process is not None:
            _kill_group(child.process.pid)
    for child in children:
        child.end()


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """A list that is empty until a signal asks to stop. A second Ctrl-C changes nothing: the end is near."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _settle(nice: int, parent: int) -> None:
    """In the new process: be nice, and (on Linux) end with the supervisor, even if that is killed."""
    os.nice(nice)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError once all are zombies
        os.killpg(leader, signal.SIGKILL)


def _cause(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def _write(path: Path, text: str) -> None:
    """All at once, so that nobody reads half a number."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.replace(path)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
