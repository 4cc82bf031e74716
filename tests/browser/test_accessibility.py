"""axe-core finds nothing on any page, light or dark, wide or narrow; and no page scrolls sideways."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User

from annotator import managing, promoting
from tests import factories
from tests.browser.conftest import Visit

PAGES = {
    "home": ("/", "alice"),
    "empty home": ("/", "charlie"),
    "sign in": ("/sign-in/", None),
    "join": ("/join/{token}/", None),
    "password": ("/account/password/", "alice"),
    "new project": ("/projects/new/", "alice"),
    "strategies": ("/strategies/", "alice"),
    "project": ("/projects/fruit/", "alice"),
    "project of a member": ("/projects/fruit/", "bob"),
    "label": ("/projects/fruit/label/", "bob"),
    "label images": ("/projects/pictures/label/", "bob"),
    "label rows": ("/projects/rows/label/", "bob"),
    "all done": ("/projects/nothing/label/", "bob"),
    "confirm images": ("/projects/pictures/confirm/", "bob"),
    "confirm rows": ("/projects/rows/confirm/", "bob"),
    "confirm texts": ("/projects/prose/confirm/", "bob"),
    "nothing to confirm": ("/projects/fruit/confirm/", "bob"),
    "project with labels to confirm": ("/projects/rows/", "alice"),
    "advice": ("/projects/fruit/advice/", "alice"),
    "nothing alike": ("/projects/rows/alike/", "alice"),
    "alike": ("/projects/odd/alike/", "alice"),
    "texts alike": ("/projects/odd/alike/{texts}/", "alice"),
    "images alike": ("/projects/odd-pictures/alike/{pictures}/", "alice"),
    "a new label to confirm": ("/projects/odd-rows/alike/{rows}/", "alice"),
    "project with answers alike": ("/projects/odd/", "alice"),
    "issues of a new label": ("/projects/odd-rows/issues/", "alice"),
    "issues": ("/projects/fruit/issues/", "alice"),
    "no issues": ("/projects/rows/issues/", "alice"),
    "confused labels": ("/projects/fruit/issues/pairs/", "alice"),
    "nothing confused": ("/projects/rows/issues/pairs/", "alice"),
    "a person": ("/projects/fruit/people/{bob}/", "alice"),
    "oneself": ("/projects/fruit/people/{bob}/", "bob"),
    "a person of whom nothing is known": ("/projects/fruit/people/{alice}/", "alice"),
    "items": ("/projects/fruit/items/", "alice"),
    "item": ("/projects/fruit/items/{item}/", "alice"),
    "import": ("/projects/fruit/import/", "alice"),
    "settings": ("/projects/fruit/settings/", "alice"),
    "delete": ("/projects/fruit/delete/", "alice"),
}
LOOKS = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]


@pytest.fixture
def world(transactional_db: None) -> dict[str, object]:
    """Projects with something on every page."""
    alice, bob = factories.user("alice"), factories.user("bob")
    factories.user("charlie")
    project = factories.project(labels=factories.FRUIT, guidelines="Look twice.", limit=50)
    said = factories.answered(project, bob, "apple")
    figures = {"audit_answered": 40, "accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95}
    factories.finished_round(project, **figures, notes=["A note."])
    factories.finished_round(project, 2, state="running", step="train", progress=0.5, **figures)
    doubt = factories.issue(said, "banana")
    pair = {"first": doubt.given_id, "second": doubt.expected_id, "disagreements": 2, "suspects": 1}
    doubt.round.confused = [{**pair, "items": [doubt.item_id]}]
    doubt.round.save()
    near = project.items.exclude(pk=doubt.item_id).values_list("pk", flat=True)[:3]
    doubt.neighbors = {"given": list(near), "expected": []}
    doubt.save()
    factories.quality(project, bob, changed=True, latest=0.5, before=0.9)
    token = managing.invite(project, by=alice).token
    managing.create_token(project, "nightly", by=alice)
    for name, kind in (("Pictures", "image"), ("Rows", "table"), ("Prose", "text")):
        factories.proposals(factories.project(name=name, kind=kind, items=30, certify=True), "apple", 26)
    factories.project(name="Nothing", items=0)
    odd = {}
    for name, kind in (("Odd", "text"), ("Odd pictures", "image"), ("Odd rows", "table")):
        made = factories.project(name=name, kind=kind, items=0)
        factories.add_items(made, 12, audit="")
        odd[kind] = factories.novelty(made, bob, 9)
    promoting.promote(odd["table"], "quince", by=alice)
    alike = {"texts": odd["text"].pk, "pictures": odd["image"].pk, "rows": odd["table"].pk}
    return {"token": token, "item": said.item_id, "alice": alice.pk, "bob": bob.pk, **alike}


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_no_violation_on_any_page(visit: Visit, world: dict[str, object], scheme: str, width: int) -> None:
    found = []
    for name, (path, who) in PAGES.items():
        person = User.objects.get(username=who) if who else None
        page = visit(path.format(**world), person, color_scheme=scheme, viewport={"width": width, "height": 800})
        found += [f"{name}: {v['id']} {v['nodes'][0]['target']}" for v in Axe().run(page).response["violations"]]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{name}: scrolls sideways")
        page.context.close()
    assert found == []
