"""Trials on a project's own labels, run by run."""

from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_digits

from annotator import advising
from annotator.learning import trying
from annotator.models import Item, Project, Trial
from tests import factories

pytestmark = pytest.mark.django_db
DIGITS = load_digits()


@pytest.fixture
def project(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Real digits as table rows, all of them answered."""
    monkeypatch.setattr(advising, "STRATEGIES", ("random", "margin"))
    monkeypatch.setattr(advising, "SEEDS", 2)
    made = factories.project(kind="table", labels=[str(n) for n in range(10)], items=0)
    for number, item in enumerate(factories.add_items(made, 180)):
        item.row = {f"p{place}": float(value) for place, value in enumerate(DIGITS.data[number])}
        item.save(update_fields=["row"])
    bob = factories.user("bob")
    for _ in range(180):
        query = factories.held_query(made, bob)
        factories.answered(made, bob, str(DIGITS.target[int(query.item.key.removeprefix("item-"))]))
    return made


def test_a_trial_is_played_run_by_run_and_ends_with_a_summary(project: Project) -> None:
    trial = advising.start(project, factories.user("alice"))
    assert trying.play_next(trial.pk)
    trial.refresh_from_db()
    assert (trial.played, trial.state) == (1, "running")
    while trying.play_next(trial.pk):
        pass
    trial.refresh_from_db()
    assert (trial.played, trial.state, trial.error) == (4, "done", "")
    assert {row["strategy"] for row in trial.summary} == {"random", "margin"}
    assert trial.summary[0]["area"] >= trial.summary[1]["area"] > 0.3
    assert not trying.play_next(trial.pk)


def test_a_run_that_was_played_twice_is_stored_once(project: Project) -> None:
    trial = advising.start(project, factories.user("alice"))
    late = Trial.objects.get(pk=trial.pk)
    trying.play_next(trial.pk)
    trying._store(late, trying._play(late, "random", 0))
    trial.refresh_from_db()
    assert len(trial.runs) == trial.played == 1


def test_what_goes_wrong_stands_on_the_row(project: Project) -> None:
    trial = advising.start(project, factories.user("alice"))
    Trial.objects.filter(pk=trial.pk).update(plan=[["magic", 0]])
    assert not trying.play_next(trial.pk)
    trial.refresh_from_db()
    assert trial.state == "failed"
    assert "magic" in trial.error


def test_reporting_items_of_the_audit_stay_away(project: Project) -> None:
    trial = advising.start(project, factories.user("alice"))
    task = trying._task(trial, 0)
    reporting = project.items.filter(audit=Item.Audit.REPORTING).count()
    assert len(task.pool) + len(task.test) == 180 - reporting


def test_a_trial_of_a_deleted_project_ends_quietly(project: Project) -> None:
    trial = advising.start(project, factories.user("alice"))
    project.delete()
    assert not trying.play_next(trial.pk)


def test_the_last_run_and_the_summary_are_one_write(project: Project) -> None:
    """A worker killed between the two would leave a trial that has nothing to play and never ends."""
    trial = advising.start(project, factories.user("alice"))
    while trying.play_next(trial.pk):
        trial.refresh_from_db()
        assert trial.played < len(trial.plan)
