"""A real browser labels digits by keyboard at a running `make demo`, knowing only its address and a sign-in.

    python -m benchmarks.desk --address http://127.0.0.1:8000 --home var --answers 60 --shots benchmarks/out

Printed: key press to the next item's picture decoded (p50, p95, max), the rounds that ended, what the API says of
them, the weight of the label page over the wire when nothing is cached, and how soon a project of 2,000 rows served
its first item.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import owner as owners
from benchmarks.machine import quantiles, write_report

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
SIZES = {"wide": {"width": 1280, "height": 860}, "narrow": {"width": 390, "height": 844}}
# resolves when the form has another lease and its picture, if any, is decoded
NEXT_ITEM = """async (before) => {
  const start = performance.now();
  for (;;) {
    const lease = document.querySelector('input[name="lease"]');
    const picture = document.querySelector('main img');
    if (lease && lease.value !== before && (!picture || (picture.complete && picture.naturalWidth > 0))) {
      if (picture) await picture.decode();
      return performance.now() - start;
    }
    if (performance.now() - start > 10000) throw new Error('no next item within ten seconds');
    await new Promise(requestAnimationFrame);
  }
}"""


def sign_in(page: Page, address: str, name: str, password: str) -> None:
    page.goto(f"{address}/sign-in/")
    page.fill('input[name="username"]', name)
    page.fill('input[name="password"]', password)
    page.press('input[name="password"]', "Enter")
    page.wait_for_url(lambda url: "/sign-in/" not in url)


def cold_weight(browser: Browser, page: Page, url: str) -> int:
    """Bytes over the wire of the label page with an empty cache, headers left out."""
    context = browser.new_context(storage_state=page.context.storage_state())
    fresh = context.new_page()
    devtools = context.new_cdp_session(fresh)
    devtools.send("Network.enable")
    received: list[int] = []
    devtools.on("Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"])))
    fresh.goto(url)
    fresh.wait_for_load_state("networkidle")
    context.close()
    return sum(received)


def label_by_keyboard(page: Page, answers: int) -> list[float]:
    """Presses label keys; returns the seconds from each key press to the next item."""
    times = []
    looks = random.Random(1)
    for number in range(answers):
        lease = page.input_value('input[name="lease"]')
        start = time.perf_counter()
        page.keyboard.press(str(number % 10))
        page.evaluate(NEXT_ITEM, lease)
        times.append(time.perf_counter() - start)
        page.wait_for_timeout(looks.uniform(50, 600))  # a person looks at the item
    return times


def shoot(browser: Browser, page: Page, urls: dict[str, str], folder: Path) -> None:
    """Screenshots of every page, light and dark, wide and narrow."""
    folder.mkdir(parents=True, exist_ok=True)
    state = page.context.storage_state()
    for scheme in ("light", "dark"):
        for size, viewport in SIZES.items():
            context = browser.new_context(storage_state=state, color_scheme=scheme, viewport=viewport)
            fresh = context.new_page()
            for name, url in urls.items():
                fresh.goto(url)
                fresh.wait_for_timeout(600)
                fresh.screenshot(path=folder / f"{name}-{scheme}-{size}.png", full_page=True)
            context.close()


def read_rounds(rows: list[dict[str, Any]], rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """What the API says: answers given while a round ran, and rounds whose items were served by a strategy."""
    given = [a for row in rows for a in row["annotations"] if a["source"] == "answer"]
    at = [datetime.fromisoformat(a["created_at"]) for a in given]
    done = [r for r in rounds if r["state"] == "done"]
    spans = [(datetime.fromisoformat(r["started_at"]), datetime.fromisoformat(r["finished_at"])) for r in done]
    ranked = {(a["round"], a["strategy"]) for a in given if a["round"] and a["strategy"] not in ("random", "audit")}
    return {
        "answers": len(given),
        "rounds_done": len(done),
        "answers_during_a_round": sum(any(start <= t <= end for start, end in spans) for t in at),
        "served_by_strategy": sorted(ranked),
    }


def first_item(address: str, home: Path) -> float:
    """Seconds from sending a CSV of 2,000 rows to the first item on the page."""
    owner = owners.owner_at(address, home)
    rows = [(f"row-{n}", f"Text number {n}: {secrets.token_hex(8)}") for n in range(2000)]
    start = time.perf_counter()
    slug = owners.make_project(owner, f"Rows {secrets.token_hex(3)}", rows)
    while owners.question(owner.get(f"/projects/{slug}/label/")) is None:
        time.sleep(0.2)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--answers", type=int, default=60)
    parser.add_argument("--chromium", default=os.environ.get("WINNOW_CHROMIUM") or shutil.which("chromium"))
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    known = owners.sign_ins(options.home)
    base = f"{options.address}/projects/digits/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        page = browser.new_context(viewport=SIZES["wide"]).new_page()
        sign_in(page, options.address, "bob", known["bob"])
        weight = cold_weight(browser, page, f"{base}label/")
        page.goto(f"{base}label/")
        page.wait_for_selector('input[name="lease"]', state="attached")
        times = label_by_keyboard(page, options.answers)
        figures = {"label_page_bytes": weight, "key_to_next_item_ms": quantiles(times), **ask_api(options)}
        figures["first_item_of_2000_rows_s"] = round(first_item(options.address, options.home), 1)
        for name, value in figures.items():
            print(f"{name:28} {value}")
        write_report(options.json, figures)
        if options.shots:
            take_shots(browser, options, base, known)
        browser.close()


def ask_api(options: argparse.Namespace) -> dict[str, Any]:
    owner = owners.owner_at(options.address, options.home)
    token = owners.make_token(owner, "digits")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        rounds = owners.summary(owner, "digits", token)["rounds"]
        if all(r["state"] in ("done", "failed") for r in rounds):
            break
        time.sleep(0.5)
    return read_rounds(owners.export(owner, "digits", token), rounds)


def take_shots(browser: Browser, options: argparse.Namespace, base: str, known: dict[str, str]) -> None:
    page = browser.new_context().new_page()
    sign_in(page, options.address, "alice", known["alice"])
    pages = {
        "project": base,
        "label": f"{base}label/",
        "advice": f"{base}advice/",
        "strategies": f"{options.address}/strategies/",
        "issues": f"{base}issues/",
        "items": f"{base}items/",
    }
    pages |= {"settings": f"{base}settings/", "home": f"{options.address}/", "new": f"{options.address}/projects/new/"}
    shoot(browser, page, pages, options.shots)


if __name__ == "__main__":
    main()
