"""Guards in a project's rounds: what they find stands on the round's row."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from alcore.guarding import NO_COSTS
from annotator import scheduling
from annotator.learning import running
from annotator.models import Annotation, Project, Round
from tests import factories

pytestmark = pytest.mark.django_db
DIGITS = load_digits()
WRONG = 8


@pytest.fixture(autouse=True)
def _no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """None from another thread in a test's transaction."""
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 3600)


def digits_project(*guards: str) -> Project:
    """Real digits as table rows, 120 of 180 answered, some of them wrong."""
    project = factories.project(kind="table", labels=[str(n) for n in range(10)], items=0, guards=guards)
    for number, item in enumerate(factories.add_items(project, 180)):
        item.row = {f"p{place}": float(value) for place, value in enumerate(DIGITS.data[number])}
        item.save(update_fields=["row"])
    bob = factories.user("bob")
    for number in range(120):
        query = factories.held_query(project, bob)
        true = DIGITS.target[int(query.item.key.removeprefix("item-"))]
        factories.answered(project, bob, str((true + (number % 10 == WRONG)) % 10))
    return project


def run(project: Project) -> Round:
    found = scheduling.start_round(project, cause="a test")
    assert found is not None
    running.run(found.pk)
    found.refresh_from_db()
    assert found.state == Round.State.DONE, found.error
    return found


def test_a_round_names_what_was_never_learned() -> None:
    project = digits_project("unlearnable")
    notes = run(project).notes
    assert "as if they could not be learned" in " ".join(notes)
    told = next(note for note in notes if note.startswith("Never learned: "))
    named = told.removeprefix("Never learned: ").removesuffix(", ...").split(", ")
    assert 1 <= len(named) <= 5
    assert project.items.filter(key__in=named).count() == len(named)
    assert Annotation.objects.filter(item__key__in=named).count() == len(named)


def test_a_round_says_that_costs_are_not_known() -> None:
    assert NO_COSTS in run(digits_project("cost")).notes


def test_dear_texts_are_asked_less_by_what_people_took() -> None:
    words = {"apple": "red round crisp", "banana": "yellow long soft"}
    project = factories.project(labels=list(words), items=300, guards=("cost",), strategy="random")
    rng = np.random.default_rng(0)
    for number, item in enumerate(project.items.order_by("id")):
        kind = words[list(words)[number % 2]].split()
        item.text = " ".join(rng.choice(kind, 3 if number % 4 < 2 else 60))
        item.save(update_fields=["text"])
    bob = factories.user("bob")
    for _ in range(60):
        text = factories.held_query(project, bob).item.text
        label = "apple" if text.split()[0] in words["apple"] else "banana"
        factories.answered(project, bob, label, seconds=1 + len(text) / 20)
    found = run(project)
    assert NO_COSTS not in found.notes
    lengths = [len(query.item.text) for query in found.queries.filter(draw="ranked").select_related("item")]
    assert np.mean(np.array(lengths) > 100) < 0.25
