"""What draws are samples of: dropout masks, by hand and by baal, and Laplace's Gaussian."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from models_zoo import laplace, mc_dropout
from tests.models_zoo.digits import DIGITS, X, fitted, known

MORE = (DIGITS.data[200:] / 16).astype(np.float32)
MORE_LABELS = DIGITS.target[200:]


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_baals_patched_network_draws_the_same_samples(kind: str) -> None:
    by_baal = fitted(kind, patched=True).draw_probs(X, draws=4, seed=3)
    assert np.allclose(by_baal, known(kind).draw_probs(X, draws=4, seed=3), atol=1e-5)


def test_masks_keep_half_and_double_what_they_keep() -> None:
    masks = mc_dropout.masks(1000, rate=0.5, draws=3, seed=0)
    assert set(masks.unique().tolist()) == {0.0, 2.0}
    assert masks.mean(dim=1).tolist() == pytest.approx([1, 1, 1], abs=0.1)
    assert not torch.equal(masks[0], masks[1])


def test_importing_baal_leaves_structlog_alone() -> None:
    code = (
        "import structlog; before = structlog.get_config(); from models_zoo import mc_dropout; "
        "mc_dropout._baal(); print(structlog.get_config() == before)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_laplaces_covariance_is_the_inverse_of_the_curvature_times_its_width() -> None:
    source = torch.Generator().manual_seed(0)
    units, logits = torch.randn(50, 3, generator=source), torch.zeros(50, 2)
    mode = laplace.Mode(units, logits, torch.ones(50), precision=2.0)
    root = laplace.root(mode, torch.zeros(50, 2), torch.arange(50) % 2).double()
    rows = torch.cat([units, torch.ones(50, 1)], dim=1).double()
    precision = 0.25 * rows.T @ rows + 2.0 * torch.eye(4)  # half way between two labels the curvature is 1/4
    ratio = root @ root.T @ precision
    assert torch.allclose(ratio / ratio[0, 0], torch.eye(4, dtype=torch.float64), atol=1e-5)
    assert laplace.NARROWEST / 2 <= float(ratio[0, 0]) <= 1


def test_samples_spread_as_the_covariance_says() -> None:
    root = torch.tensor([[2.0, 0.0], [1.0, 0.5]])
    layer = laplace.LastLayer(torch.zeros(1, 1), torch.zeros(1), root)
    logits = layer.logits(torch.tensor([[3.0]]), draws=20_000, seed=0)
    row = torch.tensor([3.0, 1.0])
    assert float(logits.var()) == pytest.approx(float(row @ root @ root.T @ row), rel=0.05)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
@pytest.mark.parametrize("posterior", ["mc_dropout", "laplace"])
def test_draws_disagree_where_the_model_errs(kind: str, posterior: str) -> None:
    draws = known(kind, posterior).draw_probs(MORE, draws=20, seed=0)
    mean = draws.mean(axis=2)
    gained = (draws * np.log(draws + 1e-12)).sum(axis=1).mean(axis=1) - (mean * np.log(mean + 1e-12)).sum(axis=1)
    wrong = mean.argmax(axis=1) != MORE_LABELS
    assert wrong[np.argsort(-gained)[:200]].mean() > 1.5 * wrong[np.argsort(-gained)[200:]].mean()
