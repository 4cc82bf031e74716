"""A person makes a project from a file in a real browser and answers it, item by item and by key, with known labels.

    python -m benchmarks.walk --file ag_news.csv.gz --kind text --text-column text --ignore split --answers 200
    python -m benchmarks.walk --file letter.csv.gz --kind table --answers 300 --shots benchmarks/out/letter

Against a running `make demo`. The file's label column stays here: Winnow sees the rest. Printed: key press to the next
item on the page, every round with its strategy and its accuracy on the audit, and what the export says of the answers.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks import owner as owners
from benchmarks.desk import FLAGS, NEXT_ITEM, SIZES, shoot, sign_in
from benchmarks.machine import quantiles, write_report

SAID = ("number", "state", "used_strategy", "labels_used", "calibration_error", "audit_answered", "accuracy")
FILTERED = 'input[id="filter"]'
# the item as it stands on the page: a text, or the values of a row
SHOWN = """() => {
  const read = (element) => element.textContent.trim().split(/\\s+/).join(' ');
  const cells = [...document.querySelectorAll('#item .row-table td')].map(read);
  return cells.length ? cells : [read(document.querySelector('#item .text'))];
}"""


def read(options: argparse.Namespace) -> tuple[list[dict[str, str]], list[str]]:
    """Rows drawn from the file without label and ignored columns, and their labels."""
    opened = gzip.open if options.file.suffix == ".gz" else open
    with opened(options.file, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(options.seed).shuffle(rows)
    rows = rows[: options.items]
    labels = [row.pop(options.label_column) for row in rows]
    for row in rows:
        for name in options.ignore:
            row.pop(name)
    return rows, labels


def make_project(page: Page, options: argparse.Namespace, rows: list[dict[str, str]], labels: list[str]) -> str:
    """Through the page for a new project; returns its slug."""
    path = Path(tempfile.mkdtemp()) / "items.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    page.goto(f"{options.address}/projects/new/")
    page.fill('input[name="name"]', f"{options.file.name.split('.')[0]} {time.strftime('%H:%M:%S')}")
    page.check(f'input[name="kind"][value="{options.kind}"]')
    page.fill('textarea[name="label_names"]', "\n".join(sorted(set(labels))))
    page.set_input_files('input[name="file"]', path)
    if options.text_column:
        page.click("text=Which column or folder is what")
        page.fill('input[name="text_column"]', options.text_column)
    page.click("text=Make the project")
    page.wait_for_url(lambda url: "/projects/new" not in url)
    return page.url.removeprefix(f"{options.address}/projects/").split("/")[0]


def answer(page: Page, label: str) -> None:
    """By the label's key; where it has none, by typing its name."""
    if page.query_selector(FILTERED):
        page.fill(FILTERED, label)
        page.press(FILTERED, "Enter")
        return
    choice = page.locator("button.choice[name=label]").filter(has=page.get_by_text(label, exact=True))
    page.keyboard.press(choice.first.get_attribute("data-keys") or "")


def label_items(page: Page, known: dict[tuple[str, ...], str], answers: int) -> list[float]:
    """Answers as the file does; returns the seconds from each answer to the next item."""
    times, looks = [], random.Random(1)
    for _ in range(answers):
        lease = page.input_value('input[name="lease"]')
        label = known[tuple(page.evaluate(SHOWN))]
        start = time.perf_counter()
        answer(page, label)
        page.evaluate(NEXT_ITEM, lease)
        times.append(time.perf_counter() - start)
        page.wait_for_timeout(looks.uniform(50, 400))  # a person looks at the item
    return times


def told(options: argparse.Namespace, slug: str) -> dict[str, Any]:
    """What the API says of rounds and answers."""
    owner = owners.owner_at(options.address, options.home)
    token = owners.make_token(owner, slug)
    summary = owners.summary(owner, slug, token)
    rows = owners.export(owner, slug, token)
    return {
        "rounds": [{name: made.get(name) for name in SAID} for made in summary["rounds"]],
        "exported": len(rows),
        "answers": sum(len(row["annotations"]) for row in rows),
    }


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--kind", choices=["text", "table"], required=True)
    parser.add_argument("--text-column", default="")
    parser.add_argument("--label-column", default="label")
    parser.add_argument("--ignore", nargs="*", default=[], help="columns that Winnow is not to see")
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chromium", default=os.environ.get("WINNOW_CHROMIUM") or shutil.which("chromium"))
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = options_of()
    rows, labels = read(options)
    known = {
        tuple(" ".join(value.split()) for value in row.values()): label for row, label in zip(rows, labels, strict=True)
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        page = browser.new_context(viewport=SIZES["wide"]).new_page()
        sign_in(page, options.address, "alice", owners.sign_ins(options.home)["alice"])
        slug = make_project(page, options, rows, labels)
        page.goto(f"{options.address}/projects/{slug}/label/")
        page.wait_for_selector('input[name="lease"]', state="attached")
        times = label_items(page, known, options.answers)
        figures = {"project": slug, "answer_to_next_item_ms": quantiles(times), **told(options, slug)}
        for name, value in figures.items():
            print(name, *(value if name == "rounds" else [value]), sep="\n  " if name == "rounds" else " ")
        write_report(options.json, figures)
        if options.shots:
            base = f"{options.address}/projects/{slug}/"
            shoot(browser, page, {"project": base, "label": f"{base}label/", "items": f"{base}items/"}, options.shots)
        browser.close()


if __name__ == "__main__":
    main()
