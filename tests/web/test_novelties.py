"""Out-of-scope answers that look alike: offered, named, confirmed, refused."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotator import labeling, progress, reviewing
from annotator.models import Annotation, Budget, Item, LabelIssue, Novelty, Project
from annotator.templatetags.winnow import with_keys
from tests import factories

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def project() -> Project:
    made = factories.project(items=0)
    factories.add_items(made, 30, audit="")
    return made


@pytest.fixture
def offer(project: Project, bob: User) -> Novelty:
    return factories.novelty(project, bob, 10)


def at(name: str, project: Project, *args: object) -> str:
    return reverse(name, args=[project.slug, *args])


def page(client: Client, offer: Novelty) -> str:
    answer = client.get(at("novelty", offer.project, offer.pk))
    assert answer.status_code == 200
    return answer.content.decode()


def promoted(client: Client, offer: Novelty, name: str = "quince") -> list[int]:
    """Named; returns the ids of the issues that wait."""
    assert client.post(at("novelty-promote", offer.project, offer.pk), {"name": name}).status_code == 302
    return list(LabelIssue.objects.filter(cause="novelty").order_by("pk").values_list("pk", flat=True))


def test_the_overview_leads_to_what_looks_alike(as_alice: Client, project: Project, offer: Novelty) -> None:
    html = as_alice.get(at("project-live", project)).content.decode()
    assert "10 out-of-scope answers look alike." in html
    assert at("novelty", project, offer.pk) in html
    html = page(as_alice, offer)
    assert "10 out-of-scope answers look alike" in html
    assert html.count('class="proposal"') == 10
    assert project.items.get(pk=offer.items[0]).text in html
    assert at("novelty", project, offer.pk) in as_alice.get(at("novelties", project)).content.decode()


def test_an_empty_list_says_when_something_will_stand_there(as_alice: Client, project: Project) -> None:
    assert "Nothing looks alike yet" in as_alice.get(at("novelties", project)).content.decode()
    assert "look alike." not in as_alice.get(at("project-live", project)).content.decode()


def test_no_more_than_24_are_shown_of_each_kind(as_alice: Client, bob: User) -> None:
    for kind in ("text", "image", "table"):
        project = factories.project(name=kind, kind=kind, items=0)
        factories.add_items(project, 26, audit="")
        html = page(as_alice, factories.novelty(project, bob, 26))
        assert html.count('class="proposal"') == 24
        assert "The 24 most typical" in html


def test_promoting_makes_a_label_and_relabels_nothing(
    as_alice: Client, alice: User, bob: User, project: Project, offer: Novelty
) -> None:
    issues = promoted(as_alice, offer, "  yellow   quince ")
    label = project.labels.get(name="yellow quince")
    offer.refresh_from_db()
    assert (offer.state, offer.label, offer.decided_by, label.position) == ("promoted", label, alice, 3)
    assert [issue.item_id for issue in LabelIssue.objects.order_by("pk")] == offer.items
    assert set(LabelIssue.objects.values_list("given", "expected", "quality", "state")) == {
        (None, label.pk, None, "open")
    }
    assert set(Item.objects.filter(pk__in=offer.items).values_list("outcome", flat=True)) == {"out_of_scope"}
    assert Annotation.objects.count() == 10, "nothing was said by anybody but Bob"
    assert project.rounds.order_by("-number")[0].cause == "A label was made: yellow quince"
    html = page(as_alice, offer)
    assert html.count('name="shown"') == len(issues) == 10
    assert "Are all of these" in html


def test_a_page_is_confirmed_but_for_a_marked_item(
    as_alice: Client, alice: User, project: Project, offer: Novelty
) -> None:
    issues = promoted(as_alice, offer)
    spent = Budget.objects.get(project=project).settled
    form = {"shown": issues, "not": [issues[3]]}
    answer = as_alice.post(at("novelty-confirm", project, offer.pk), form, **HTMX)
    assert "9 confirmed as quince. 1 kept out of scope." in answer.content.decode()
    assert "All are decided" in answer.content.decode()
    assert "<html" not in answer.content.decode()
    label = project.labels.get(name="quince")
    assert project.items.filter(label=label).count() == 9
    assert project.items.get(pk=offer.items[3]).outcome == "out_of_scope"
    said = Annotation.objects.filter(source="review")
    assert set(said.values_list("annotator", flat=True)) == {alice.pk}
    assert said.count() == 10
    assert sorted(LabelIssue.objects.values_list("state", flat=True)) == ["confirmed", *["corrected"] * 9]
    assert Budget.objects.get(project=project).settled == spent, "a review costs no answer"
    again = as_alice.post(at("novelty-confirm", project, offer.pk), form)
    assert again.status_code == 302
    assert said.count() == 10, "the same form twice decides once"


def test_only_what_was_shown_and_is_of_this_group_is_decided(
    as_alice: Client, bob: User, project: Project, offer: Novelty
) -> None:
    issues = promoted(as_alice, offer)
    other = factories.issue(factories.answered(project, bob, "apple"), "banana")
    labeling.revise(
        Item.objects.get(pk=offer.items[0]), outcome="out_of_scope", label=None, reviewer=factories.user("alice")
    )
    form = {"shown": [*issues[:2], other.pk]}
    as_alice.post(at("novelty-confirm", project, offer.pk), form)
    other.refresh_from_db()
    assert other.state == "open"
    assert project.items.filter(label__name="quince").count() == 1
    assert page(as_alice, offer).count('name="shown"') == 8


def test_they_can_be_decided_one_by_one_among_the_label_issues(
    as_alice: Client, project: Project, offer: Novelty
) -> None:
    issues = promoted(as_alice, offer)
    html = as_alice.get(at("issues", project)).content.decode()
    assert "before there was this label" in html
    assert "believed at" not in html
    for decision, outcome in (("correct", "label"), ("confirm", "out_of_scope")):
        issue = LabelIssue.objects.get(pk=issues.pop(0))
        as_alice.post(at("issue-decide", project, issue.pk), {"decision": decision}, **HTMX)
        assert Item.objects.get(pk=issue.item_id).outcome == outcome


def test_the_audits_answers_go_back_all_of_them_and_not_by_the_models_word(
    as_alice: Client, alice: User, bob: User, project: Project, offer: Novelty
) -> None:
    audited = factories.add_items(project, 3, audit="reporting")
    for item in audited:
        labeling.revise(item, outcome="out_of_scope", label=None, reviewer=bob)
    promoted(as_alice, offer)
    back = LabelIssue.objects.filter(cause="new_label", state="open")
    assert set(back.values_list("item", flat=True)) == {item.pk for item in audited}
    assert page(as_alice, offer).count('name="shown"') == 10, "they are not confirmed among many"
    reviewing.confirm(back[0], reviewer=alice)
    assert back.count() == 2


def test_an_answer_of_the_audit_is_shown_every_label_that_was_made_since(
    as_alice: Client, project: Project, offer: Novelty, bob: User
) -> None:
    """One open issue an answer: the second label takes the first one's place, which is still to be chosen."""
    (item,) = factories.add_items(project, 1, audit="reporting")
    labeling.revise(item, outcome="out_of_scope", label=None, reviewer=bob)
    promoted(as_alice, offer, "quince")
    issue = LabelIssue.objects.get(item=item, state="open")
    path = at("issues", project) + "?issue={}"
    assert "Made since this answer too" not in as_alice.get(path.format(issue.pk)).content.decode()
    promoted(as_alice, factories.novelty(project, bob, 8), "medlar")
    issue = LabelIssue.objects.get(item=item, state="open")
    assert issue.expected == project.labels.get(name="medlar")
    html = as_alice.get(path.format(issue.pk)).content.decode()
    assert 'Made since this answer too: <b dir="auto">quince</b>.' in html
    chosen = {"decision": "choose", "choice": project.labels.get(name="quince").pk}
    as_alice.post(at("issue-decide", project, issue.pk), chosen, **HTMX)
    item.refresh_from_db()
    assert item.label == project.labels.get(name="quince")
    assert not LabelIssue.objects.filter(item=item, state="open").exists()


def test_an_answer_that_a_round_doubts_too_has_one_open_issue(
    as_alice: Client, project: Project, offer: Novelty
) -> None:
    doubted = factories.issue(Annotation.objects.get(item=offer.items[0]), "apple")
    promoted(as_alice, offer)
    doubted.refresh_from_db()
    assert doubted.state == "dismissed"
    open_now = LabelIssue.objects.get(item=offer.items[0], state="open")
    assert open_now.expected == project.labels.get(name="quince")


@pytest.mark.parametrize(
    ("name", "told"), [("", "required"), ("apple", "has this label already"), ("x" * 201, "at most 200")]
)
def test_a_wrong_name_is_refused_with_what_was_typed(
    as_alice: Client, project: Project, offer: Novelty, name: str, told: str
) -> None:
    answer = as_alice.post(at("novelty-promote", project, offer.pk), {"name": name})
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert f'value="{name}"' in answer.content.decode() or not name
    offer.refresh_from_db()
    assert (offer.state, project.labels.count()) == ("open", 3)
    assert not LabelIssue.objects.exists()


def test_a_group_is_decided_once(as_alice: Client, project: Project, offer: Novelty) -> None:
    promoted(as_alice, offer)
    for act in ("novelty-promote", "novelty-dismiss"):
        answer = as_alice.post(at(act, project, offer.pk), {"name": "medlar"})
        assert answer.status_code == 409
    assert project.labels.count() == 4


def test_a_dismissal_can_be_taken_back(as_alice: Client, project: Project, offer: Novelty) -> None:
    as_alice.post(at("novelty-dismiss", project, offer.pk))
    assert "look alike." not in as_alice.get(at("project-live", project)).content.decode()
    html = page(as_alice, offer)
    assert "alice said that they are no class" in html
    assert "Make it a class" not in html
    as_alice.post(at("novelty-again", project, offer.pk))
    assert "Make it a class" in page(as_alice, offer)
    assert as_alice.post(at("novelty-again", project, offer.pk)).status_code == 409


def test_there_is_nothing_to_confirm_before_there_is_a_label(
    as_alice: Client, project: Project, offer: Novelty
) -> None:
    assert as_alice.post(at("novelty-confirm", project, offer.pk), {"shown": [1]}).status_code == 409
    assert as_alice.post(at("novelty-confirm", project, offer.pk), {"shown": ["x"]}).status_code == 422


def test_a_group_that_no_round_finds_any_more_can_still_be_named(
    as_alice: Client, project: Project, offer: Novelty
) -> None:
    Novelty.objects.update(state="withdrawn")
    assert "later rounds did not" in page(as_alice, offer)
    promoted(as_alice, offer)


def test_a_member_is_shown_no_group(as_bob: Client, project: Project, offer: Novelty) -> None:
    assert "look alike" not in as_bob.get(at("project", project)).content.decode()
    assert as_bob.post(at("novelty-promote", project, offer.pk), {"name": "quince"}).status_code == 403
    assert project.labels.count() == 3


def test_no_digit_loses_its_key_to_a_label_that_is_added() -> None:
    project = factories.project(labels=[str(n) for n in range(10)], items=0)
    added = project.labels.create(name="letter", position=10)
    keys = dict(with_keys(project.labels.all()))
    assert [keys[label] for label in project.labels.all() if label != added] == [str(n) for n in range(10)]
    assert keys[added] == ""
    few = factories.project(name="Few", labels=["3", "7"], items=0)
    few.labels.create(name="other", position=2)
    assert [key for _, key in with_keys(few.labels.all())] == ["3", "7", "1"]


def test_how_much_is_out_of_scope_is_told_by_the_audit_with_its_interval(
    as_alice: Client, project: Project, bob: User
) -> None:
    audited = factories.add_items(project, 40, audit="choices")
    banana = factories.label_of(project, "banana")
    for number, item in enumerate(audited):
        outside = number % 4 == 0
        labeling.revise(
            item, outcome="out_of_scope" if outside else "label", label=None if outside else banana, reviewer=bob
        )
        if number == 28:
            assert "too few to say (29 of 30" in as_alice.get(at("project", project)).content.decode()
    found = progress.prevalence(project)
    assert (found.answered, found.outside, found.share) == (40, 10, 0.25)
    assert found.interval == pytest.approx((0.1419, 0.4019), abs=1e-4)
    html = as_alice.get(at("project", project)).content.decode()
    assert "<b>about 25 %</b> (14 % to 40 %), by 40 answers" in html


def test_a_round_tells_how_much_of_what_it_asked_was_out_of_scope(
    as_alice: Client, project: Project, bob: User
) -> None:
    found = factories.finished_round(project)
    for item in project.items.all()[:4]:
        factories.open_query(item, round=found)
    factories.answered(project, bob, "apple")
    factories.outside(project, bob, 2)
    assert progress.bought([found]) == {1: progress.Bought(answers=3, outside=2)}
    html = as_alice.get(at("project-live", project)).content.decode()
    assert "<dt>out of scope</dt><dd>2 of 3</dd>" in html
