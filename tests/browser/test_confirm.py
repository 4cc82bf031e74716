"""Confirming many labels at a time in a real browser, by keyboard."""

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotator.models import Project
from tests import factories
from tests.browser.conftest import Visit

PAUSE = 450  # ms, after which Enter is taken


def confirmed(project: Project) -> int:
    return project.proposals.confirmed().count()


def press_enter(page: Page) -> None:
    page.wait_for_timeout(PAUSE)
    page.keyboard.press("Enter")


def test_a_page_is_confirmed_by_key_but_for_a_marked_one_and_taken_back(visit: Visit, bob: User) -> None:
    project = factories.project(kind="image", items=0, certify=True)
    factories.add_items(project, 30, audit="")
    offered = factories.proposals(project, "apple", 30)
    page = visit(f"/projects/{project.slug}/label/", bob)
    page.get_by_role("link", name="Confirm 29").click()
    expect(page.get_by_role("heading", name="Are all of these apple?")).to_be_visible()
    page.wait_for_load_state("load")
    boxes = page.get_by_role("checkbox")
    count = boxes.count()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "x"):
        page.keyboard.press(key)
    expect(boxes.nth(1)).to_be_focused()
    expect(boxes.nth(1)).to_be_checked()
    expect(page.get_by_role("button", name=f"Confirm {count - 1} as apple")).to_be_visible()
    marked = int(boxes.nth(1).get_attribute("value") or 0)
    press_enter(page)
    expect(page.locator(".note")).to_have_text(f"Confirmed: {count - 1} as apple. 1 will be asked one by one.")
    page.keyboard.press("Enter")  # in the same breath: nobody has looked at this page yet
    expect(page.locator("#announce")).to_contain_text("Are all of these apple?")
    assert confirmed(project) == count - 1
    page.keyboard.press("u")
    expect(page.locator(".note")).to_contain_text("Taken back")
    expect(page.locator(f"#not-{marked}")).to_be_checked()
    assert confirmed(project) == 0
    page.locator(f"#not-{marked}").focus()
    page.keyboard.press("Space")
    press_enter(page)
    expect(page.locator(".note")).to_have_text(f"Confirmed: {count} as apple.")
    press_enter(page)
    expect(page.get_by_role("heading", name="Nothing to confirm now")).to_be_visible()
    assert confirmed(project) == len(offered) - 1, "one is held in the ordinary queue"


def test_a_lost_connection_keeps_the_marks(visit: Visit, bob: User, complaints: list[str]) -> None:
    project = factories.project(items=0, certify=True)
    factories.add_items(project, 4, audit="")
    factories.proposals(project, "apple", 4)
    page = visit(f"/projects/{project.slug}/confirm/", bob)
    page.get_by_text("Text number 2").click()
    page.context.set_offline(True)
    press_enter(page)
    expect(page.locator("#unsent")).to_contain_text("Your marks are kept")
    page.context.set_offline(False)
    page.keyboard.press("Enter")
    expect(page.locator(".note")).to_contain_text("Confirmed: 3 as apple.")
    complaints[:] = [text for text in complaints if "ERR_INTERNET_DISCONNECTED" not in text and "htmx:" not in text]
