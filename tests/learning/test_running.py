"""Rounds in this process: what they train, and the models that they leave behind."""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image
from sklearn.datasets import load_digits

from alcore.guarding import NO_PREVIOUS
from annotator import scheduling
from annotator.learning import artifacts, encoding, keeping, loading, running, training
from annotator.models import Item, Project, Round
from models_zoo import heads
from models_zoo.training import TrainingConfig
from tests import factories

pytestmark = pytest.mark.django_db
DIGITS = load_digits()
LABELS = [str(n) for n in range(10)]
SIZES = {
    "hidden": 8,
    "mlp_least": 20,
    "mlp_steps": 20,
    "channels": (2, 4),
    "network_hidden": 8,
    "network_least": 20,
    "network_steps": 20,
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No heartbeat from another thread in a test's transaction, and networks that train in a moment."""
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 3600)
    monkeypatch.setattr(training, "TrainingConfig", partial(TrainingConfig, **SIZES))


def digits_project(answers: int = 40, **fields: object) -> Project:
    """Real digits as table rows, some of them answered."""
    project = factories.project(kind="table", labels=LABELS, items=0, **fields)
    for number, item in enumerate(factories.add_items(project, 80)):
        item.row = {f"p{place}": float(value) for place, value in enumerate(DIGITS.data[number])}
        item.save(update_fields=["row"])
    return answer(project, answers)


def pictures_project(answers: int = 40, **fields: object) -> Project:
    """The same digits as images."""
    project = factories.project(kind="image", labels=LABELS, items=0, **fields)
    for number, item in enumerate(factories.add_items(project, 80)):
        gray = Image.fromarray((DIGITS.images[number] * 15).astype(np.uint8))
        gray.resize((28, 28)).save(Path(settings.MEDIA_ROOT) / item.file)
    return answer(project, answers)


def answer(project: Project, count: int) -> Project:
    bob = factories.user("bob")
    for _ in range(count):
        factories.answered(project, bob, true_label(factories.held_query(project, bob).item))
    return project


def true_label(item: Item) -> str:
    return str(DIGITS.target[int(item.key.removeprefix("item-"))])


def run(project: Project) -> Round:
    """A round from its row to its row."""
    project.refresh_from_db()
    found = scheduling.start_round(project, cause="a test")
    assert found is not None
    running.run(found.pk)
    found.refresh_from_db()
    assert found.state == Round.State.DONE, found.error
    return found


def kept(project: Project) -> set[str]:
    return {path.name for path in (artifacts.folder(project.pk) / "models").glob("*")}


def basis_of(project: Project) -> keeping.Basis:
    pool = loading.load_pool(project)
    return keeping.basis_of(project, pool, encoding.features_of(project, pool, lambda share: None))


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_a_round_trains_the_projects_head_and_keeps_it(head: str) -> None:
    project = digits_project(head=head, posterior="laplace", balance_training=True, strategy="bald")
    found = run(project)
    assert (found.head, found.used_strategy) == (head, "bald")
    assert found.calibration_error is not None
    basis = basis_of(project)
    model = keeping.previous(project, basis)
    assert isinstance(model, heads.KINDS[head])
    assert (model.config.posterior, model.config.balanced) == ("laplace", True)
    pool = loading.load_pool(project)
    features = encoding.features_of(project, pool, lambda share: None).features
    assert model.predict_probs(features[:5]).shape == (5, 11)
    with pytest.raises(ValueError, match="kept without draws"):
        model.draw_probs(features[:5], draws=2, seed=0)


def test_a_network_learns_from_the_pictures_themselves() -> None:
    project = pictures_project(head="network", strategy="bald")
    found = run(project)
    assert (found.head, found.used_strategy) == ("network", "bald")
    basis = basis_of(project)
    assert (basis.encoder.split("-")[0], basis.width) == ("raw", 28 * 28)
    assert keeping.previous(project, basis) is not None
    project.head = "linear"
    project.save()
    assert run(project).head == "linear"
    assert basis_of(project).encoder.startswith("pixels-")


def test_a_round_without_a_model_keeps_none() -> None:
    project = digits_project(answers=0)
    found = run(project)
    assert (found.head, found.used_strategy) == ("", "coverage")
    assert kept(project) == set()
    assert keeping.previous(project, basis_of(project)) is None


def test_the_last_two_rounds_models_stay() -> None:
    project = digits_project()
    for _ in range(3):
        run(project)
    assert kept(project) == {"2-1.safetensors", "3-1.safetensors"}


def test_a_lost_attempt_leaves_the_winners_model_alone() -> None:
    project = digits_project()
    run(project)
    lost = scheduling.start_round(project, cause="a test")
    assert lost is not None
    late = running.begin(lost.pk)
    assert late is not None
    scheduling.requeue(late)
    running.run(lost.pk)
    basis, head = basis_of(project), training.head_of(project)
    expected = keeping.previous(project, basis)
    rows = np.zeros((40, basis.width), dtype=np.float32)
    even, folds = np.ones(40, dtype=np.float32), np.arange(40) % 5
    head.fit(rows, np.arange(40) % 2, even, folds, classes=11, seed=0)
    keeping.keep(late, head, basis)
    assert kept(project) == {"1-1.safetensors", "2-1.safetensors", "2-2.safetensors"}
    found = keeping.previous(project, basis)
    assert expected is not None
    assert found is not None
    assert np.array_equal(found.predict_probs(rows), expected.predict_probs(rows))
    keeping.forget_old(project)
    assert kept(project) == {"1-1.safetensors", "2-2.safetensors"}


def test_the_model_of_a_round_under_way_is_not_forgotten() -> None:
    project = digits_project()
    run(project)
    (artifacts.folder(project.pk) / "models" / "2-1.safetensors").touch()
    keeping.forget_old(project)
    assert kept(project) == {"1-1.safetensors", "2-1.safetensors"}


@pytest.mark.parametrize("change", ["head", "posterior", "label", "encoder", "width"])
def test_a_model_on_another_basis_is_not_taken(change: str) -> None:
    project = digits_project()
    run(project)
    basis = basis_of(project)
    other = {
        "head": {"head": "mlp"},
        "posterior": {"posterior": "laplace"},
        "label": {"labels": (*basis.labels, 99)},
        "encoder": {"encoder": "columns-2"},
        "width": {"width": 3},
    }
    assert keeping.previous(project, basis) is not None
    assert keeping.previous(project, keeping.Basis(**{**vars(basis), **other[change]})) is None


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_damaged_model_is_told_in_the_log_and_fails_no_round(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    project = digits_project(guards=["contrastive"])
    found = run(project)
    path = artifacts.folder(project.pk) / "models" / f"{found.number}-{found.attempt}.safetensors"
    whole = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"no tensors")
    with caplog.at_level(logging.WARNING):
        assert keeping.previous(project, basis_of(project)) is None
    assert "The model of round 1" in caplog.text
    assert NO_PREVIOUS in run(project).notes


def test_the_contrastive_guard_looks_at_the_last_rounds_model() -> None:
    project = digits_project(guards=["contrastive"])
    assert NO_PREVIOUS in run(project).notes
    assert NO_PREVIOUS not in run(project).notes


def test_trials_train_the_same_but_no_convolutional_network() -> None:
    project = Project(head="mlp", posterior="laplace")
    assert isinstance(training.head_for_trials(project), heads.KINDS["mlp"])
    project.head = "network"
    assert isinstance(training.head_for_trials(project), heads.KINDS["linear"])
    assert training.head_for_trials(project).config.posterior == "laplace"
