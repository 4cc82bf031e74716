"""Labelling in a real browser: by keyboard, without scripts, on a phone, over a bad line."""

import re

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotator.models import Project
from tests import factories
from tests.browser.conftest import Visit


def at(project: Project) -> str:
    return f"/projects/{project.slug}/label/"


def lease(page: Page) -> str:
    return page.locator("input[name=lease]").input_value()


def says(project: Project) -> list[str]:
    return [a.says for a in project.annotations.current().order_by("sequence")]


def press(page: Page, key: str) -> None:
    """Press a key and wait for the next item."""
    before = lease(page)
    page.keyboard.press(key)
    expect(page.locator("input[name=lease]")).not_to_have_value(before)


def test_labels_by_key_and_takes_one_back(visit: Visit, bob: User) -> None:
    project = factories.project()
    page = visit(at(project), bob)
    for key in ("2", "o", "s", "1"):
        press(page, key)
    assert says(project) == ["banana", "Out of scope", "Skipped", "apple"]
    expect(page.locator(".note")).to_have_text("Saved: apple.")
    expect(page.locator("#announce")).to_contain_text("Saved: apple. Next item.")
    press(page, "u")
    expect(page.locator(".note")).to_contain_text("Taken back")
    assert says(project) == ["banana", "Out of scope", "Skipped"]
    taken = project.annotations.filter(outcome="label").latest("sequence")
    assert taken.seconds is not None


def test_a_key_held_down_answers_once(visit: Visit, bob: User) -> None:
    project = factories.project()
    page = visit(at(project), bob)
    before = lease(page)
    for _ in range(5):
        page.keyboard.down("1")
    expect(page.locator("input[name=lease]")).not_to_have_value(before)
    for _ in range(5):
        page.keyboard.down("1")
    page.wait_for_timeout(300)
    assert says(project) == ["apple"]


def test_many_labels_are_found_by_typing(visit: Visit, bob: User) -> None:
    project = factories.project(labels=factories.FRUIT)
    page = visit(at(project), bob)
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("kiw")
    expect(page.locator("button[name=label]:visible")).to_have_count(1)
    press(page, "Enter")
    expect(page.locator("#filter")).to_be_focused()
    page.keyboard.type("an")  # banana: the visible one has the key 1
    press(page, "1")
    press(page, "2")
    press(page, "Alt+o")
    assert says(project) == ["kiwi", "banana", "banana", "Out of scope"]
    page.keyboard.press("Escape")
    press(page, "s")
    assert says(project)[-1] == "Skipped"


def test_the_keys_are_listed_on_demand(visit: Visit, bob: User) -> None:
    page = visit(at(factories.project()), bob)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("1")  # goes nowhere
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()


def test_a_lost_connection_keeps_the_answer(visit: Visit, bob: User, complaints: list[str]) -> None:
    project = factories.project()
    page = visit(at(project), bob)
    before = lease(page)
    page.context.set_offline(True)
    page.keyboard.press("3")
    expect(page.locator("#unsent")).to_contain_text("Your answer is kept")
    page.keyboard.press("1")  # another answer does not overtake it
    assert lease(page) == before
    page.context.set_offline(False)
    expect(page.locator("input[name=lease]")).not_to_have_value(before)
    expect(page.locator("#unsent")).to_be_hidden()
    assert says(project) == ["cherry"]
    complaints[:] = [text for text in complaints if "ERR_INTERNET_DISCONNECTED" not in text and "htmx:" not in text]


def test_an_expired_session_keeps_the_answer(visit: Visit, bob: User) -> None:
    project = factories.project()
    page = visit(at(project), bob)
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("2")
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".messages")).to_contain_text("Your kept answer “banana” is recorded.")
    assert says(project) == ["banana"]
    expect(page.locator("#answer")).to_be_visible()


def test_everything_works_without_scripts(visit: Visit, bob: User) -> None:
    project = factories.project(labels=factories.FRUIT)
    page = visit(at(project), bob, java_script_enabled=False)
    expect(page.locator("#filter")).to_be_hidden()
    page.get_by_role("button", name="lemon").click()
    expect(page.locator(".messages")).to_contain_text("Saved: lemon.")
    page.get_by_role("button", name="Skip").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name=re.compile("Out of scope")).click()
    assert says(project) == ["lemon", "Out of scope"]


def test_a_phone_shows_item_and_labels_without_sideways_scrolling(visit: Visit, bob: User) -> None:
    project = factories.project(kind="image", labels=[str(digit) for digit in range(10)])
    page = visit(at(project), bob, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    expect(page.get_by_role("button", name="9", exact=True)).to_be_in_viewport()
    page.get_by_role("button", name="7", exact=True).tap()
    expect(page.locator(".note")).to_have_text("Saved: 7.")
