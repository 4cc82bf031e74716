"""What people do with labels that are offered many at a time."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

from annotator import certifying, labeling
from annotator.certifying import Decided, Page
from annotator.models import Budget, Project, Query
from tests import factories


def confirm(project: Project, person: User, declined: list[int] | None = None) -> tuple[Page, Decided]:
    """The person confirms what they are shown, but for these places of the page."""
    page = certifying.claim_page(project, person)
    assert page.lease is not None
    marked = [page.proposals[place].pk for place in declined or []]
    return page, certifying.decide(project, person, page.lease, marked)


def budget_of(project: Project) -> Budget:
    return Budget.objects.get(project=project)


def fresh(row: Any) -> Any:
    assert isinstance(row, Model)
    return type(row)._default_manager.get(pk=row.pk)


def check_of(project: Project) -> Query:
    return project.queries.get(draw=Query.Draw.CHECK, state=Query.State.OPEN)


def checked(project: Project, person: User, label: str) -> Query:
    """Whatever is confirmed next is asked again, and this person says what it is."""
    query = check_of(project)
    held = factories.held_query(project, person)
    assert held == query
    assert held.lease is not None
    labeling.record(held, labeling.Answer("label", factories.label_of(project, label), held.lease), annotator=person)
    return held
