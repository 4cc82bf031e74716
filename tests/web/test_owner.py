"""The owner's pages."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotator import people
from annotator.models import Annotation, Item, LabelIssue, Project, Round
from tests import factories

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


def at(name: str, project: Project, *args: object) -> str:
    return reverse(name, args=[project.slug, *args])


def test_home_lists_projects_and_ones_own_answers(as_bob: Client, bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob, "cherry")
    html = as_bob.get("/").content.decode()
    assert "Fruit" in html
    assert "cherry" in html


def test_an_empty_home_says_how_to_begin(as_charlie: Client) -> None:
    assert "Make your first project" in as_charlie.get("/").content.decode()


NEW = {
    "name": "Birds",
    "kind": "text",
    "label_names": "owl\n\nwren\nowl\n",
    "strategy": "margin",
    "batch_size": "10",
    "limit": "100",
    "cleaning": "on",
    "guidelines": "Look at the beak.",
}


def test_a_new_project_with_its_file(as_charlie: Client) -> None:
    file = SimpleUploadedFile("birds.csv", b"id,text\n1,hoots\n2,sings\n")
    answer = as_charlie.post(reverse("project-new"), {**NEW, "file": file, "id_column": "id"})
    project = Project.objects.get(slug="birds")
    assert answer["Location"] == at("project", project)
    assert [label.name for label in project.labels.all()] == ["owl", "wren"]
    assert (project.budget.limit, project.batch_size, project.cleaning) == (100, 10, True)
    assert project.imports.get().name == "birds.csv"
    assert project.imports.get().options == {"id_column": "id"}


@pytest.mark.parametrize(
    "wrong", [{"label_names": "one"}, {"name": ""}, {"strategy": "magic"}, {"batch_size": "0"}, {"kind": "smell"}]
)
def test_a_wrong_project_is_refused_with_what_was_typed(as_charlie: Client, wrong: dict[str, str]) -> None:
    answer = as_charlie.post(reverse("project-new"), {**NEW, **wrong})
    assert answer.status_code == 422
    assert "Look at the beak." in answer.content.decode()
    assert not Project.objects.exists()


def test_a_file_may_bring_the_labels(as_charlie: Client) -> None:
    file = SimpleUploadedFile("birds.csv", b"id,text,kind\n1,hoots,owl\n")
    nameless = {**NEW, "label_names": ""}
    assert as_charlie.post(reverse("project-new"), {**nameless, "file": file}).status_code == 422
    file.seek(0)
    assert (
        as_charlie.post(reverse("project-new"), {**nameless, "file": file, "label_column": "kind"}).status_code == 302
    )


def test_a_project_named_new_has_an_address_of_its_own(as_charlie: Client) -> None:
    as_charlie.post(reverse("project-new"), {**NEW, "name": "New"})
    assert Project.objects.get().slug == "new-project"


def test_the_project_page_says_too_few_below_thirty(as_alice: Client) -> None:
    project = factories.project()
    factories.finished_round(project, audit_answered=12, accuracy=0.9, accuracy_low=0.8, accuracy_high=0.95)
    html = as_alice.get(at("project", project)).content.decode()
    assert "Too few to say" in html
    assert "12 of 30" in html
    assert "90.0 %" not in html
    assert as_alice.get(at("project-figures", project)).json()["curve"][0]["accuracy"] is None


def test_the_project_page_shows_accuracy_with_its_interval(as_alice: Client) -> None:
    project = factories.project()
    factories.finished_round(project, audit_answered=40, accuracy=0.9, accuracy_low=0.8, accuracy_high=0.95)
    html = as_alice.get(at("project", project)).content.decode()
    assert "90.0 %" in html
    assert "80 % to 95 %" in html


def test_the_project_page_counts_undone_answers_out(as_alice: Client, bob: User) -> None:
    from annotator import labeling

    project = factories.project()
    factories.answered(project, bob)
    factories.answered(project, bob)
    labeling.undo(project, bob)
    counted = people.person_counts(project)
    assert [(c.name, c.answers, c.undone) for c in counted] == [("bob", 1, 1)]
    assert as_alice.get(at("project", project)).status_code == 200


def test_a_missing_learner_is_said(as_alice: Client) -> None:
    project = factories.project()
    assert "No learner is running" in as_alice.get(at("project-live", project)).content.decode()
    factories.living_learner()
    assert "No learner is running" not in as_alice.get(at("project-live", project)).content.decode()


def test_a_running_round_shows_its_step_and_is_polled(as_alice: Client) -> None:
    project = factories.project()
    factories.finished_round(project, state=Round.State.RUNNING, step="train", progress=0.5, finished_at=None)
    html = as_alice.get(at("project-live", project)).content.decode()
    assert 'value="0.500"' in html
    assert "every 2s" in html


def test_train_now_queues_one_round(as_alice: Client) -> None:
    project = factories.project()
    as_alice.post(at("project-train", project))
    assert project.rounds.get().state == Round.State.QUEUED
    assert as_alice.post(at("project-train", project)).status_code == 409


def test_pause_archive_resume(as_alice: Client) -> None:
    project = factories.project()
    for action, state in (("pause", "paused"), ("archive", "archived"), ("resume", "active")):
        as_alice.post(at("project-state", project), {"action": action})
        project.refresh_from_db()
        assert project.state == state


def test_settings_are_saved_together_or_not_at_all(as_alice: Client, bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob)
    good = {"name": "Berries", "strategy": "entropy", "batch_size": "7", "limit": "50"}
    assert as_alice.post(at("settings", project), good).status_code == 302
    project = Project.objects.get()
    assert (project.name, project.strategy, project.cleaning, project.budget.limit) == ("Berries", "entropy", False, 50)
    assert as_alice.post(at("settings", project), {**good, "name": "X", "limit": "0"}).status_code == 422
    assert Project.objects.get().name == "Berries"


def test_a_token_is_shown_once(as_alice: Client) -> None:
    project = factories.project()
    html = as_alice.post(at("token-create", project), {"name": "nightly"}).content.decode()
    secret = html.split('id="secret">')[1].split("<")[0]
    assert len(secret) > 30
    settings = as_alice.get(at("settings", project)).content.decode()
    assert "nightly" in settings
    assert secret not in settings


def test_deleting_needs_the_name_and_hides_the_project_at_once(as_alice: Client) -> None:
    project = factories.project(items=10)
    page = as_alice.get(at("project-delete", project)).content.decode()
    assert "<b>10</b> items" in page
    assert as_alice.post(at("project-delete", project), {"name": "Froot"}).status_code == 422
    assert as_alice.post(at("project-delete", project), {"name": "Fruit"}).status_code == 302
    assert as_alice.get(at("project", project)).status_code == 404
    assert Project.objects.get().state == Project.State.DELETED


def suspect(bob: User) -> tuple[Project, LabelIssue]:
    project = factories.project()
    return project, factories.issue(factories.answered(project, bob, "apple"), "banana")


@pytest.mark.parametrize(
    ("decision", "state", "label"), [("confirm", "confirmed", "apple"), ("correct", "corrected", "banana")]
)
def test_an_issue_is_decided(as_alice: Client, bob: User, decision: str, state: str, label: str) -> None:
    project, issue = suspect(bob)
    assert "Corrected" not in as_alice.get(at("issues", project)).content.decode()
    answer = as_alice.post(at("issue-decide", project, issue.pk), {"decision": decision}, **HTMX)
    assert "No open issues" in answer.content.decode()
    issue.refresh_from_db()
    assert (issue.state, Item.objects.get(pk=issue.item_id).label.name) == (state, label)  # type: ignore[union-attr]
    assert as_alice.post(at("issue-decide", project, issue.pk), {"decision": decision}).status_code == 409


def test_an_issue_can_be_neither(as_alice: Client, bob: User) -> None:
    project, issue = suspect(bob)
    cherry = factories.label_of(project, "cherry")
    as_alice.post(at("issue-decide", project, issue.pk), {"decision": "choose", "choice": cherry.pk})
    assert Item.objects.get(pk=issue.item_id).label == cherry
    assert Annotation.objects.filter(item=issue.item_id).count() == 2


def test_deciding_goes_on_to_the_next_issue(as_alice: Client, bob: User) -> None:
    project, first = suspect(bob)
    second = factories.issue(factories.answered(project, bob, "apple"), "cherry", quality=0.2)
    third = factories.issue(factories.answered(project, bob, "apple"), "cherry", quality=0.3)
    html = as_alice.post(at("issue-decide", project, second.pk), {"decision": "confirm"}, **HTMX).content.decode()
    assert at("issue-decide", project, third.pk) in html
    assert at("issue-decide", project, first.pk) not in html


def test_items_are_found_by_everything_one_may_ask(as_alice: Client, bob: User) -> None:
    project = factories.project()
    said = factories.answered(project, bob, "cherry")
    found = factories.finished_round(project)
    asked = factories.open_query(project.items.filter(state="unasked")[0], round=found)
    cherry = factories.label_of(project, "cherry")
    wishes = [{"label": cherry.pk}, {"person": bob.pk}, {"outcome": "label"}, {"q": said.item.key}]
    for wish in wishes:
        html = as_alice.get(at("items", project), wish).content.decode()
        assert html.count("/items/") - html.count("/image") >= 1
        assert f'/items/{said.item_id}/"' in html
        assert f'/items/{asked.item_id}/"' not in html
    assert f'/items/{asked.item_id}/"' in as_alice.get(at("items", project), {"round": 1}).content.decode()
    assert "No item matches" in as_alice.get(at("items", project), {"q": "nowhere"}).content.decode()
    assert as_alice.get(at("items", project), {"person": "x"}).status_code == 422


def test_items_go_by_pages(as_alice: Client) -> None:
    project = factories.project(items=60)
    first = as_alice.get(at("items", project)).content.decode()
    last_of_page = project.items.order_by("pk")[49].pk
    assert f"?after={last_of_page}" in first
    second = as_alice.get(at("items", project), {"after": last_of_page}).content.decode()
    assert second.count('<th scope="row"') == 10


def test_an_item_tells_its_history_and_can_be_fixed(as_alice: Client, bob: User) -> None:
    from annotator import labeling

    project = factories.project()
    said = factories.answered(project, bob, "apple")
    labeling.undo(project, bob)
    address = at("item", project, said.item_id)
    html = as_alice.get(address).content.decode()
    assert "<s>apple</s>" in html
    assert "Undid apple" in html
    as_alice.post(address, {"choice": factories.label_of(project, "banana").pk})
    assert Item.objects.get(pk=said.item_id).label == factories.label_of(project, "banana")
    assert as_alice.post(address, {"choice": "999"}).status_code == 422


def test_an_image_is_served_as_an_image_to_those_who_may_see_it(
    as_alice: Client, as_bob: Client, as_charlie: Client, client: Client
) -> None:
    project = factories.project(kind="image", items=2)
    item = project.items.all()[0]
    address = at("item-image", project, item.pk)
    answer = as_alice.get(address)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer["Cache-Control"]
    assert "Content-Encoding" not in answer
    assert as_bob.get(address).status_code == 404  # it was not asked of him
    assert as_charlie.get(address).status_code == 404
    assert client.get(address).status_code == 302


@pytest.mark.parametrize("file", ["page.html", "drawing.svg", "../../secret_key", "missing.png", ""])
def test_nothing_but_images_is_served(as_alice: Client, file: str) -> None:
    project = factories.project(kind="image", items=1)
    Item.objects.update(file=file)
    assert as_alice.get(at("item-image", project, project.items.get().pk)).status_code in (400, 404)


def test_labels_are_downloaded(as_alice: Client, bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob, "cherry")
    for name in ("labels-csv", "labels-jsonl"):
        answer = as_alice.get(at(name, project))
        body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        assert "attachment" in answer["Content-Disposition"]
        assert b"cherry" in body


def test_a_review_is_blind_until_it_is_decided_and_can_be_undone(as_alice: Client, bob: User) -> None:
    project, issue = suspect(bob)
    assert "bob" not in as_alice.get(at("issues", project)).content.decode(), "who said it sways nobody"
    html = as_alice.post(at("issue-decide", project, issue.pk), {"decision": "correct"}, **HTMX).content.decode()
    assert "Said before: bob: apple." in html
    assert "100 %" in html, "the precision of the flags so far"
    html = as_alice.post(at("issues-undo", project), **HTMX).content.decode()
    assert "Taken back." in html
    assert at("issue-decide", project, issue.pk) in html
    html = as_alice.post(at("issues-undo", project), **HTMX).content.decode()
    assert "no decision of yours" in html


def test_an_issue_may_be_out_of_scope_or_unclear(as_alice: Client, bob: User) -> None:
    project, issue = suspect(bob)
    other = factories.issue(factories.answered(project, bob, "apple"), "cherry", quality=0.2)
    as_alice.post(at("issue-decide", project, issue.pk), {"decision": "out_of_scope"}, **HTMX)
    assert Item.objects.get(pk=issue.item_id).outcome == "out_of_scope"
    html = as_alice.post(at("issue-decide", project, other.pk), {"decision": "unclear"}, **HTMX).content.decode()
    assert "the guideline is unclear here" in html


def test_obvious_false_alarms_are_kept_at_once(as_alice: Client, bob: User) -> None:
    project, issue = suspect(bob)
    answer = as_alice.post(at("issues-keep", project), {"keep": [issue.pk, "x"]}, **HTMX)
    assert "Kept: 1 given labels." in answer.content.decode()
    assert as_alice.post(at("issues-keep", project), {"keep": ["x"]}).status_code == 422


def test_neighbors_of_both_labels_stand_beside_an_issue(as_alice: Client, bob: User) -> None:
    project, issue = suspect(bob)
    near = project.items.exclude(pk=issue.item_id)[:2]
    issue.neighbors = {"given": [near[0].pk, 10**9], "expected": [near[1].pk]}
    issue.save()
    html = as_alice.get(at("issues", project)).content.decode()
    assert at("item", project, near[0].pk) in html
    assert at("item", project, near[1].pk) in html


def test_confused_labels_have_a_page(as_alice: Client, bob: User) -> None:
    project, issue = suspect(bob)
    assert "Nothing is confused so far" in as_alice.get(at("issue-pairs", project)).content.decode()
    pair = {"first": issue.given_id, "second": None, "disagreements": 31, "suspects": 1, "items": [issue.item_id]}
    project.rounds.update(confused=[pair])
    html = as_alice.get(at("issue-pairs", project)).content.decode()
    assert "31 disagreements" in html
    assert "1 answer that looks like the other" in html
    assert at("item", project, issue.item_id) in html
