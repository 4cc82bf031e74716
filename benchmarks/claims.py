"""Sixteen client processes claim and submit items over HTTP against a running `make demo`; the export is the judge.

    python -m benchmarks.claims --address http://127.0.0.1:8000 --home var --json benchmarks/out/claims.json

The project has more items than its limit. Judged: no item held by two people, no annotation lost or doubled, the
limit exact to the answer. Printed: p50, p95 and maximum of a submit, in milliseconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import queue
import secrets
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import owner as owners
from benchmarks.machine import quantiles, write_report
from benchmarks.person import Person

IDLE = 5  # seconds without a question after which a client stops


def work(address: str, cookies: dict[str, str], slug: str, out: Any) -> None:
    """One client, signed in already: claims and submits until the page has nothing more."""
    person = Person(address)
    person.cookies = cookies
    page = person.get(f"/projects/{slug}/label/")
    held, answered, times = [], [], []
    idle_until = time.monotonic() + IDLE
    while time.monotonic() < idle_until:
        form = owners.question(page)
        if form is None:  # others hold the rest: their answers may still free one
            time.sleep(0.2)
            page = person.get(f"/projects/{slug}/label/")
            continue
        idle_until = time.monotonic() + IDLE
        held.append((form.action, form.fields["lease"]))
        label = next(value for field, value, _ in form.buttons if field == "label")
        start = time.perf_counter()
        page = person.submit(form, {"label": label}, htmx=True)
        times.append(time.perf_counter() - start)
        if page.status >= 300:
            raise RuntimeError(f"submit answered {page.status}: {page.text[:300]}")
        answered.append(form.fields["lease"])
    out.put({"held": held, "answered": answered, "times": times})


def run_all(address: str, cookies: list[dict[str, str]], slug: str, patience: float = 300) -> list[dict[str, Any]]:
    """All clients in processes of their own; raises where one of them fails."""
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    processes = [context.Process(target=work, args=(address, given, slug, out), daemon=True) for given in cookies]
    for process in processes:
        process.start()
    clients: list[dict[str, Any]] = []
    end = time.monotonic() + patience
    while len(clients) < len(processes):
        try:
            clients.append(out.get(timeout=1))
        except queue.Empty:
            if any(process.exitcode for process in processes) or time.monotonic() > end:
                raise RuntimeError("a client failed, or took too long") from None
    return clients


def judge(rows: list[dict[str, Any]], clients: list[dict[str, Any]], limit: int, settled: int) -> dict[str, Any]:
    """What the export says against what the clients saw."""
    given = [a for row in rows for a in row["annotations"] if a["source"] == "answer"]
    per_item = Counter(row["id"] for row in rows for a in row["annotations"] if a["paid"])
    questions = Counter(action for client in clients for action, _ in client["held"])
    acknowledged = sum(len(client["answered"]) for client in clients)
    return {
        "acknowledged": acknowledged,
        "exported": len(given),
        "lost": acknowledged - len(given),
        "items_answered_twice": sum(count > 1 for count in per_item.values()),
        "questions_held_by_two": sum(count > 1 for count in questions.values()),
        "late": sum(a["late"] for a in given),
        "limit": limit,
        "settled": settled,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    owner = owners.owner_at(options.address, options.home)
    count = options.limit + 100
    rows = [(f"row-{n}", f"Text number {n}: {secrets.token_hex(8)}") for n in range(count)]
    slug = owners.make_project(owner, f"Claims {secrets.token_hex(3)}", rows, limit=str(options.limit))
    token = owners.make_token(owner, slug)
    owners.wait_for_items(owner, slug, token, count)
    link = owners.invite(owner, slug)
    names = [f"client{n}-{secrets.token_hex(3)}" for n in range(options.clients)]
    cookies = [owners.join(options.address, link, name, secrets.token_urlsafe(12)).cookies for name in names]
    start = time.perf_counter()
    clients = run_all(options.address, cookies, slug)
    seconds = time.perf_counter() - start - IDLE
    owner = owners.owner_at(options.address, options.home)
    told = owners.summary(owner, slug, token)
    verdict = judge(owners.export(owner, slug, token), clients, options.limit, told["budget"]["settled"])
    times = [t for client in clients for t in client["times"]]
    figures = {**verdict, "seconds": round(seconds, 1), "submit_ms": quantiles(times), "rounds": told["rounds"][-1:]}
    for name, value in figures.items():
        print(f"{name:24} {value}")
    write_report(options.json, {"clients": options.clients, **figures})


if __name__ == "__main__":
    main()
