"""The API's own page in a real browser: it shows what can be asked, and the content policy lets it."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_documentation_shows_every_endpoint(visit: Visit, transactional_db: None) -> None:
    page = visit("/api/v1/docs", None)
    expect(page.locator("h1, h2.title").first).to_contain_text("Winnow")
    expect(page.locator(".opblock-summary-path")).to_have_count(2)
    page.locator(".opblock-summary").last.click()
    expect(page.locator(".opblock-body").first).to_contain_text("application/x-ndjson")
