"""The owner's pages in a real browser."""

from pathlib import Path

from django.contrib.auth.models import User
from playwright.sync_api import expect

from annotator.models import LabelIssue, Round
from tests import factories
from tests.browser.conftest import Visit


def test_label_issues_are_decided_by_key(visit: Visit, alice: User, bob: User) -> None:
    project = factories.project()
    for quality in (0.1, 0.2, 0.3):
        factories.issue(factories.answered(project, bob, "apple"), "banana", quality=quality)
    page = visit(f"/projects/{project.slug}/issues/", alice)
    page.keyboard.press("2")
    expect(page.locator(".note")).to_have_text("Corrected to: banana. Said before: bob: apple.")
    page.keyboard.press("ArrowRight")
    expect(page.locator("tr[aria-current]")).to_contain_text("30.0 %")
    page.keyboard.press("k")
    expect(page.locator(".note")).to_have_text("Kept: apple. Said before: bob: apple.")
    states = list(LabelIssue.objects.order_by("quality").values_list("state", flat=True))
    assert states == ["corrected", "open", "confirmed"]
    page.keyboard.press("u")
    expect(page.locator(".note")).to_have_text("Taken back.")
    expect(page.locator("tr[aria-current]")).to_contain_text("30.0 %")
    page.keyboard.press("g")
    expect(page.locator(".note")).to_contain_text("the guideline is unclear here")
    states = list(LabelIssue.objects.order_by("quality").values_list("state", flat=True))
    assert states == ["corrected", "open", "unclear"]
    page.get_by_label("Keep the label of").check()
    page.get_by_role("button", name="Keep the given labels").click()
    expect(page.locator(".note")).to_have_text("Kept: 1 given labels.")
    expect(page.get_by_role("heading", name="No open issues")).to_be_visible()


def test_labels_are_downloaded(visit: Visit, alice: User, bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob, "cherry")
    page = visit(f"/projects/{project.slug}/", alice)
    for name in ("Labels as CSV", "JSON lines"):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        assert "cherry" in Path(download.value.path()).read_text()


def test_the_page_follows_a_round_to_its_end(visit: Visit, alice: User) -> None:
    project = factories.project()
    factories.living_learner()
    found = factories.finished_round(project, state=Round.State.RUNNING, step="train", progress=0.4, accuracy=None)
    page = visit(f"/projects/{project.slug}/", alice)
    expect(page.locator(".running")).to_have_text("train")
    expect(page.locator(".plot-note")).to_be_visible()
    figures = {"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95, "audit_answered": 40}
    Round.objects.filter(pk=found.pk).update(state=Round.State.DONE, **figures)
    expect(page.locator(".tag.done")).to_have_text("Done")
    expect(page.locator("#figures td").get_by_text("90.0 %")).to_be_visible()
    expect(page.locator(".plot canvas")).to_be_visible()


def test_a_project_is_made_in_the_browser(visit: Visit, charlie: User, tmp_path: Path) -> None:
    file = tmp_path / "birds.csv"
    file.write_text("id,text\n1,hoots\n2,sings\n")
    page = visit("/", charlie)
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Birds")
    page.get_by_label("Texts").check()
    page.get_by_label("Labels, one a line").fill("owl\nwren")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Make the project").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Birds")
    expect(page.get_by_text("birds.csv").first).to_be_attached()
