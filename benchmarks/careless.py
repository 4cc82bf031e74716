"""Three people in a real browser, one of them careless: found by the rounds, and what they got wrong put right by key.

    python -m benchmarks.careless --file fashion_mnist.npz --answers 450 --review 40 --shots benchmarks/out/careless

Against a running `make demo`. Pictures of the file are sent as a ZIP; three people answer them by key in turns of ten,
two of them right 19 times in 20, the third, careless, 3 times in 5. Then the owner decides flagged labels by key, as
the file says. Printed: what the rounds found of each person, how many flags were wrong labels and how many they said
would be, the share of wrong rows in the export before and after, how many answers were second opinions, what the page
says of the audited accuracy, and key press to the next item.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import secrets
import shutil
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import owner as owners
from benchmarks.desk import FLAGS, NEXT_ITEM, SIZES, shoot, sign_in
from benchmarks.machine import quantiles, write_report
from benchmarks.walk import answer

LABELS = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
RIGHT = {"alice": 0.95, "careful": 0.95, "careless": 0.6}
TURN = 10  # answers of one person before the next
PATIENCE = 120_000  # ms for a round
PICTURE = "#item .picture img"


class Truth:
    """The file's labels, by what a picture looks like."""

    def __init__(self, options: argparse.Namespace) -> None:
        with np.load(options.file) as found:
            chosen = np.random.default_rng(options.seed).permutation(len(found["y_train"]))[: options.items]
            self.pictures, self.labels = found["x_train"][chosen], found["y_train"][chosen]
        self.known = {_look(Image.fromarray(x)): LABELS[y] for x, y in zip(self.pictures, self.labels, strict=True)}
        self.by_key = {f"{place}.png": LABELS[label] for place, label in enumerate(self.labels)}

    def on(self, page: Page) -> str:
        source = page.locator(PICTURE).first.get_attribute("src") or ""
        body = page.request.get(page.evaluate("(path) => new URL(path, location.href).href", source)).body()
        return self.known[_look(Image.open(io.BytesIO(body)))]

    def archive(self) -> Path:
        path = Path(tempfile.mkdtemp()) / "pictures.zip"
        with zipfile.ZipFile(path, "w") as into:
            for place, picture in enumerate(self.pictures):
                out = io.BytesIO()
                Image.fromarray(picture).save(out, "PNG")
                into.writestr(f"{place}.png", out.getvalue())
        return path


def _look(picture: Image.Image) -> str:
    return hashlib.sha256(picture.convert("L").tobytes()).hexdigest()


def make_project(page: Page, options: argparse.Namespace, truth: Truth) -> str:
    page.goto(f"{options.address}/projects/new/")
    page.fill('input[name="name"]', f"Fashion {time.strftime('%H:%M:%S')}")
    page.check('input[name="kind"][value="image"]')
    page.fill('textarea[name="label_names"]', "\n".join(LABELS))
    page.set_input_files('input[name="file"]', truth.archive())
    if options.alone:
        page.click("text=How often one item is asked")
        page.fill('input[name="overlap"]', "1")
    page.click("text=Make the project")
    page.wait_for_url(lambda url: "/projects/new" not in url)
    return page.url.removeprefix(f"{options.address}/projects/").split("/")[0]


def people(browser: Browser, options: argparse.Namespace, slug: str, first: Page) -> dict[str, Page]:
    """The owner's page, and one for each of two who join by a link."""
    owner = owners.owner_at(options.address, options.home)
    found = {"alice": first}
    for name in list(RIGHT)[1:]:
        account, password = f"{name}-{secrets.token_hex(3)}", secrets.token_urlsafe(12)
        owners.join(options.address, owners.invite(owner, slug), account, password)
        page = browser.new_context(viewport=SIZES["wide"]).new_page()
        sign_in(page, options.address, account, password)
        found[name] = page
    return found


def label_items(page: Page, name: str, truth: Truth, rng: random.Random, answers: int) -> list[float]:
    """Answers, at that person's rate the right one; seconds from each key press to the next item."""
    times = []
    for _ in range(answers):
        if not page.query_selector('input[name="lease"]'):
            break
        lease, label = page.input_value('input[name="lease"]'), truth.on(page)
        if rng.random() > RIGHT[name]:
            label = rng.choice([other for other in LABELS if other != label])
        start = time.perf_counter()
        answer(page, label)
        page.evaluate(NEXT_ITEM, lease)
        times.append(time.perf_counter() - start)
    return times


def wait_for_round(page: Page, base: str) -> None:
    page.goto(base)
    page.wait_for_function("() => !document.querySelector('.running, .tag.queued')", timeout=PATIENCE)


def review(page: Page, base: str, truth: Truth, most: int) -> tuple[int, list[float]]:
    """Decide what is flagged, the worst first, by key; how many, and the seconds of each."""
    page.goto(f"{base}issues/")
    times: list[float] = []
    while len(times) < most and page.query_selector("button.verdict"):
        label = truth.on(page)
        given, expected = (text.strip() for text in page.locator("button.verdict b").all_inner_texts())
        shown = page.locator("form.decide").get_attribute("action") or ""
        start = time.perf_counter()
        if label in (given, expected):
            page.keyboard.press("1" if label == given else "2")
        else:
            page.select_option("#choice", label=label)
            page.click("button[value=choose]")
        page.wait_for_function(
            "(before) => document.querySelector('form.decide')?.getAttribute('action') !== before", arg=shown
        )
        times.append(time.perf_counter() - start)
    return len(times), times


def exported(options: argparse.Namespace, slug: str, truth: Truth) -> dict[str, Any]:
    owner = owners.owner_at(options.address, options.home)
    rows = owners.export(owner, slug, owners.make_token(owner, slug))
    labeled = [row for row in rows if row["label"]]
    wrong = sum(row["label"] != truth.by_key[row["id"].split("/")[-1]] for row in labeled)
    said = [one for row in rows for one in row["annotations"] if one["current"]]
    draws = [one["draw"] for one in said]
    return {
        "rows": len(labeled),
        "wrong_rows": round(wrong / max(len(labeled), 1), 4),
        "answers": sum(one["source"] == "answer" for one in said),
        "second_opinions": draws.count("opinion"),
        "rechecks": draws.count("recheck"),
    }


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="http://127.0.0.1:8000")
    parser.add_argument("--home", type=Path, default=Path("var"))
    parser.add_argument("--file", type=Path, required=True, help="fashion_mnist.npz, or one with x_train and y_train")
    parser.add_argument("--items", type=int, default=1500)
    parser.add_argument("--answers", type=int, default=450)
    parser.add_argument("--review", type=int, default=40, help="flags decided at most")
    parser.add_argument("--alone", action="store_true", help="every item of one person, so no second opinions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chromium", default=os.environ.get("WINNOW_CHROMIUM") or shutil.which("chromium"))
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def walk(browser: Browser, first: Page, options: argparse.Namespace) -> dict[str, Any]:
    """The whole of it; what it showed."""
    truth, rng = Truth(options), random.Random(0)
    slug = make_project(first, options, truth)
    base = f"{options.address}/projects/{slug}/"
    pages, times = people(browser, options, slug, first), []
    while len(times) < options.answers:
        for name, page in pages.items():
            page.goto(f"{base}label/")
            page.wait_for_selector('input[name="lease"]', state="attached")
            times += label_items(page, name, truth, rng, TURN)
    wait_for_round(first, base)
    figures: dict[str, Any] = {"project": slug, "answer_to_next_item_ms": quantiles(times)}
    table = first.locator("table", has=first.get_by_role("columnheader", name="Right"))
    figures["people"] = [" ".join(row.split()) for row in table.locator("tbody tr").all_inner_texts()]
    figures["before"] = exported(options, slug, truth)
    shown = {"overview": base, "issues": f"{base}issues/", "pairs": f"{base}issues/pairs/"}
    if options.shots:
        shoot(browser, first, shown, options.shots)
    decided, spent = review(first, base, truth, options.review)
    figures |= {"flags_decided": decided, "flag_to_next_ms": quantiles(spent) if spent else None}
    first.goto(base)
    first.click("text=Train now")
    wait_for_round(first, base)
    first.goto(f"{base}issues/")
    figures["outcome"] = [" ".join(tile.split()) for tile in first.locator(".outcome .tile").all_inner_texts()]
    figures["after"] = exported(options, slug, truth)
    if options.shots:
        shoot(browser, first, {"issues-after": f"{base}issues/"}, options.shots)
    return figures


def main() -> None:
    options = options_of()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=FLAGS)
        first = browser.new_context(viewport=SIZES["wide"]).new_page()
        sign_in(first, options.address, "alice", owners.sign_ins(options.home)["alice"])
        figures = walk(browser, first, options)
        browser.close()
    for name, value in figures.items():
        print(name, *(value if isinstance(value, list) else [value]), sep="\n  " if isinstance(value, list) else " ")
    write_report(options.json, figures)


if __name__ == "__main__":
    main()
