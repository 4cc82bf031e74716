"""The ensemble: cross-fitted, consistent in its samples, exact in its checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from models_zoo import checkpoints
from models_zoo.heads import Ensemble

DIGITS = load_digits()
X = (DIGITS.data[:200] / 16).astype(np.float32)
Y = DIGITS.target[:200].astype(np.int64)
FOLDS = np.arange(200) % 5
EVEN = np.ones(200, dtype=np.float32)


def fitted(labels: np.ndarray = Y, seed: int = 1) -> Ensemble:
    model = Ensemble()
    model.fit(X, labels, EVEN, FOLDS, classes=11, seed=seed)
    return model


def test_permuting_a_folds_labels_leaves_its_member_bit_identical() -> None:
    """At every penalty: which one is taken may change, since all members are asked about what they have not seen."""
    permuted = Y.copy()
    permuted[FOLDS == 2] = np.random.default_rng(0).permutation(permuted[FOLDS == 2])
    first, second = fitted(), fitted(permuted)
    heads = [model._train(FOLDS, model.config.penalties) for model in (first, second)]
    assert torch.equal(heads[0][2], heads[1][2])
    assert not torch.equal(heads[0][1], heads[1][1])


def test_out_of_fold_probabilities_come_from_the_member_that_never_saw_the_item() -> None:
    model = fitted()
    oof, members = model.out_of_fold_probs(X, FOLDS), model.member_probs(X)
    assert np.array_equal(oof[7], members[2, 7])
    assert oof.sum(axis=1) == pytest.approx(np.ones(200), abs=1e-5)
    assert (oof.argmax(axis=1) == Y).mean() > 0.85


def test_samples_do_not_depend_on_the_chunk() -> None:
    model = fitted()
    whole = model.draw_probs(X, draws=6, seed=9)
    parts = [model.draw_probs(X[start : start + 37], draws=6, seed=9) for start in range(0, 200, 37)]
    assert whole.shape == (200, 11, 6)
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-5)
    assert whole.sum(axis=1) == pytest.approx(np.ones((200, 6)), abs=1e-5)
    assert np.ptp(whole, axis=2).max() > 0.01


def test_sampling_leaves_global_randomness_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    fitted().draw_probs(X[:5], draws=3, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_importing_baal_leaves_structlog_alone() -> None:
    import subprocess
    import sys

    code = (
        "import structlog; before = structlog.get_config(); import models_zoo.mc_dropout; "
        "print(structlog.get_config() == before)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_weights_travel_as_safetensors(tmp_path: Path) -> None:
    model, copy = fitted(), Ensemble()
    checkpoints.save(tmp_path / "model.safetensors", model.state())
    copy.load_state(checkpoints.load(tmp_path / "model.safetensors"))
    assert np.array_equal(copy.mean_probs(X), model.mean_probs(X))
    with pytest.raises(ValueError, match="head"):
        copy.load_state({})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": np.full_like(X, np.nan)}, "finite"),
        ({"targets": Y + 20}, "targets"),
        ({"folds": FOLDS + 3}, "folds"),
        ({"weights": EVEN[:10]}, "must fit"),
    ],
)
def test_bad_training_sets_are_refused(change: dict[str, np.ndarray], said: str) -> None:
    good = {"features": X, "targets": Y, "weights": EVEN, "folds": FOLDS}
    with pytest.raises(ValueError, match=said):
        Ensemble().fit(**{**good, **change}, classes=11, seed=0)  # type: ignore[arg-type]


def test_all_labels_in_one_fold() -> None:
    model = Ensemble()
    model.fit(X[:20], Y[:20], EVEN[:20], np.zeros(20, dtype=np.int64), classes=11, seed=0)
    assert np.isfinite(model.out_of_fold_probs(X[:20], np.zeros(20, dtype=np.int64))).all()
