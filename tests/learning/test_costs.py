"""What answers cost, learned from the time that people took."""

import numpy as np
import pytest
from django.contrib.auth.models import User

from annotator.learning import costs, loading
from annotator.models import Annotation, Project
from tests import factories

pytestmark = pytest.mark.django_db


def timed_project(answers: int = 40, people: tuple[str, ...] = ("bob",), **fields: object) -> Project:
    """Texts of 10 to 690 characters; people take 2 seconds and a hundredth for each character, dan three times that."""
    project = factories.project(items=70, members=people, guards=("cost",), **fields)
    for number, item in enumerate(project.items.order_by("id")):
        item.text = "x" * (10 * (number + 1))
        item.save(update_fields=["text"])
    for number in range(answers):
        answer(project, factories.user(people[number % len(people)]))
    return project


def answer(project: Project, person: User) -> None:
    length = len(factories.held_query(project, person).item.text)
    usual = 2 + length / 100
    factories.answered(project, person, seconds=usual * (3 if person.username == "dan" else 1))


def told(project: Project) -> np.ndarray | None:
    return costs.of_items(project, loading.load_pool(project))


def test_longer_texts_cost_more_by_what_people_took() -> None:
    found = told(timed_project())
    assert found is not None
    assert (found > 0).all()
    assert found[49] / found[9] == pytest.approx((2 + 5) / (2 + 1), rel=0.05)


def test_slow_people_make_no_text_dear() -> None:
    found = told(timed_project(60, ("bob", "dan")))
    assert found is not None
    assert found[49] / found[9] == pytest.approx((2 + 5) / (2 + 1), rel=0.3)


def test_a_break_in_between_moves_nothing() -> None:
    project = timed_project()
    before = told(project)
    some = Annotation.objects.filter(project=project).values_list("id", flat=True)[:6]
    Annotation.objects.filter(id__in=list(some)).update(seconds=3600)
    after = told(project)
    assert before is not None
    assert after is not None
    assert after[49] / after[9] == pytest.approx(before[49] / before[9], rel=0.4)


def test_texts_beyond_all_that_were_timed_cost_as_much_as_the_longest() -> None:
    project = timed_project()
    longest = max(len(found.item.text) for found in Annotation.objects.filter(project=project))
    unasked = project.items.unasked().order_by("id")[0]
    project.items.filter(pk=unasked.pk).update(text="x" * 100_000)
    found, ids = told(project), list(project.items.order_by("id").values_list("id", flat=True))
    assert found is not None
    assert found[ids.index(unasked.pk)] == found.max() == found[longest // 10 - 1]


def test_too_few_timed_answers_tell_nothing() -> None:
    assert told(timed_project(29)) is None


def test_time_that_does_not_rise_with_length_tells_nothing() -> None:
    project = timed_project()
    for found in Annotation.objects.filter(project=project):
        Annotation.objects.filter(pk=found.pk).update(seconds=1000 / len(found.item.text))
    assert told(project) is None
    Annotation.objects.filter(project=project).update(seconds=None)
    assert told(project) is None


def test_only_texts_and_only_with_the_guard() -> None:
    project = timed_project()
    project.guards = []
    assert told(project) is None
    pictures = factories.project(name="Pictures", kind="image", items=3, guards=("cost",))
    assert told(pictures) is None


def test_texts_all_of_one_length_cost_the_same() -> None:
    project = timed_project()
    project.items.update(text="same")
    assert told(project) is None
