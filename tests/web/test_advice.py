"""Which strategy for my data: the page, and who may ask for a trial."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotator import advising
from annotator.errors import RefusedError
from annotator.models import Item, Project, Trial
from tests import factories

pytestmark = pytest.mark.django_db


def labeled(project: Project, count: int, *, classes: int = 1) -> None:
    """So many items that a trial may use."""
    ids = list(project.items.exclude(audit=Item.Audit.REPORTING).values_list("id", flat=True)[:count])
    for place, label in enumerate(project.labels.all()[:classes]):
        given = {"outcome": "label", "label": label, "state": Item.State.ANSWERED}
        project.items.filter(id__in=ids[place::classes]).update(**given)


def test_too_few_labels_are_told_and_nothing_starts(as_alice: Client) -> None:
    project = factories.project()
    page = as_alice.get(reverse("advice", args=[project.slug])).content.decode()
    assert "Trials need 100 labeled items; there are 0." in page
    answer = as_alice.post(reverse("advice-begin", args=[project.slug]))
    assert answer.status_code == 409
    assert not Trial.objects.exists()


def test_a_trial_starts_and_shows_how_far_it_is(as_alice: Client) -> None:
    project = factories.project(items=200)
    labeled(project, 110, classes=2)
    assert as_alice.post(reverse("advice-begin", args=[project.slug])).status_code == 302
    trial = Trial.objects.get()
    assert len(trial.plan) == len(advising.STRATEGIES) * advising.SEEDS
    page = as_alice.get(reverse("advice", args=[project.slug])).content.decode()
    assert "0 of 35 runs played" in page
    assert 'hx-trigger="every 2s"' in page


def test_one_trial_at_a_time(as_alice: Client) -> None:
    project = factories.project(items=200)
    labeled(project, 110, classes=2)
    advising.start(project, factories.user("alice"))
    with pytest.raises(RefusedError, match="already under way"):
        advising.start(project, factories.user("alice"))


def test_only_silent_trials_are_woken_again() -> None:
    project = factories.project(items=200)
    labeled(project, 110, classes=2)
    trial = advising.start(project, factories.user("alice"))
    assert advising.unfinished() == []
    Trial.objects.update(touched_at=timezone.now() - timedelta(minutes=5))
    assert advising.unfinished() == [trial.pk]


def test_a_finished_trial_is_a_table_with_the_best_first(as_alice: Client) -> None:
    project = factories.project(items=200)
    labeled(project, 110, classes=2)
    trial = advising.start(project, factories.user("alice"))
    row = {"mean": 0.034, "low": 0.01, "high": 0.05, "final": 0.9}
    Trial.objects.filter(pk=trial.pk).update(
        state=Trial.State.DONE,
        finished_at=timezone.now(),
        summary=[{"strategy": "margin", "area": 0.8, **row}, {"strategy": "random", "area": 0.7, **row}],
    )
    page = as_alice.get(reverse("advice", args=[project.slug])).content.decode()
    assert "Margin learned fastest" in page
    assert "+3.4" in page
    assert "Change it in the settings" in page
    unsure = [{"strategy": "margin", "area": 0.8, **row, "low": -0.01}, {"strategy": "random", "area": 0.7, **row}]
    Trial.objects.filter(pk=trial.pk).update(summary=unsure)
    page = as_alice.get(reverse("advice", args=[project.slug])).content.decode()
    assert "No strategy was surely better than random" in page


def test_labels_all_alike_are_refused(as_alice: Client) -> None:
    project = factories.project(items=200)
    labeled(project, 180)
    answer = as_alice.post(reverse("advice-begin", args=[project.slug]))
    assert "the same label" in answer.content.decode()
    assert not Trial.objects.exists()
