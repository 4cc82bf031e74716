"""What dies starts again, leaving no orphan; a taken port and a second instance are said; Ctrl-C stops everything."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from annotator import supervisor

ROOT = Path(__file__).parent.parent
PATIENCE = 30
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
IN_DOCKER = {part.name: part for part in supervisor.parts("0.0.0.0:8000", "/data/run")}

# the real supervisor over four small parts
SMALL = """
import sys
from pathlib import Path
from annotator import supervisor

def make(bind, run):
    return [supervisor.Part(name, ["small_part", name, bind, run]) for name in ("web", "learner", "io", "beat")]

try:
    ready, announce = (lambda pids: len(pids) == 4), (lambda: print("ready", flush=True))
    sys.exit(supervisor.run(Path(sys.argv[1]), int(sys.argv[2]), ready=ready, announce=announce, make=make))
except supervisor.CannotStartError as error:
    sys.exit(str(error))
"""
# like gunicorn, `web` is a master with a child that answers; while a file says so, `io` does not stop when it is asked
# to, and `beat` dies at once
PART = """
import os, signal, socket, sys
name, bind, run = sys.argv[1:]
if name == "beat" and os.path.exists(run + "/broken"):
    sys.exit("broken")
if name == "io" and os.path.exists(run + "/deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if name == "web" and os.fork() == 0:
    listener = socket.socket(fileno=int(bind.removeprefix("fd://")))
    while True:
        visitor, _ = listener.accept()
        visitor.sendall(str(os.getpid()).encode())
        visitor.close()
while True:
    signal.pause()
"""


class Running:
    """A supervisor in a process of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        (home / "small_part.py").write_text(PART)
        environment = {**os.environ, "PYTHONPATH": f"{home}:{ROOT}"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SMALL, str(home), str(port)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def pid(self, name: str) -> int:
        return int((self.home / "run" / f"{name}.pid").read_text())

    def answering(self) -> int:
        """The pid of the process that answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as visitor:
            return int(visitor.recv(100))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(home: Path = tmp_path, port: int = 0) -> Running:
        started.append(Running(home, port or free_port()))
        return started[-1]

    yield start
    for one in started:
        one.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.process.wait(PATIENCE)
        one.process.kill()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def note(home: Path, name: str) -> None:
    (home / "run").mkdir()
    (home / "run" / name).touch()


def lives(pid: int) -> bool:
    """Whether there is such a process, zombies aside."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def wait_until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


@pytest.mark.parametrize("name", ["web", "learner", "io", "beat"])
def test_killed_part_starts_again(start: Callable[..., Running], name: str) -> None:
    running = start()
    assert running.line() == "ready"
    before = running.pid(name)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: running.pid(name) != before, "another process")
    assert lives(running.pid(name))
    assert running.line().startswith(f"{name} was ended by SIGKILL; it starts again.")


def test_visitors_wait_while_the_web_starts_again_and_no_orphan_answers(start: Callable[..., Running]) -> None:
    running = start()
    assert running.line() == "ready"
    orphan = running.answering()
    os.kill(running.pid("web"), signal.SIGKILL)
    wait_until(lambda: not lives(orphan), "the end of the orphan")
    assert running.answering() != orphan  # asked at once: not refused


def test_part_that_dies_at_once_is_tried_ever_more_rarely(tmp_path: Path, start: Callable[..., Running]) -> None:
    note(tmp_path, "broken")
    running = start()
    while not running.line().startswith("beat ended with status 1"):
        pass
    (tmp_path / "run" / "broken").unlink()
    wait_until(lambda: lives(running.pid("beat")), "beat")
    assert "broken" in (tmp_path / "log" / "beat.log").read_text()


def test_delay_doubles_for_instant_deaths_and_has_an_end(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "log").mkdir()
    child = supervisor.Child(supervisor.Part("beat", ["no_such_module"]), tmp_path, dict(os.environ))
    delays = []
    for _ in range(7):
        child.due = 0
        child.keep_alive()
        assert child.process is not None
        child.process.wait()
        child.due = time.monotonic() + 60
        child.keep_alive()
        delays.append(child.delay)
    assert delays == [0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_part_that_is_killed_again_and_again_is_back_as_soon_as_the_first_time(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "log").mkdir()
    child = supervisor.Child(supervisor.Part("web", ["http.server", "0"]), tmp_path, dict(os.environ))
    for _ in range(5):
        child.due = 0
        child.keep_alive()
        assert child.process is not None
        child.process.kill()
        child.process.wait()
        child.due = time.monotonic() + 60
        child.keep_alive()
        assert child.delay == supervisor.SOON


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_everything_even_what_does_not_listen(
    tmp_path: Path, start: Callable[..., Running], number: int
) -> None:
    note(tmp_path, "deaf")
    running = start()
    assert running.line() == "ready"
    pids = [running.answering(), *map(running.pid, ("web", "learner", "io", "beat"))]
    running.process.send_signal(number)
    said, _ = running.process.communicate(timeout=PATIENCE)
    assert running.process.returncode == 0
    assert "Winnow has stopped; everything is kept." in said
    assert not any(map(lives, pids))
    assert not list((running.home / "run").glob("*.pid"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_nothing_outlives_a_killed_supervisor(start: Callable[..., Running]) -> None:
    running = start()
    assert running.line() == "ready"
    pids = [running.pid(name) for name in ("web", "learner", "io", "beat")]
    orphan = running.answering()  # gunicorn's would notice by itself
    running.process.kill()
    wait_until(lambda: not any(map(lives, pids)), "the end of all parts")
    os.kill(orphan, signal.SIGKILL)


def test_second_instance_on_the_same_home_is_refused(start: Callable[..., Running]) -> None:
    first = start()
    assert first.line() == "ready"
    second = start()
    assert second.line().startswith(f"Winnow already runs on {first.home}. Stop it first")
    assert second.process.wait(PATIENCE) == 1


def test_taken_port_is_said_before_anything_starts(tmp_path: Path, start: Callable[..., Running]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        running = start(port=port)
        assert running.line() == f"Port {port} is taken; choose another: WINNOW_PORT={port + 1} make demo"
    assert running.process.wait(PATIENCE) == 1
    assert not list((tmp_path / "run").glob("*.pid"))


def test_impossible_port_is_said() -> None:
    with pytest.raises(supervisor.CannotStartError, match="from 1024 to 65535"), supervisor.listening(80_000):
        pass


def test_large_log_is_put_aside_at_the_start(tmp_path: Path, start: Callable[..., Running]) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "web.log").write_bytes(b"x" * (supervisor.LOG_LIMIT + 1))
    assert start().line() == "ready"
    assert (tmp_path / "log" / "web.log.1").stat().st_size == supervisor.LOG_LIMIT + 1
    assert (tmp_path / "log" / "web.log").stat().st_size == 0


@pytest.mark.parametrize("name", ["web", "learner", "io", "beat"])
def test_docker_starts_what_the_supervisor_starts(name: str) -> None:
    assert COMPOSE["services"][name]["command"] == ["python", "-m", *IN_DOCKER[name].argv]


@pytest.mark.parametrize(("target", "name"), [("web", "web"), ("worker", "learner")])
def test_image_starts_what_the_supervisor_starts(target: str, name: str) -> None:
    stage = DOCKERFILE.split(f" AS {target}\n")[1].split("\nFROM ")[0]
    command = next(line.removeprefix("CMD ") for line in stage.splitlines() if line.startswith("CMD "))
    assert json.loads(command) == ["python", "-m", *IN_DOCKER[name].argv]


def test_web_image_has_no_torch() -> None:
    stage = DOCKERFILE.split(" AS web\n")[1].split("\nFROM ")[0]
    locked = (ROOT / "requirements" / "web.txt").read_text()
    assert "requirements/web.txt" in stage
    assert not [name for name in ("torch", "numpy", "scikit-learn", "learn.txt") if name in stage + locked]


def test_torch_has_one_version_everywhere() -> None:
    wanted = "torch==2.13.0"
    places = ["Makefile", "docker/Dockerfile", "requirements/learn.in", "requirements/learn.txt"]
    assert [place for place in places if wanted not in (ROOT / place).read_text()] == []
