"""Real rounds on digits: out-of-scope answers that look alike are offered, and new items from elsewhere are told."""

from typing import Any

import numpy as np
import pytest
from django.db.models.functions import Now
from sklearn.datasets import load_digits

from annotator import labeling, promoting, reviewing, scheduling
from annotator.learning import loading, noticing, running, storing, suspecting
from annotator.learning.noticing import Noticed
from annotator.learning.storing import AttemptLostError
from annotator.models import Annotation, Item, LabelIssue, Novelty, Project, Round
from tests import factories
from tests.files import csv_of, upload
from tests.learning.playing import next_round

pytestmark = pytest.mark.django_db
DIGITS = load_digits()
WITHIN, OUTSIDE = range(6), 6  # digits that have a label, and one that has none
SCATTERED = 40


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat from another thread in a test's transaction."""
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 3600)


def rows_of(pixels: Any, start: int, labels: list[str]) -> list[list[str]]:
    return [[f"n{start + n}", labels[n], *map(str, row)] for n, row in enumerate(pixels)]


def digits() -> Project:
    """20 of each of six labeled digits; 50 of a seventh and 40 scattered rows, all called out of scope by Bob."""
    project = factories.project(kind="table", labels=[str(n) for n in WITHIN], items=0)
    project.seed = 0
    project.save(update_fields=["seed"])
    names = [f"p{place}" for place in range(64)]
    known = np.concatenate([np.flatnonzero(DIGITS.target == digit)[:25] for digit in WITHIN])
    unknown = np.flatnonzero(DIGITS.target == OUTSIDE)[:50]
    noise = np.random.default_rng(0).permuted(DIGITS.data, axis=0)[:SCATTERED]
    pixels = np.concatenate([DIGITS.data[known], DIGITS.data[unknown], noise])
    labels = [*map(str, DIGITS.target[known]), *[""] * (len(unknown) + SCATTERED)]
    upload(project, csv_of(["id", "label", *names], *rows_of(pixels, 0, labels)), "digits.csv")
    for item in project.items.filter(outcome="", audit=""):
        outside(item)
    return project


def outside(item: Item) -> None:
    """Bob called it out of scope."""
    labeling.revise(item, outcome="out_of_scope", label=None, reviewer=factories.user("bob"))
    item.annotations.filter(source="review").update(source="answer")


def is_the_seventh(items: list[int]) -> float:
    """The share of these items that show the digit without a label."""
    keys = Item.objects.filter(pk__in=items).values_list("key", flat=True)
    return float(np.mean([150 <= int(key[1:]) < 200 for key in keys]))


def test_a_round_offers_a_class_and_its_promotion_goes_through_review() -> None:
    project, alice = digits(), factories.user("alice")
    found = next_round(project)
    offer = project.novelties.get()
    assert (offer.state, offer.round, offer.size) == ("open", found, len(offer.items))
    assert offer.size >= 20
    assert is_the_seventh(offer.items) == 1.0
    assert set(project.items.filter(pk__in=offer.items).values_list("audit", flat=True)) == {""}
    assert found.timings["notice"] > 0

    label = promoting.promote(offer, "6", by=alice)
    issues = project.issues.filter(cause="novelty")
    assert set(issues.values_list("item", "given", "expected")) == {(item, None, label.pk) for item in offer.items}
    assert not project.items.filter(label=label).exists(), "nothing is relabeled without a person (promise 6)"
    assert scheduling.open_round_if_due(project).cause == "A label was made: 6"  # type: ignore[union-attr]

    waiting = project.rounds.get(state="queued")
    running.run(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.state == "done", waiting.error
    assert set(issues.values_list("state", flat=True)) == {"open"}, "a round leaves what people are to decide"
    assert not project.novelties.filter(state="open").exists(), "what waits for its review is not offered again"
    assert scheduling.open_round_if_due(project) is None

    offer.refresh_from_db()
    page = promoting.to_confirm(offer)
    assert [issue.item_id for issue in page] == offer.items
    decided = promoting.confirm(offer, [issue.pk for issue in page], {page[0].pk}, reviewer=alice)
    assert (decided.corrected, decided.kept, decided.gone) == (len(page) - 1, 1, 0)
    assert project.items.filter(label=label).count() == len(page) - 1
    assert set(Annotation.objects.filter(label=label).values_list("source", "annotator")) == {("review", alice.pk)}
    last = next_round(project)
    assert last.labels_used == found.labels_used
    assert loading.load_pool(project).out_of_scope == 7


def test_a_dismissed_offer_comes_back_when_it_has_grown_by_half_and_a_lost_one_is_withdrawn() -> None:
    project = digits()
    first = next_round(project)
    offer = project.novelties.get()
    promoting.dismiss(offer, by=factories.user("alice"))
    more = project.items.of_pool().exclude(pk__in=offer.items).values_list("pk", flat=True)
    grown = tuple([*offer.items, *more[: offer.size // 2 + 1]])
    project.items.filter(pk__in=grown).update(outcome=Item.Outcome.OUT_OF_SCOPE, label=None)
    for groups, state in [((tuple(offer.items),), "dismissed"), ((grown,), "open"), ((), "withdrawn")]:
        noticing.store(first, Noticed(groups=groups))
        offer.refresh_from_db()
        assert (offer.state, project.novelties.count()) == (state, 1)
    assert offer.size == len(grown)
    assert offer.decided_by is None


def test_an_open_offer_grows_with_the_rounds_and_another_one_is_another_row() -> None:
    project = factories.project(items=0)
    ids = [item.pk for item in factories.add_items(project, 40, audit="")]
    project.items.update(outcome=Item.Outcome.OUT_OF_SCOPE)
    found = factories.finished_round(project)
    noticing.store(found, Noticed(groups=(tuple(ids[:10]),)))
    later = factories.finished_round(project, 2)
    noticing.store(later, Noticed(groups=(tuple(ids[5:25]), tuple(ids[30:38]))))
    rows = list(project.novelties.order_by("pk"))
    assert [(row.size, row.round_id, row.state) for row in rows] == [(20, later.pk, "open"), (8, later.pk, "open")]
    assert rows[0].items == ids[5:25]
    for number in range(3, 10):
        noticing.store(factories.finished_round(project, number), Noticed())
    assert not Novelty.objects.exists(), "what was not found for long is forgotten"


def test_what_was_decided_while_a_round_was_computed_is_not_offered_again() -> None:
    project, alice = factories.project(items=20), factories.user("alice")
    offer = factories.novelty(project, factories.user("bob"), 8)
    promoting.promote(offer, "quince", by=alice)
    noticing.store(factories.finished_round(project, 2), Noticed(groups=(tuple(offer.items),)))
    assert list(project.novelties.values_list("state", flat=True)) == ["promoted"]
    for issue in promoting.to_confirm(offer):
        reviewing.correct(issue, reviewer=alice)
    noticing.store(factories.finished_round(project, 3), Noticed(groups=(tuple(offer.items),)))
    assert list(project.novelties.values_list("state", flat=True)) == ["promoted"]


def test_a_promotion_that_was_cut_off_is_finished_and_nothing_is_asked_twice() -> None:
    project, alice = factories.project(items=20), factories.user("alice")
    offer = factories.novelty(project, factories.user("bob"), 8)
    promoting.promote(offer, "quince", by=alice)
    offer.refresh_from_db()
    waiting = project.issues.filter(state="open")
    count = waiting.count()
    waiting.filter(pk__in=list(waiting.values_list("pk", flat=True)[:3])).delete()
    promoting.finish(project)
    assert waiting.count() == count
    for issue in promoting.to_confirm(offer):
        reviewing.confirm(issue, reviewer=alice)
    left = waiting.count()
    promoting.finish(project)
    assert waiting.count() == left, "what was kept out of scope stays decided"


def test_two_new_labels_do_not_ask_in_turns_for_ever() -> None:
    project, alice, bob = factories.project(items=40), factories.user("alice"), factories.user("bob")
    factories.outside(project, bob, 3)
    for name in ("quince", "medlar"):
        promoting.promote(factories.novelty(project, bob, 8), name, by=alice)
    count = project.issues.count()
    for _ in range(2):
        promoting.finish(project)
    assert project.issues.count() == count


def test_a_killed_attempt_leaves_no_offer_and_a_lost_one_adds_none(monkeypatch: pytest.MonkeyPatch) -> None:
    project = digits()
    found = scheduling.start_round(project, cause="A test")
    assert found is not None
    begun = running.begin(found.pk)
    assert begun is not None

    class KilledError(BaseException):
        """As if the process ended here."""

    def killed(*args: object, **kwargs: object) -> None:
        raise KilledError

    pulse = running.Pulse(begun)
    with monkeypatch.context() as patched:
        patched.setattr(storing, "_publish", killed)
        with pytest.raises(KilledError):
            running.compute_and_store(begun, pulse)
    assert not project.novelties.exists()
    Round.objects.filter(pk=found.pk).update(attempt=2)
    with pytest.raises(AttemptLostError):
        running.compute_and_store(begun, pulse)
    pulse.stop()
    assert not project.novelties.exists()


def test_new_items_from_elsewhere_are_told_on_the_round_until_they_are_labeled() -> None:
    project = digits()
    next_round(project)
    Round.objects.update(started_at=Now())
    names = [f"p{place}" for place in range(64)]
    like = rows_of(DIGITS.data[np.isin(DIGITS.target, WITHIN)][150:400], 1000, [""] * 250)
    upload(project, csv_of(["id", "label", *names], *like), "more.csv")
    assert not any("look different" in note for note in next_round(project).notes), "more of the same is no drift"

    others = DIGITS.data[DIGITS.target > OUTSIDE][:250]
    upload(project, csv_of(["id", "label", *names], *rows_of(others, 2000, [""] * 250)), "others.csv")
    told = [note for note in next_round(project).notes if "look different" in note]
    assert len(told) == 1
    assert "since round 2 began" in told[0]

    for item in project.items.of_pool().filter(key__gte="n2000", key__lt="n2250"):
        outside(item)
    last = next_round(project)
    assert not any("look different" in note for note in last.notes), (last.notes, told)


def test_issues_that_a_new_label_raised_outlive_rounds_but_those_of_the_model_do_not() -> None:
    project = factories.project(items=0)
    factories.add_items(project, 10, audit="")
    bob = factories.user("bob")
    offer = factories.novelty(project, bob, 3)
    doubted = factories.issue(factories.answered(project, bob, "apple"), "banana")
    promoting.promote(offer, "quince", by=factories.user("alice"))
    for wrong, state in ((None, "open"), (0.5, "open"), (0.4, "dismissed")):
        seen = None if wrong is None else {doubted.item_id: wrong}
        assert suspecting.store(offer.round, suspecting.Suspected(wrong=seen)) == 0
        doubted.refresh_from_db()
        assert doubted.state == state, "it was raised at .9, and stays open until the doubt is half of that"
    assert LabelIssue.objects.filter(cause="novelty", state="open").count() == 3
