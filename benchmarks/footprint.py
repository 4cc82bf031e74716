"""What the web process carries: array libraries in its memory, and its CPU time per label page as the pool grows.

    python -m benchmarks.footprint --address http://127.0.0.1:8000 --home var --json benchmarks/out/footprint.json

Visits every page as the owner, then reads the memory maps of every web process. Then makes projects of 100 and of
100,000 items and compares the CPU seconds that the web processes spend on the same number of label pages and
answers, in turns.
Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import re
import secrets
import statistics
from pathlib import Path

from benchmarks import owner as owners
from benchmarks.machine import write_report
from benchmarks.person import Person

ARRAYS = re.compile(r"torch|numpy|sklearn|scipy|pyarrow|pandas")
TURNS, PAGES, ANSWERS = 10, 30, 6  # pages and answers in each turn


def web_processes(home: Path) -> list[int]:
    """The web's first process and all below it."""
    first = int((home / "run" / "web.pid").read_text())
    found, waiting = [], [first]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu_seconds(pids: list[int]) -> float:
    """CPU time of all threads, to the nanosecond: /proc/PID/stat counts in hundredths of a second."""
    threads = (thread for pid in pids for thread in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def libraries(pids: list[int]) -> list[str]:
    """Array libraries among the mapped files."""
    mapped = {line.split(maxsplit=5)[-1] for pid in pids for line in Path(f"/proc/{pid}/maps").read_text().splitlines()}
    return sorted(name for name in mapped if ARRAYS.search(name))


def visit_everything(owner: Person) -> int:
    """Follow every link of this site, from home on; returns how many addresses answered."""
    waiting, seen = ["/", "/strategies/", "/api/v1/docs", "/api/v1/openapi.json", "/healthz"], set()
    while waiting:
        path = waiting.pop()
        if path in seen or ("/items/" in path and len([p for p in seen if "/items/" in p]) > 40):
            continue
        seen.add(path)
        page = owner.get(path)
        if "text/html" in page.headers.get("content-type", ""):
            links = re.findall(r'(?:href|src|hx-get|data-url|data-figures)="(/[^"#]*)', page.text)
            waiting += [link.replace("&amp;", "&") for link in links if "sign-out" not in link]
    return len(seen)


def label_pages(owner: Person, slug: str) -> None:
    for _ in range(PAGES):
        page = owner.get(f"/projects/{slug}/label/")
    for _ in range(ANSWERS):
        form = owners.question(page)
        if form is None:
            raise RuntimeError(f"{slug} has no item left")
        label = next(value for field, value, _ in form.buttons if field == "label")
        page = owner.submit(form, {"label": label}, htmx=True)


def compare(owner: Person, home: Path, sizes: tuple[int, int]) -> dict[str, float]:
    """Median CPU milliseconds for a page or an answer, by pool size, measured in turns."""
    slugs = {}
    for size in sizes:
        rows = [(f"row-{n}", f"Text {n}: {secrets.token_hex(8)}") for n in range(size)]
        # a batch so large that no round trains meanwhile
        slugs[size] = owners.make_project(owner, f"Pool {size} {secrets.token_hex(3)}", rows, batch_size="10000")
        token = owners.make_token(owner, slugs[size])
        owners.wait_for_items(owner, slugs[size], token, size, patience=600)
    spent: dict[int, list[float]] = {size: [] for size in sizes}
    pids = web_processes(home)
    for turn in range(TURNS):
        for size in sizes if turn % 2 else reversed(sizes):
            before = cpu_seconds(pids)
            label_pages(owner, slugs[size])
            spent[size].append((cpu_seconds(pids) - before) / (PAGES + ANSWERS) * 1000)
    return {str(size): round(statistics.median(values), 2) for size, values in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    owner = owners.owner_at(options.address, options.home)
    visited = visit_everything(owner)
    found = libraries(web_processes(options.home))
    cpu = compare(owner, options.home, (100, options.large))
    figures = {
        "addresses_visited": visited,
        "array_libraries_in_web": found,
        "cpu_ms_per_page_or_answer": cpu,
        "ratio": round(cpu[str(options.large)] / cpu["100"], 3),
    }
    for name, value in figures.items():
        print(f"{name:28} {value}")
    write_report(options.json, figures)


if __name__ == "__main__":
    main()
