"""Rounds that go on from each other's models: what they tell, and what they fall back to."""

import os
import shutil
from functools import partial

import pytest

from annotator import labeling, managing, scheduling
from annotator.learning import artifacts, keeping, running, training
from annotator.models import Annotation, Item, Project, Round
from models_zoo.training import TrainingConfig
from tests import factories
from tests.learning import test_running
from tests.learning.test_running import basis_of, digits_project, kept, pictures_project, run, true_label

pytestmark = pytest.mark.django_db
GOES_ON = "Went on from the last round's model"
FRESH = "Trained from scratch: there is no earlier model of these labels to go on from."


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat from another thread in a test's transaction, and networks that train in a moment."""
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 3600)
    monkeypatch.setattr(training, "TrainingConfig", partial(TrainingConfig, **test_running.SIZES))


def answer(project: Project, count: int) -> Project:
    """Even or odd: two labels, both of which every round has seen."""
    bob = factories.user("bob")
    for _ in range(count):
        query = factories.held_query(project, bob)
        factories.answered(project, bob, str(int(true_label(query.item)) % 2))
    return project


def answered(answers: int = 40, **fields: object) -> Project:
    return answer(digits_project(0, cleaning=False, **fields), answers)


def chained(**fields: object) -> Project:
    """A project whose second round is due, the first done."""
    project = answered(**{"head": "mlp", "training": "continue", **fields})
    run(project)
    return answer(project, 10)


def models(project: Project) -> set[str]:
    return {path.split(".", 1)[1] for path in kept(project)}


def test_a_round_goes_on_from_the_last_one_and_says_so() -> None:
    project = answered(head="mlp", training="continue")
    first = run(project)
    assert FRESH in first.notes
    assert first.training["went_on"] is False
    second = run(answer(project, 10))
    assert any(note.startswith(GOES_ON) for note in second.notes)
    told = second.training
    assert told["went_on"] is True
    assert told["steps"] > 0
    assert told["samples"] > told["steps"]
    assert 0.5 < told["replayed"] < 0.7
    assert told["seconds"] > 0
    assert told["saved"] >= 0


@pytest.mark.parametrize("replay", ["er", "mir", "der", "sd"])
def test_every_replay_on_offer(replay: str) -> None:
    assert run(chained(replay=replay)).training["went_on"] is True


@pytest.mark.parametrize(
    ("fields", "goes_on"),
    [
        ({"head": "linear"}, False),
        ({"head": "mlp"}, False),
        ({"head": "linear", "training": "continue"}, True),
        ({"head": "mlp", "training": "fresh"}, False),
    ],
)
def test_layers_start_fresh_unless_told_otherwise(fields: dict[str, str], goes_on: bool) -> None:
    project = answered(**fields)
    run(project)
    found = run(answer(project, 10))
    assert found.training["went_on"] == goes_on
    assert any("scratch" in note or GOES_ON in note for note in found.notes) == goes_on
    assert models(project) == ({"safetensors", "npz"} if goes_on else {"safetensors"})


def test_a_network_of_pictures_goes_on_by_default() -> None:
    project = answer(pictures_project(0, head="network", cleaning=False), 40)
    assert FRESH in run(project).notes
    assert run(answer(project, 10)).training["went_on"] is True


@pytest.mark.parametrize("lost", ["all", "model", "memory"])
def test_without_the_last_rounds_files_a_round_starts_fresh(lost: str) -> None:
    project = chained()
    folder = artifacts.folder(project.pk) / "models"
    if lost == "all":
        shutil.rmtree(folder)
    else:
        (folder / f"1-1.{'safetensors' if lost == 'model' else 'npz'}").unlink()
    found = run(project)
    assert FRESH in found.notes
    assert run(answer(project, 5)).training["went_on"] is True


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
@pytest.mark.parametrize("half", [True, False])
def test_a_damaged_file_is_never_gone_on_from(suffix: str, half: bool) -> None:
    project = chained()
    path = artifacts.folder(project.pk) / "models" / f"1-1.{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if half else b"nothing")
    assert FRESH in run(project).notes


def test_a_new_label_starts_a_new_chain() -> None:
    project = chained()
    managing.add_labels(project, ["ten"])
    assert FRESH in run(project).notes


def test_another_head_starts_a_new_chain() -> None:
    project = chained()
    Project.objects.update(head="linear")
    assert FRESH in run(project).notes


def test_changed_labels_start_a_new_chain() -> None:
    project = chained()
    bob = factories.user("bob")
    wrong = factories.label_of(project, "3")
    for annotation in project.annotations.current().filter(item__audit=Item.Audit.NO).order_by("id")[:3]:
        other = wrong if annotation.label_id != wrong.pk else factories.label_of(project, "4")
        labeling.revise(annotation.item, outcome=Annotation.Outcome.LABEL, label=other, reviewer=bob)
    told = run(project).training
    assert told["went_on"] is False
    assert "learned labels were changed or taken back" in told["why"]


def test_items_that_came_and_went_are_no_other_items() -> None:
    project = chained()
    first = project.items.filter(outcome="", audit=Item.Audit.NO).order_by("id").first()
    assert first is not None
    first.delete()
    factories.add_items(project, 2, row={"p1": 1.0})
    assert run(project).training["went_on"] is True


def test_a_label_that_was_never_given_starts_a_new_chain() -> None:
    project = chained()
    bob = factories.user("bob")
    for _ in range(5):
        factories.held_query(project, bob)
        factories.answered(project, bob, "7")
    assert "never given before" in run(project).training["why"]


def test_a_round_without_news_starts_fresh() -> None:
    project = chained()
    run(project)
    assert run(project).training["why"] == "no label is new"


def test_a_lost_attempts_model_is_not_gone_on_from() -> None:
    project = chained()
    lost = scheduling.start_round(project, cause="a test")
    assert lost is not None
    late = running.begin(lost.pk)
    assert late is not None
    scheduling.requeue(late)
    running.run(lost.pk)
    found = Round.objects.get(pk=lost.pk)
    assert (found.attempt, found.training["went_on"]) == (2, True)
    folder = artifacts.folder(project.pk) / "models"
    for suffix in ("safetensors", "npz"):
        os.link(folder / f"1-1.{suffix}", folder / f"2-1.{suffix}")
    assert run(answer(project, 5)).training["went_on"] is True
    assert kept(project) == {f"{name}.{suffix}" for name in ("2-2", "3-1") for suffix in ("safetensors", "npz")}


def test_the_model_behind_draws_goes_on_too() -> None:
    project = chained(strategy="bald")
    before = keeping.previous(project, basis_of(project))
    assert before is not None
    assert before.has_draws
    assert run(project).training["went_on"] is True


def test_unlabelled_items_train_too_where_the_owner_wants_it() -> None:
    project = answered(head="mlp", semi_supervised=True)
    found = run(project)
    assert any("unlabelled items" in note.lower() for note in found.notes)
    assert "unlabeled" in found.timings
    assert not any("unlabelled" in note.lower() for note in run(answered(name="Other", head="mlp")).notes)
