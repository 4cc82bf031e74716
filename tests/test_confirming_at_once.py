"""Several processes confirm and answer the same items at once, on the database of this test run."""

import json

import pytest

from annotator.models import Budget, Item, Proposal
from tests import factories
from tests.processes import at_once

# one client: confirms pages until none is left, and answers what it is asked between; tells what it was shown
CLIENT = """
import json, sys
import django
django.setup()
from django.contrib.auth.models import User
from annotator import certifying, labeling, serving
from annotator.models import Project
project, person = Project.objects.get(slug=sys.argv[1]), User.objects.get(username=sys.argv[2])
label, shown, confirmed = project.labels.last(), [], 0
certifying.PAGE = 5
print("ready", flush=True)
sys.stdin.readline()
while (page := certifying.claim_page(project, person)).proposals:
    shown += [proposal.pk for proposal in page.proposals]
    query = serving.claim_next(project, person).query
    if query is not None:
        labeling.record(query, labeling.Answer("label", label, query.lease), annotator=person)
    confirmed += certifying.decide(project, person, page.lease, []).confirmed
print(json.dumps([shown, confirmed]), flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_people_who_confirm_at_once_never_see_the_same_and_every_item_gets_one_label() -> None:
    project = factories.project(items=0, certify=True)
    factories.add_items(project, 120, audit="")
    factories.proposals(project, "apple", 100)
    told = [json.loads(line) for line in at_once(CLIENT, project, 3)]
    shown = [pk for pages, _ in told for pk in pages]
    assert len(shown) == len(set(shown)), "nobody was shown what somebody else was shown"
    confirmed = Proposal.objects.confirmed()
    budget = Budget.objects.get(project=project)
    assert confirmed.count() == budget.certified == sum(count for _, count in told)
    assert budget.settled == project.annotations.count() > 0
    unchecked = project.annotations.exclude(query__draw="check").values("item")
    assert not confirmed.filter(item__in=unchecked).exists(), "an answer wins"
    assert budget.unasked == Item.objects.unasked().count()
    assert Item.objects.filter(state="certified").count() == confirmed.filter(item__annotations=None).count()
