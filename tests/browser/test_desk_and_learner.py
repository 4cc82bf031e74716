"""The whole loop in a real browser with a real worker: people answer by key while rounds come and go."""

import subprocess

import pytest
from django.contrib.auth.models import User

from annotator import enqueue
from annotator.models import Annotation
from tests.browser.conftest import Visit
from tests.worker.conftest import files_in_home, learner, start_worker, wait_until
from tests.worker.test_rounds import digits_project, done

__all__ = ["files_in_home", "learner", "start_worker"]  # fixtures
pytestmark = [pytest.mark.worker, pytest.mark.xdist_group("worker")]


def test_a_round_finishes_while_a_person_labels_by_key(
    learner: subprocess.Popen[bytes],
    visit: Visit,
    alice: User,
    bob: User,
) -> None:
    project = digits_project(batch_size=10)
    enqueue.round_if_due(project)
    wait_until(lambda: done(project, 1), "the first round")
    page = visit(f"/projects/{project.slug}/label/", bob)
    for number in range(25):
        lease = page.input_value('input[name="lease"]')
        page.keyboard.press(str(number % 10))
        page.wait_for_function("before => document.querySelector('input[name=\"lease\"]').value !== before", arg=lease)
    assert Annotation.objects.current().filter(project=project, annotator=bob).count() == 25
    wait_until(lambda: done(project, 2), "the second round")
    owner = visit(f"/projects/{project.slug}/", alice)
    owner.wait_for_selector("text=Margin")
    assert owner.locator("text=Done").count() >= 2
