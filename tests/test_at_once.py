"""Several processes claim and answer at once, on the database of this test run; the rows are the judge."""

import json

import pytest

from annotator.models import Budget
from tests import factories
from tests.processes import at_once

PROCESSES = 3
# one client: claims and answers until there is nothing more; writes down what it was acknowledged
CLIENT = """
import json, sys
import django
django.setup()
from django.contrib.auth.models import User
from annotator import labeling, serving
from annotator.models import Project
project, person = Project.objects.get(slug=sys.argv[1]), User.objects.get(username=sys.argv[2])
label, leases = project.labels.first(), []
print("ready", flush=True)
sys.stdin.readline()
while (query := serving.claim_next(project, person).query) is not None:
    labeling.record(query, labeling.Answer("label", label, query.lease), annotator=person)
    leases.append(str(query.lease))
print(json.dumps(leases), flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_processes_at_once_lose_nothing_double_nothing_and_keep_the_limit() -> None:
    project = factories.project(items=90, limit=71)
    told = at_once(CLIENT, project, PROCESSES)
    acknowledged = [lease for lines in told for lease in json.loads(lines)]
    assert len(acknowledged) == 71
    assert sorted(acknowledged) == sorted(str(lease) for lease in project.annotations.values_list("lease", flat=True))
    assert project.annotations.values("item").distinct().count() == 71
    assert list(project.annotations.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, 72))
    budget = Budget.objects.get(project=project)
    assert (budget.settled, budget.reserved) == (71, 0)
