"""Any order of claims, answers, skips, late ones, undos, expiries, decisions and pages keeps the books true."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase
from hypothesis import settings as tries
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from annotator import budgeting, certifying, labeling, reviewing, serving
from annotator.errors import InvalidInputError, RefusedError
from annotator.models import Annotation, Budget, Item, Project, Proposal, Query
from tests import factories

PEOPLE = ("alice", "bob", "dora")
people = st.sampled_from(PEOPLE)
outcomes = st.sampled_from(["apple", "banana", "out_of_scope", "skipped"])


class Books(RuleBasedStateMachine):
    """One small project and everybody at once; after every step all sums are checked against the rows."""

    project: Project

    @initialize(
        limit=st.none() | st.integers(0, 8), items=st.integers(1, 6), ranked=st.integers(0, 3), seed=st.integers(0, 9)
    )
    def begin(self, limit: int | None, items: int, ranked: int, seed: int) -> None:
        self.outer = transaction.atomic()
        self.outer.__enter__()
        self.forms: list[tuple[str, int, UUID]] = []  # every form ever shown: it may come back at any time
        self.people: dict[str, User] = {name: factories.user(name) for name in PEOPLE}
        self.pages: list[tuple[str, UUID, list[int]]] = []  # every page ever shown
        self.acknowledged = 0
        self.project = factories.project(items=0, limit=limit, members=("bob", "dora"), certify=True)
        self.project.seed = seed  # decides which items are the audit's
        self.project.save(update_fields=["seed"])
        factories.add_items(self.project, items)
        budget = Budget.objects.get(project=self.project)
        for item in self.project.items.of_pool().order_by("id")[:ranked]:
            factories.open_query(item)
            budgeting.count_unasked(budget, item.audit, -1)
        budget.save()

    def teardown(self) -> None:
        if hasattr(self, "outer"):
            transaction.set_rollback(True)
            self.outer.__exit__(None, None, None)

    @rule(name=people)
    def claim(self, name: str) -> None:
        person = self.people[name]
        holds = self.project.queries.held().filter(annotator=person).first()
        seen = set(self.project.annotations.current().filter(annotator=person).values_list("item_id", flat=True))
        served = serving.claim_next(self.project, person)
        assert (served.query is None) == bool(served.nothing)
        assert served.query is None or served.query == holds or served.query.item_id not in seen, "asked twice"
        if served.query is not None:
            assert served.query.lease is not None
            self.forms.append((name, served.query.pk, served.query.lease))

    @precondition(lambda self: self.forms)
    @rule(data=st.data(), says=outcomes)
    def submit(self, data: Any, says: str) -> None:
        """A form comes in: in time, late, for the second time, whatever happened meanwhile."""
        name, query, lease = data.draw(st.sampled_from(self.forms[-6:]))
        labeled = says in ("apple", "banana")
        label = factories.label_of(self.project, says) if labeled else None
        answer = labeling.Answer("label" if labeled else says, label, lease)
        known = Annotation.objects.filter(project=self.project, lease=lease).first()
        recorded = labeling.record(Query.objects.get(pk=query), answer, annotator=self.people[name])
        assert recorded.repeated == (known is not None)
        assert known is None or recorded.annotation == known
        self.acknowledged += not recorded.repeated

    @rule(name=people)
    def undo(self, name: str) -> None:
        try:
            query = labeling.undo(self.project, self.people[name])
        except RefusedError:
            return
        if query is not None:
            assert query.lease is not None
            self.forms.append((name, query.pk, query.lease))

    @rule(name=people)
    def leave(self, name: str) -> None:
        serving.release_held(self.project, self.people[name])

    @rule()
    def time_passes(self) -> None:
        past = timezone.now() - timedelta(seconds=1)
        Query.objects.held().update(held_until=past)
        Proposal.objects.filter(held_until__isnull=False).update(held_until=past)

    @rule()
    def sweep(self) -> None:
        serving.release_expired()

    @rule(data=st.data(), out_of_scope=st.booleans())
    def decide(self, data: Any, out_of_scope: bool) -> None:
        item = data.draw(st.sampled_from(list(self.project.items.order_by("id"))))
        label = None if out_of_scope else factories.label_of(self.project, "cherry")
        outcome = "out_of_scope" if out_of_scope else "label"
        labeling.revise(item, outcome=outcome, label=label, reviewer=self.people["alice"])
        self.acknowledged += 1

    @rule(confirm=st.booleans())
    def review(self, confirm: bool) -> None:
        """A round suspects an answer that it has not suspected yet, and the owner decides."""
        said = self.project.annotations.current().filter(source="answer", outcome="label", issues=None).first()
        if said is not None:
            decide = reviewing.confirm if confirm else reviewing.correct
            decide(factories.issue(said, "cherry"), reviewer=self.people["alice"])
            self.acknowledged += 1

    @rule(size=st.integers(0, 3))
    def new_batch(self, size: int) -> None:
        """As a round does: what is still open is withdrawn, then items that nobody was asked get queries."""
        budget = Budget.objects.get(project=self.project)
        earlier = self.project.queries.open().filter(draw__in=["ranked", "random"])
        items = list(earlier.values_list("item_id", flat=True))
        earlier.update(state="withdrawn")
        Item.objects.filter(pk__in=items).update(state="unasked")
        chosen = list(self.project.items.of_pool().unasked()[:size])
        for rank, item in enumerate(chosen, start=1):
            factories.open_query(item, rank=rank)
        budget.unasked += len(items) - len(chosen)
        serving.open_audit_query(self.project, budget, rank=1)
        budget.save()

    @rule(size=st.integers(1, 4), label=st.sampled_from(["apple", "banana"]))
    def offer(self, size: int, label: str) -> None:
        """As a round does that is sure of some."""
        factories.proposals(self.project, label, size)

    @rule(name=people)
    def look_at_a_page(self, name: str) -> None:
        page = certifying.claim_page(self.project, self.people[name])
        assert bool(page.nothing) == (not page.proposals)
        if page.proposals:
            assert page.lease is not None
            self.pages.append((name, page.lease, [proposal.pk for proposal in page.proposals]))

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), marked=st.integers(0, 1))
    def confirm(self, data: Any, marked: int) -> None:
        """A page comes in: in time, late, for the second time, whatever happened meanwhile."""
        name, lease, shown = data.draw(st.sampled_from(self.pages[-4:]))
        try:
            decided = certifying.decide(self.project, self.people[name], lease, shown[:marked])
        except RefusedError:
            return
        assert decided.confirmed + decided.declined + decided.gone <= len(shown)

    @rule(name=people)
    def take_a_page_back(self, name: str) -> None:
        try:
            certifying.undo(self.project, self.people[name])
        except RefusedError:
            assert not certifying.can_undo(self.project, self.people[name])

    @rule(limit=st.none() | st.integers(0, 10))
    def change_limit(self, limit: int | None) -> None:
        try:
            budgeting.set_limit(self.project, limit)
        except InvalidInputError:
            budget = Budget.objects.get(project=self.project)
            assert limit is not None
            assert limit < budget.settled + budget.reserved

    @invariant()
    def books_are_true(self) -> None:
        if not hasattr(self, "project"):
            return
        budget = Budget.objects.get(project=self.project)
        rows = Annotation.objects.filter(project=self.project)
        assert budget.limit is None or budget.settled + budget.reserved <= budget.limit
        assert budget.settled == rows.current().filter(paid=True).count()
        assert budget.reserved == self.project.queries.held().count()
        assert list(rows.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, budget.sequence + 1))
        assert rows.exclude(outcome="undone").count() == self.acknowledged, "nothing acknowledged is lost"

    @invariant()
    def counters_are_true(self) -> None:
        if not hasattr(self, "project"):
            return
        budget = Budget.objects.get(project=self.project)
        unasked = self.project.items.unasked()
        assert budget.unasked == unasked.filter(audit="").count()
        assert budget.certified == self.project.proposals.confirmed().count()
        assert budget.unasked_reporting == unasked.filter(audit="reporting").count()
        assert budget.unasked_choices == unasked.filter(audit="choices").count()

    @invariant()
    def items_are_held_by_one(self) -> None:
        if not hasattr(self, "project"):
            return
        held = list(self.project.queries.held().values_list("item_id", "annotator_id"))
        assert len({item for item, _ in held}) == len({person for _, person in held}) == len(held)

    @invariant()
    def items_say_what_people_say(self) -> None:
        if not hasattr(self, "project"):
            return
        for item in Item.objects.filter(project=self.project):
            said = item.annotations.current().exclude(outcome="skipped")
            confirmed = item.proposals.confirmed().first()
            assert bool(item.outcome) == (said.exists() or confirmed is not None)
            assert said.exists() or item.label == (confirmed and confirmed.label)
            assert (item.state == Item.State.CERTIFIED) == (confirmed is not None and not said.exists())
            live = item.queries.filter(state__in=labeling.LIVE).exists()
            assert not (live and item.state == Item.State.UNASKED), "an item that is asked is not drawn again"
            paid = said.filter(paid=True).count()
            assert paid <= item.queries.filter(state="answered").count()


@pytest.mark.django_db
def test_books_stay_true_whatever_people_do() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Books,
        settings=tries(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # to shrink a failure takes minutes; put Phase.shrink here to do so
            suppress_health_check=list(HealthCheck),
        ),
    )
