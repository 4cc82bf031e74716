"""Rounds in a real Celery worker: they finish, survive a kill, and are stored once."""

import shutil
import signal
import subprocess

import pytest
from django.contrib.auth.models import User
from sklearn.datasets import load_digits

from annotator import enqueue, scheduling, serving
from annotator.learning import artifacts
from annotator.models import Item, Project, Query, Round
from tests import factories
from tests.worker.conftest import Start, wait_until

pytestmark = [pytest.mark.worker, pytest.mark.xdist_group("worker")]
DIGITS = load_digits()


def digits_project(items: int = 300, **settings: object) -> Project:
    """Real digits as table rows, labels 0 to 9."""
    project = factories.project(kind="table", labels=[str(n) for n in range(10)], items=0, **settings)
    for number, item in enumerate(factories.add_items(project, items)):
        item.row = {f"p{place}": float(value) for place, value in enumerate(DIGITS.data[number])}
        item.save(update_fields=["row"])
    return project


def true_label(item: Item) -> str:
    return str(DIGITS.target[int(item.key.removeprefix("item-"))])


def answer_truly(project: Project, person: User, count: int) -> None:
    for _ in range(count):
        query = factories.held_query(project, person)
        factories.answered(project, person, true_label(query.item))


def answer_by_parity(project: Project, person: User, count: int) -> None:
    """Two labels, both of which every round has seen."""
    for _ in range(count):
        query = factories.held_query(project, person)
        factories.answered(project, person, str(int(true_label(query.item)) % 2))


def done(project: Project, number: int) -> bool:
    failed = project.rounds.filter(state=Round.State.FAILED).first()
    assert failed is None, failed.error
    return project.rounds.filter(number=number, state=Round.State.DONE).exists()


def test_rounds_follow_the_answers(learner: subprocess.Popen[bytes], bob: User) -> None:
    project = digits_project(batch_size=10)
    enqueue.round_if_due(project)
    wait_until(lambda: done(project, 1), "the first round")
    first = project.rounds.get(number=1)
    assert first.used_strategy == "coverage"
    assert project.queries.open().filter(round=first).count() > 10
    answer_truly(project, bob, 25)
    enqueue.round_if_due(project)
    wait_until(lambda: done(project, 2), "the second round")
    second = project.rounds.get(number=2)
    assert second.used_strategy == "margin"
    assert second.labels_used >= 15
    assert {"load", "encode", "train", "select", "store"} <= set(second.timings)
    ranked = project.queries.open().filter(round=second, draw=Query.Draw.RANKED)
    assert ranked.exists()
    assert all(query.score is not None and query.probability is None for query in ranked)
    assert not project.queries.open().filter(round=first).exclude(draw=Query.Draw.AUDIT).exists()


def test_counters_agree_with_the_rows_after_rounds(learner: subprocess.Popen[bytes], bob: User) -> None:
    project = digits_project(batch_size=5)
    enqueue.round_if_due(project)
    wait_until(lambda: done(project, 1), "the first round")
    answer_truly(project, bob, 8)
    enqueue.round_if_due(project)
    wait_until(lambda: done(project, 2), "the second round")
    budget = type(project.budget).objects.get(project=project)
    unasked = Item.objects.unasked().filter(project=project)
    assert budget.unasked == unasked.filter(audit="").count()
    assert budget.unasked_reporting == unasked.filter(audit="reporting").count()
    assert budget.unasked_choices == unasked.filter(audit="choices").count()


def test_a_round_whose_worker_was_killed_is_started_again_and_stored_once(start_worker: Start, bob: User) -> None:
    project = digits_project(batch_size=10)
    first = start_worker("learner")
    enqueue.round_if_due(project)
    found = project.rounds.get(number=1)
    wait_until(lambda: Round.objects.get(pk=found.pk).state != Round.State.QUEUED, "the round's start")
    first.send_signal(signal.SIGKILL)
    first.wait()
    start_worker("learner")
    wait_until(lambda: done(project, 1), "the round after the kill")
    served = project.queries.filter(round=found).exclude(draw=Query.Draw.AUDIT)
    assert served.count() == Round.objects.get(pk=found.pk).queries_made
    assert served.values("item").distinct().count() == served.count()


def test_a_killed_chain_goes_on_from_the_last_round_that_was_finished(start_worker: Start, bob: User) -> None:
    project = digits_project(batch_size=10, head="mlp", training="continue", cleaning=False)
    first = start_worker("learner")
    answer_by_parity(project, bob, 40)
    enqueue.round_if_due(project)
    wait_until(lambda: done(project, 1), "the first round")
    answer_by_parity(project, bob, 10)
    enqueue.round_if_due(project)
    wait_until(lambda: project.rounds.filter(number=2).exclude(state=Round.State.QUEUED).exists(), "the second")
    first.send_signal(signal.SIGKILL)
    first.wait()
    start_worker("learner")
    wait_until(lambda: done(project, 2), "the round after the kill")
    found = project.rounds.get(number=2)
    assert found.training["went_on"] is True
    shutil.rmtree(artifacts.folder(project.pk) / "models")
    answer_by_parity(project, bob, 10)
    enqueue.round_if_due(project)
    wait_until(lambda: done(project, 3), "a round without what the last one kept")
    assert "no earlier model" in project.rounds.get(number=3).training["why"]


def test_people_are_served_while_no_learner_lives(transactional_db: None, bob: User) -> None:
    project = digits_project(items=20)
    enqueue.round_if_due(project)
    assert not scheduling.learner_is_alive()
    query = serving.claim_next(project, bob).query
    assert query is not None
    assert query.draw in (Query.Draw.RANDOM, Query.Draw.AUDIT)
    assert query.probability is not None
