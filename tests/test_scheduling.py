"""When a round is due, and that a dead one is started again, once (promise 5)."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from annotator import managing, scheduling
from annotator.errors import RefusedError
from annotator.models import Budget, Project, Round, Worker
from tests import factories

pytestmark = pytest.mark.django_db


def seen(project: Project, number: int = 1) -> Round:
    """A finished round that saw all answers so far."""
    sequence = Budget.objects.get(project=project).sequence
    return factories.finished_round(project, number, sequence=sequence)


def queries_waiting(project: Project, count: int) -> None:
    for rank, item in enumerate(project.items.unasked().of_pool()[:count]):
        factories.open_query(item, rank=rank)


def running(project: Project, *, boot: str = "", ago: float = 0, attempt: int = 1) -> Round:
    heartbeat = timezone.now() - timedelta(seconds=ago)
    return factories.finished_round(
        project, state="running", finished_at=None, boot=boot, heartbeat_at=heartbeat, attempt=attempt
    )


def test_first_round_is_due_as_soon_as_there_are_items() -> None:
    empty, full = factories.project(items=0), factories.project(name="Full")
    assert scheduling.open_round_if_due(empty) is None
    found = scheduling.open_round_if_due(full)
    assert found is not None
    assert (found.number, found.state, found.cause, found.strategy) == (1, "queued", "The first batch", "auto")


def test_one_round_at_a_time() -> None:
    project = factories.project()
    assert scheduling.start_round(project, cause="first") is not None
    assert scheduling.start_round(project, cause="second") is None
    assert scheduling.open_round_if_due(project) is None
    with pytest.raises(RefusedError, match="already under way"):
        scheduling.train_now(project)


def test_round_is_due_when_a_batch_of_answers_came_in(bob: User) -> None:
    project = factories.project(items=30, batch_size=3)
    seen(project)
    queries_waiting(project, 15)
    for _ in range(2):
        factories.answered(project, bob)
    assert scheduling.open_round_if_due(project) is None
    factories.answered(project, bob)
    found = scheduling.open_round_if_due(project)
    assert found is not None
    assert (found.number, found.cause) == (2, "3 new answers")


def test_round_is_due_when_the_open_questions_run_low(bob: User) -> None:
    project = factories.project(items=60, batch_size=10)
    seen(project)
    queries_waiting(project, 7)
    factories.answered(project, bob)
    assert scheduling.open_round_if_due(project) is None
    factories.answered(project, bob)
    found = scheduling.open_round_if_due(project)
    assert found is not None
    assert found.cause == "The open questions run low"


def test_no_round_without_a_new_answer(bob: User) -> None:
    project = factories.project(batch_size=1)
    factories.answered(project, bob)
    seen(project)
    assert scheduling.open_round_if_due(project) is None


def test_failed_round_does_not_swallow_the_answers_it_saw_and_is_tried_again_after_a_rest(bob: User) -> None:
    project = factories.project(items=30, batch_size=2)
    seen(project)
    for _ in range(2):
        factories.answered(project, bob)
    failed = factories.finished_round(project, 2, state="failed", sequence=2)
    assert scheduling.answers_since_round(project) == 2
    assert scheduling.open_round_if_due(project) is None, "what just failed would fail again"
    Round.objects.filter(pk=failed.pk).update(finished_at=timezone.now() - scheduling.RETRY_AFTER)
    assert scheduling.open_round_if_due(project) is not None


@pytest.mark.parametrize("action", ["pause", "archive"])
def test_project_that_rests_does_not_train(action: str) -> None:
    project = factories.project()
    managing.move(project, action)
    assert scheduling.open_round_if_due(project) is None
    with pytest.raises(RefusedError, match="resume it first"):
        scheduling.train_now(project)


def test_training_needs_items() -> None:
    with pytest.raises(RefusedError, match="no items yet"):
        scheduling.train_now(factories.project(items=0))


def test_round_of_a_gone_worker_is_queued_again_at_once() -> None:
    factories.living_learner()
    found = running(factories.project(), boot="an earlier one")
    assert scheduling.sweep() == [found.pk]
    found.refresh_from_db()
    assert (found.state, found.boot, found.progress) == ("queued", "", 0)


def test_round_of_a_living_worker_is_left_to_it() -> None:
    found = running(factories.project(), boot=factories.living_learner().boot)
    assert scheduling.sweep() == []
    found.refresh_from_db()
    assert found.state == Round.State.RUNNING


def test_round_that_fell_silent_is_queued_again() -> None:
    boot = factories.living_learner().boot
    assert scheduling.sweep() == []
    found = running(factories.project(), boot=boot, ago=61)
    assert scheduling.sweep() == [found.pk]


def test_round_that_kills_every_worker_is_given_up() -> None:
    found = running(factories.project(), attempt=scheduling.ATTEMPTS)
    assert scheduling.sweep() == []
    found.refresh_from_db()
    assert (found.state, "died" in found.error) == ("failed", True)


def test_late_sweeper_does_not_touch_a_newer_attempt() -> None:
    stale = running(factories.project(), attempt=1)
    Round.objects.update(attempt=2)
    scheduling.requeue(stale)
    assert Round.objects.get().state == Round.State.RUNNING


def test_learner_is_alive_while_it_is_seen() -> None:
    assert not scheduling.learner_is_alive()
    factories.living_learner()
    assert scheduling.learner_is_alive()
    Worker.objects.update(seen_at=timezone.now() - timedelta(seconds=21))
    assert not scheduling.learner_is_alive()


def test_the_last_answers_are_looked_at_where_another_person_may_be_asked(alice: User, bob: User) -> None:
    project = factories.project(items=0, batch_size=20)
    factories.add_items(project, 3, audit="")
    factories.finished_round(project)
    for _ in range(3):
        factories.answered(project, bob)
    project.refresh_from_db()
    found = scheduling.open_round_if_due(project)
    assert found is not None
    assert found.cause == "Everything has been asked"
    Round.objects.filter(pk=found.pk).update(state="done", sequence=3)
    assert scheduling.open_round_if_due(project) is None, "nothing new since"
