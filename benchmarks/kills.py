"""Clients log every acknowledged answer while worker and web process are killed by kill -9, in turns.

    python -m benchmarks.kills --address http://127.0.0.1:8000 --home var --json benchmarks/out/kills.json

Judged by the export: every acknowledged answer is there once; the page answers again within 5 s of each kill of the
web; each round that was killed ends, once, within 60 s.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
import secrets
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import owner as owners
from benchmarks.machine import quantiles, write_report
from benchmarks.person import Page, Person

GONE = (OSError, http.client.HTTPException, LookupError)


def work(address: str, cookies: dict[str, str], slug: str, stop: Any, out: Any) -> None:
    """One client that goes on through every outage, sending the same form again until it is acknowledged."""
    person = Person(address)
    person.cookies = cookies
    acknowledged = []
    page = _patiently(lambda: _ok(person.get(f"/projects/{slug}/label/")))
    while not stop.value:
        form = owners.question(page)
        if form is None:
            time.sleep(0.2)
            page = _patiently(lambda: _ok(person.get(f"/projects/{slug}/label/")))
            continue
        label = next(value for field, value, _ in form.buttons if field == "label")
        page = _patiently(lambda form=form, label=label: _ok(person.submit(form, {"label": label}, htmx=True)))
        acknowledged.append((form.action, form.fields["lease"]))
        time.sleep(0.05)
    out.put(acknowledged)


def _ok(page: Page) -> Page:
    if page.status != 200:
        raise ConnectionError(page.status)
    return page


def _patiently(act: Any, patience: float = 60) -> Any:
    end = time.monotonic() + patience
    while True:
        try:
            return act()
        except GONE:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def pid_of(home: Path, name: str) -> int | None:
    """The process that the supervisor watches under this name; None between two of them."""
    try:
        return int((home / "run" / f"{name}.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None


def kill(home: Path, name: str) -> int:
    """kill -9 it; returns its pid."""
    while (pid := pid_of(home, name)) is None:
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    return pid


def seconds_until_answer(address: str, home: Path, killed: int) -> float:
    """From the kill until a new process answers: what the old one's children still said does not count."""
    start = time.perf_counter()
    while pid_of(home, "web") in (killed, None):
        time.sleep(0.01)
    _patiently(lambda: _ok(Person(address, timeout=10).get("/sign-in/")))
    return time.perf_counter() - start


def wait_for_running_round(owner: Person, slug: str, token: str, patience: float = 20) -> int | None:
    """The number of a round that runs now; None if none does in time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        for found in _patiently(lambda: owners.summary(owner, slug, token))["rounds"]:
            if found["state"] == "running":
                return int(found["number"])
        time.sleep(0.05)
    return None


def wait_for_end(owner: Person, slug: str, token: str, number: int, patience: float = 90) -> float:
    start = time.perf_counter()
    while time.perf_counter() - start < patience:
        rounds = _patiently(lambda: owners.summary(owner, slug, token))["rounds"]
        if any(r["number"] == number and r["state"] == "done" for r in rounds):
            break
        time.sleep(0.1)
    return time.perf_counter() - start


@dataclass
class Outages:
    """What every kill cost, in seconds."""

    web: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)
    idle_learner: int = 0  # kills that hit no running round


def kill_in_turns(options: argparse.Namespace, owner: Person, slug: str, token: str) -> Outages:
    outages = Outages()
    for number in range(options.kills):
        running = wait_for_running_round(owner, slug, token)
        kill(options.home, "learner")
        if running is None:
            outages.idle_learner += 1
        else:
            outages.rounds.append(wait_for_end(owner, slug, token, running))
        killed = kill(options.home, "web")
        outages.web.append(seconds_until_answer(options.address, options.home, killed))
        print(
            f"{number + 1}/{options.kills}: web back in {outages.web[-1]:.2f} s,"
            f" round {running} ended in {outages.rounds[-1:]} s"
        )
    return outages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    owner = owners.owner_at(options.address, options.home)
    rows = [(f"row-{n}", f"Text number {n}: {secrets.token_hex(8)}") for n in range(20_000)]
    slug = owners.make_project(owner, f"Kills {secrets.token_hex(3)}", rows, batch_size="30")
    token = owners.make_token(owner, slug)
    owners.wait_for_items(owner, slug, token, len(rows))
    link = owners.invite(owner, slug)
    context = multiprocessing.get_context("spawn")
    out, stop = context.Queue(), context.Value("i", 0)
    names = [f"k{n}-{secrets.token_hex(3)}" for n in range(options.clients)]
    cookies = [owners.join(options.address, link, name, secrets.token_urlsafe(12)).cookies for name in names]
    arguments = [(options.address, given, slug, stop, out) for given in cookies]
    clients = [context.Process(target=work, args=given, daemon=True) for given in arguments]
    for client in clients:
        client.start()
    outages = kill_in_turns(options, owner, slug, token)
    stop.value = 1
    acknowledged = [answer for _ in clients for answer in out.get(timeout=120)]
    for client in clients:
        client.join()
    report(options, judge(owner, slug, token, acknowledged), outages)


def report(options: argparse.Namespace, verdict: dict[str, Any], outages: Outages) -> None:
    figures = {
        **verdict,
        "kills_of_learner": options.kills,
        "kills_in_a_running_round": len(outages.rounds),
        "kills_of_web": options.kills,
        "web_back_ms": quantiles(outages.web),
        "round_ended_ms": quantiles(outages.rounds),
    }
    for name, value in figures.items():
        print(f"{name:28} {value}")
    write_report(options.json, figures)


def judge(owner: Person, slug: str, token: str, acknowledged: list[tuple[str, str]]) -> dict[str, Any]:
    rows = _patiently(lambda: owners.export(owner, slug, token))
    exported = [a for row in rows for a in row["annotations"]]
    told = _patiently(lambda: owners.summary(owner, slug, token))
    questions = {int(action.rstrip("/").rpartition("/")[2]) for action, _ in acknowledged}
    kept = [a["query"] for a in exported if a["source"] == "answer"]
    return {
        "acknowledged": len(acknowledged),
        "exported": len(exported),
        "lost": len(questions - set(kept)),
        "doubled": len(kept) - len(set(kept)),
        "items_paid_twice": sum(sum(a["paid"] for a in row["annotations"]) > 1 for row in rows),
        "rounds_done": sum(r["state"] == "done" for r in told["rounds"]),
        "rounds_failed": sum(r["state"] == "failed" for r in told["rounds"]),
    }


if __name__ == "__main__":
    main()
