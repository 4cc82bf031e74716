"""What a round learns of the people, from rows to rows."""

import numpy as np
import pytest
from django.contrib.auth.models import User

from annotator import labeling
from annotator.learning import running
from annotator.models import Item, Quality
from tests import factories
from tests.learning.playing import next_round

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat from another thread in a test's transaction."""
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 3600)


def answer_all(people: dict[User, float], items: list[Item], seed: int = 0) -> None:
    """Everybody answers every item, rightly at their rate; the truth is the item's number, even or odd."""
    rng = np.random.default_rng(seed)
    for number, item in enumerate(items):
        for person, right in people.items():
            said = number % 2 if rng.random() < right else 1 - number % 2
            factories.said(item, person, ("apple", "banana")[said])


def test_a_round_measures_everybody_and_the_next_one_again(alice: User, bob: User) -> None:
    project = factories.project(items=0)
    carol = factories.user("carol")
    items = factories.add_items(project, 40, audit="")
    answer_all({alice: 0.95, bob: 0.9, carol: 0.5}, items)
    next_round(project)
    found = {row.annotator: row for row in Quality.objects.filter(project=project)}
    assert set(found) == {alice, bob, carol}
    assert found[carol].value < 0.7 < found[bob].value
    assert found[carol].low <= found[carol].value <= found[carol].high
    assert found[alice].answers == 40
    assert found[alice].judged > 10
    assert found[carol].confused
    assert {pair["given"] for pair in found[carol].confused} <= {label.pk for label in project.labels.all()}
    answer_all({carol: 0.5}, factories.add_items(project, 4, audit=""))
    next_round(project)
    again = Quality.objects.get(project=project, annotator=carol)
    assert again.pk == found[carol].pk
    assert again.answers == 44
    assert again.round != found[carol].round


def test_a_review_measures_an_only_answer(alice: User, bob: User) -> None:
    project = factories.project(items=0)
    items = factories.add_items(project, 30, audit="reporting")
    answer_all({bob: 1.0}, items)
    next_round(project)
    assert Quality.objects.get(annotator=bob).judged < 5
    for number, item in enumerate(items):
        label = factories.label_of(project, ("apple", "banana")[number % 2])
        labeling.revise(item, outcome="label", label=label, reviewer=alice)
    next_round(project)
    told = Quality.objects.get(annotator=bob)
    assert told.judged > 20
    assert told.value > 0.9
    assert not Quality.objects.filter(annotator=alice).exists(), "who only reviews is not measured by it"
