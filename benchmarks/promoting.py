"""A project with items out of scope in a real browser, from its first answer to a class that nobody had named.

    python -m benchmarks.promoting --file clinc150.csv.gz --answers 160 --shots benchmarks/out/promoting

Against a running `make demo`. Of the file's intents some are named as labels, one is not, and beside them stands what
belongs to no intent at all. A person answers by key; what is none of the labels is said to be out of scope. When
Winnow offers the unnamed intent as a class, the owner names it, and confirms its items. Printed: after how many answers
the offer came, what share of the items that it showed were of that one intent, key press to the next item, and what the
export says of the new class's items.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks import owner as owners
from benchmarks.desk import FLAGS, NEXT_ITEM, SIZES, shoot, sign_in
from benchmarks.machine import quantiles, write_report
from benchmarks.walk import SHOWN, answer, make_project

NAMED = 8  # intents that are labels; with keys each
FOREIGN = "oos"
PATIENCE = 60_000  # ms for a round
OFFER = 'a:has-text("Look at them")'


def read(options: argparse.Namespace) -> tuple[list[dict[str, str]], dict[str, str], list[str], str]:
    """Rows without their label, text -> intent, the named intents, and the one that is not named."""
    with gzip.open(options.file, "rt", encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    rng = random.Random(options.seed)
    intents = rng.sample(sorted({row["intent"] for row in found} - {FOREIGN}), NAMED + 1)
    named, unnamed = intents[:NAMED], intents[NAMED]
    inside = [row for row in found if row["intent"] in intents]
    outside = rng.sample([row for row in found if row["intent"] == FOREIGN], len(inside) // 4)
    rows = inside + outside
    rng.shuffle(rows)
    known = {" ".join(row["text"].split()): row["intent"] for row in rows}
    return [{"text": row["text"]} for row in rows], known, named, unnamed


def say(page: Page, intent: str, labels: list[str]) -> None:
    """The label's key, or that it is out of scope."""
    if intent in labels:
        answer(page, intent)
    else:
        page.keyboard.press("o")


def label_items(page: Page, known: dict[str, str], labels: list[str], answers: int) -> list[float]:
    """Seconds from each answer to the next item."""
    times, looks = [], random.Random(1)
    for _ in range(answers):
        lease = page.input_value('input[name="lease"]')
        intent = known[page.evaluate(SHOWN)[0]]
        start = time.perf_counter()
        say(page, intent, labels)
        page.evaluate(NEXT_ITEM, lease)
        times.append(time.perf_counter() - start)
        page.wait_for_timeout(looks.uniform(50, 300))  # a person looks at the item
    return times


@dataclass
class Offers:
    """What was offered until the unnamed intent was. times: seconds of each answer.

    dismissed: offers of something else. path: of the offer that is promoted.
    """

    times: list[float] = field(default_factory=list)
    dismissed: int = 0
    path: str = ""


def until_offered(
    page: Page, base: str, options: argparse.Namespace, known: dict[str, str], named: list[str]
) -> Offers:
    """Label until the overview offers the unnamed intent; say of every other offer that it is no class."""
    found = Offers()
    while len(found.times) < options.answers:
        page.goto(f"{base}label/")
        page.wait_for_selector('input[name="lease"]', state="attached")
        found.times += label_items(page, known, named, 20)
        page.goto(base)
        page.wait_for_function("() => !document.querySelector('.running, .tag.queued')", timeout=PATIENCE)
        for path in [each.get_attribute("href") or "" for each in page.query_selector_all(OFFER)]:
            page.goto(f"{options.address}{path}")
            intents = [known.get(" ".join(text.split()), "") for text in page.locator(".in-short").all_inner_texts()]
            if 2 * intents.count(options.unnamed) > len(intents):
                found.path = path
                return found
            page.keyboard.press("d")
            page.wait_for_selector("text=they are no class")
            found.dismissed += 1
    raise SystemExit(f"It was not offered after {len(found.times)} answers; {found.dismissed} others were.")


def promote(page: Page, known: dict[str, str], unnamed: str) -> dict[str, Any]:
    """Name the class, mark what is none of it, and confirm the rest, page by page."""
    page.fill('input[name="name"]', unnamed)
    page.keyboard.press("Enter")
    page.wait_for_selector("#confirm")
    shown = right = pages = 0
    while page.query_selector("#confirm"):
        texts = [" ".join(text.split()) for text in page.locator("#confirm li .in-short").all_inner_texts()]
        boxes = page.locator("#confirm input[type=checkbox]")
        for place, text in enumerate(texts[: boxes.count()]):
            shown, fits = shown + 1, known.get(text) == unnamed
            right += fits
            if not fits:
                boxes.nth(place).check(force=True)
        page.wait_for_timeout(500)  # Enter is not taken at once
        question = page.text_content("#item") or ""
        page.keyboard.press("Enter")
        page.wait_for_function("(before) => document.querySelector('#item').textContent !== before", arg=question)
        pages += 1
    return {"offered": shown, "of_that_intent": right, "pages": pages}


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--file", type=Path, required=True, help="clinc150.csv.gz, or one with text and intent")
    parser.add_argument("--answers", type=int, default=300, help="at most, before the offer")
    parser.add_argument("--after", type=int, default=40, help="answers with the new label")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chromium", default=os.environ.get("WINNOW_CHROMIUM") or shutil.which("chromium"))
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = options_of()
    rows, known, named, unnamed = read(options)
    options.kind, options.text_column, options.unnamed = "text", "text", unnamed
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        page = browser.new_context(viewport=SIZES["wide"]).new_page()
        sign_in(page, options.address, "alice", owners.sign_ins(options.home)["alice"])
        slug = make_project(page, options, rows, named)
        base = f"{options.address}/projects/{slug}/"
        found = until_offered(page, base, options, known, named)
        if options.shots:
            shoot(browser, page, {"overview": base, "offer": f"{options.address}{found.path}"}, options.shots)
        page.goto(f"{options.address}{found.path}")
        figures: dict[str, Any] = {"project": slug, "unnamed": unnamed, "offered_after": len(found.times)}
        figures["other_offers_dismissed"] = found.dismissed
        figures |= promote(page, known, unnamed)
        page.goto(f"{base}label/")
        page.wait_for_selector('input[name="lease"]', state="attached")
        times = found.times + label_items(page, known, [*named, unnamed], options.after)
        figures |= {"answer_to_next_item_ms": quantiles(times), **exported(options, slug, known, unnamed)}
        for name, value in figures.items():
            print(name, value)
        write_report(options.json, figures)
        browser.close()


def exported(options: argparse.Namespace, slug: str, known: dict[str, str], unnamed: str) -> dict[str, Any]:
    """What the export says of the new class."""
    owner = owners.owner_at(options.address, options.home)
    rows = owners.export(owner, slug, owners.make_token(owner, slug))
    made = [row for row in rows if row["label"] == unnamed]
    fits = sum(known[" ".join(row["content"].split())] == unnamed for row in made)
    return {
        "exported_of_the_new_class": len(made),
        "rightly": fits,
        "answers": sum(len(r["annotations"]) for r in rows),
    }


if __name__ == "__main__":
    main()
