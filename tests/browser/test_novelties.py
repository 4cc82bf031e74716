"""A class among the out-of-scope answers, from the overview to confirmed labels, by keyboard."""

from django.contrib.auth.models import User
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import Visit

PAUSE = 450  # ms, after which Enter is taken


def test_a_class_is_named_and_its_items_confirmed_by_key(visit: Visit, alice: User, bob: User) -> None:
    project = factories.project(items=0)
    factories.add_items(project, 12, audit="")
    factories.novelty(project, bob, 10)
    page = visit(f"/projects/{project.slug}/", alice)
    page.get_by_role("link", name="Look at them").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("10 out-of-scope answers look alike")
    page.get_by_label("Name of the new class").fill("quince")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Are all of these quince?")).to_be_visible()
    page.wait_for_load_state("load")
    for key in ("ArrowRight", "ArrowRight", "x"):
        page.keyboard.press(key)
    boxes = page.get_by_role("checkbox")
    expect(boxes.nth(1)).to_be_checked()
    expect(page.get_by_role("button", name="Confirm 9 as quince")).to_be_visible()
    page.wait_for_timeout(PAUSE)
    page.keyboard.press("Enter")
    expect(page.locator(".note")).to_have_text("9 confirmed as quince. 1 kept out of scope.")
    expect(page.get_by_role("heading", name="All are decided")).to_be_visible()
    assert project.items.filter(label__name="quince").count() == 9


def test_no_class_is_said_by_key_and_taken_back(visit: Visit, alice: User, bob: User) -> None:
    project = factories.project(items=0)
    factories.add_items(project, 12, audit="")
    offer = factories.novelty(project, bob, 10)
    page = visit(f"/projects/{project.slug}/alike/{offer.pk}/", alice)
    page.keyboard.press("d")
    expect(page.get_by_text("alice said that they are no class")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="Make it a class")).to_be_visible()
