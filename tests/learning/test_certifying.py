"""Real rounds on digits offer labels to confirm, and what was confirmed goes its own way."""

from typing import Any

import pytest
from sklearn.datasets import load_digits

from annotator import certifying, scheduling
from annotator.learning import loading, running, storing
from annotator.learning.storing import AttemptLostError
from annotator.models import Annotation, Budget, Item, Project, Proposal, Round
from tests import factories
from tests.files import csv_of, upload

pytestmark = pytest.mark.django_db(transaction=True)  # a round's heartbeat writes from a thread of its own
DIGITS = load_digits()
ITEMS, LABELED = 1797, 1000


def digits(labeled: int = LABELED, **settings: Any) -> Project:
    """Real digits as table rows, the first ones labeled by the file."""
    made = factories.project(kind="table", labels=[str(n) for n in range(10)], items=0, certify=True, **settings)
    made.seed = 0  # decides which items are the audit's
    made.save(update_fields=["seed"])
    names = [f"p{place}" for place in range(64)]
    rows = [[str(n), str(DIGITS.target[n]) if n < labeled else "", *map(str, DIGITS.data[n])] for n in range(ITEMS)]
    upload(made, csv_of(["id", "label", *names], *rows), "digits.csv")
    return made


def next_round(project: Project) -> Round:
    found = scheduling.start_round(project, cause="A test")
    assert found is not None
    running.run(found.pk)
    found.refresh_from_db()
    assert found.state == "done", found.error
    return found


def right(proposal: Proposal) -> bool:
    return proposal.label.name == str(DIGITS.target[int(proposal.item.key)])


def test_rounds_offer_precise_labels_and_keep_the_confirmed_ones_out_of_training() -> None:
    project, bob = digits(), factories.user("bob")
    first = next_round(project)
    offered = list(certifying.offered(project).select_related("item", "label"))
    assert len(offered) > 50, first.notes
    assert sum(map(right, offered)) / len(offered) >= 0.98
    assert {p.item.audit for p in offered} == {""}
    assert min(p.precision for p in offered) >= 0.99
    assert not {p.item_id for p in offered} & set(project.queries.open().values_list("item", flat=True))
    assert any("labels offered to be confirmed in bulk" in note for note in first.notes)

    page = certifying.claim_page(project, bob)
    assert page.lease is not None
    certifying.decide(project, bob, page.lease, [page.proposals[0].pk])
    confirmed = {p.item_id for p in page.proposals[1:]}
    sequence = Budget.objects.get(project=project).sequence
    pool = loading.load_pool(project)
    votes = loading.load_votes(project, pool, sequence)
    assert not set(pool.ids[votes.item].tolist()) & confirmed, "confirmed labels never train"

    held = certifying.claim_page(project, bob)
    second = next_round(project)
    assert second.labels_used == first.labels_used
    states = dict(first.proposals.values_list("pk", "state"))
    assert {states.pop(p.pk) for p in held.proposals} == {"open"}, "somebody looks at these"
    assert set(states.values()) == {"confirmed", "declined", "withdrawn"}
    again = set(second.proposals.values_list("item", flat=True))
    assert page.proposals[0].item_id not in again, "who declined it is not asked to confirm it again"
    assert not again & confirmed
    assert not confirmed & set(project.queries.open().exclude(draw="check").values_list("item", flat=True))
    assert Item.objects.filter(pk__in=confirmed, state="certified").count() == len(confirmed)
    assert Budget.objects.get(project=project).unasked == project.items.of_pool().unasked().count()


def test_a_round_after_too_many_wrong_checks_offers_nothing_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    project = digits()
    monkeypatch.setattr(certifying, "figures", lambda _: certifying.Figures(100, 40, 36, 0.763, 0.972))
    found = next_round(project)
    assert not found.proposals.exists()
    assert (
        "No labels are offered to be confirmed in bulk: of 40 that were asked again 36 were right, surely less than "
        "99 %."
    ) in found.notes


def test_a_project_with_few_answers_is_told_how_many_it_takes() -> None:
    project = digits(labeled=120)
    found = next_round(project)
    assert not found.proposals.exists()
    assert any("Nothing to confirm in bulk yet" in note for note in found.notes)


def test_an_attempt_that_died_leaves_nothing_behind_and_a_late_corpse_adds_and_takes_nothing() -> None:
    project = factories.project(items=0, certify=True)
    factories.add_items(project, 20, audit="")
    factories.proposals(project, "apple", 5)
    found = project.rounds.get()
    outcome = an_outcome(project, found, items=[3, 4])
    storing._store_proposals(outcome)
    assert list(found.proposals.order_by("item").values_list("item", flat=True)) == outcome.pool.ids[[3, 4]].tolist()
    Round.objects.filter(pk=found.pk).update(attempt=2, state="done")
    bob = factories.user("bob")
    page = certifying.claim_page(project, bob)
    assert page.lease is not None
    certifying.decide(project, bob, page.lease, [page.proposals[0].pk])
    factories.proposals(project, "banana", 2, number=found.number)
    before = sorted(found.proposals.values_list("pk", "state"))
    assert {state for _, state in before} == {"confirmed", "declined", "open"}
    for late in (storing._store_proposals, lambda given: storing._settle(given, {})):
        with pytest.raises(AttemptLostError):
            late(outcome)
    assert sorted(found.proposals.values_list("pk", "state")) == before


def an_outcome(project: Project, found: Round, *, items: list[int]) -> storing.Outcome:
    """What a running attempt is about to store: these items, as apples."""
    import numpy as np

    from alcore.certifying import Certified, Gate

    Round.objects.filter(pk=found.pk).update(state="running", attempt=1)
    found.refresh_from_db()
    certified = Certified(
        Gate(0.9, 0.991, 400, 400), np.array(items), np.zeros(len(items), dtype=np.int64), np.full(len(items), 0.95)
    )
    result: Any = type("Result", (), {"certified": certified, "informed": None})()
    return storing.Outcome(found, loading.load_pool(project), result, 0, {}, 0.0)


def test_items_answered_since_are_not_offered() -> None:
    project = factories.project(items=0, certify=True)
    factories.add_items(project, 5, audit="")
    found = factories.finished_round(project)
    outcome = an_outcome(project, found, items=[0, 1, 2])
    factories.answered(project, factories.user("bob"))
    answered = Annotation.objects.get().item_id
    storing._store_proposals(outcome)
    offered = set(found.proposals.values_list("item", flat=True))
    assert offered == set(outcome.pool.ids[[0, 1, 2]].tolist()) - {answered}
