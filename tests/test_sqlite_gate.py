"""The gate that SQLite's writers pass: one at a time, among threads and among processes; readers never wait."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, close_old_connections, connection, connections, transaction

from annotator import labeling, serving
from annotator.models import Budget, Project
from annotator.sqlite_gate.base import DatabaseWrapper, Gate, gate_for
from tests import factories

on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="the gate is SQLite's")
SOON, LONG = 0.2, 20.0  # seconds: enough to see that somebody waits; more than anybody ever waits

# reads a number and writes the next one, with time between for others to do the same
COUNT = """
import sys, time
from pathlib import Path
from annotator.sqlite_gate.base import Gate
database, counter, times = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
gate = Gate(database)
for _ in range(times):
    gate.enter()
    number = int(counter.read_text())
    time.sleep(0.001)
    counter.write_text(str(number + 1))
    gate.leave()
"""
# enters, says so, and stays until it is killed
HOLD = """
import sys, time
from annotator.sqlite_gate.base import Gate
Gate(sys.argv[1]).enter()
print("in", flush=True)
time.sleep(60)
"""


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run the work in threads of their own connections; what one raises is raised here."""

    def closing(number: int) -> None:
        try:
            work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(closing, range(count)))


def test_one_thread_at_a_time(tmp_path: Path) -> None:
    gate, inside, most = Gate(str(tmp_path / "db")), [], 0

    def pass_often(number: int) -> None:
        nonlocal most
        for _ in range(50):
            gate.enter()
            inside.append(number)
            most = max(most, len(inside))
            inside.remove(number)
            gate.leave()

    in_threads(8, pass_often)
    assert most == 1


def test_one_process_at_a_time(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    arguments = [sys.executable, "-c", COUNT, str(tmp_path / "db"), str(counter), "40"]
    root = Path(__file__).parent.parent
    processes = [subprocess.Popen(arguments, cwd=root) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert counter.read_text() == "120"


def test_gate_of_a_killed_process_is_free(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "db")]
    with subprocess.Popen(arguments, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        process.kill()
    entered = threading.Event()
    gate = Gate(str(tmp_path / "db"))
    thread = threading.Thread(target=lambda: (gate.enter(), entered.set(), gate.leave()), daemon=True)
    thread.start()
    assert entered.wait(LONG)
    thread.join(LONG)


def test_same_database_same_gate() -> None:
    assert gate_for("one") is gate_for("one")
    assert gate_for("one") is not gate_for("other")


def test_database_in_memory_needs_no_file() -> None:
    gate = Gate("file:memorydb_default?mode=memory&cache=shared")
    gate.enter()
    gate.leave()


def wrapper() -> DatabaseWrapper:
    found = connections["default"]
    assert isinstance(found, DatabaseWrapper)
    return found


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_transaction_leaves_the_gate_however_it_ends() -> None:
    with transaction.atomic():
        assert wrapper()._holds_gate
        with transaction.atomic():
            factories.user("bob")
        assert wrapper()._holds_gate, "a savepoint is no end"
    assert not wrapper()._holds_gate
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        _ = 1 / 0
    assert not wrapper()._holds_gate
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO nowhere VALUES (1)")
    assert not wrapper()._holds_gate


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_closing_a_connection_leaves_the_gate() -> None:
    connection.ensure_connection()
    wrapper().enter_gate()
    connection.close()
    assert not wrapper()._holds_gate
    assert factories.user("bob").pk


@on_sqlite
@pytest.mark.django_db(transaction=True)
def test_write_waits_at_the_gate_and_a_read_does_not() -> None:
    factories.user("bob")
    read, written = threading.Event(), threading.Event()

    def work(number: int) -> None:
        assert User.objects.filter(username="bob").exists()
        read.set()
        User.objects.filter(username="bob").update(first_name="Bob")
        written.set()

    gate = gate_for(str(connection.settings_dict["NAME"]))
    gate.enter()
    thread = threading.Thread(target=in_threads, args=(1, work), daemon=True)
    thread.start()
    try:
        assert read.wait(LONG)
        assert not written.wait(SOON)
    finally:
        gate.leave()
    assert written.wait(LONG)
    thread.join(LONG)


def race(project: Project, people: list[User]) -> None:
    """Everybody claims and answers at once, until there is nothing left for them."""

    def work(number: int) -> None:
        person = people[number]
        close_old_connections()
        while (query := serving.claim_next(project, person).query) is not None:
            assert query.lease is not None
            answer = labeling.Answer("label", factories.label_of(project, "apple"), query.lease)
            labeling.record(query, answer, annotator=person)

    in_threads(len(people), work)


@pytest.mark.django_db(transaction=True)
def test_people_at_once_answer_each_item_once() -> None:
    project = factories.project(items=60)
    race(project, [factories.user(f"person-{number}") for number in range(8)])
    answered = list(project.annotations.values_list("item_id", flat=True))
    assert len(answered) == len(set(answered)) == 60
    sequences = sorted(project.annotations.values_list("sequence", flat=True))
    assert sequences == list(range(1, 61))


@pytest.mark.django_db(transaction=True)
def test_people_at_once_keep_the_limit_to_the_answer() -> None:
    project = factories.project(items=40, limit=23)
    race(project, [factories.user(f"person-{number}") for number in range(8)])
    budget = Budget.objects.get(project=project)
    assert (budget.settled, budget.reserved, project.annotations.count()) == (23, 0, 23)
