"""What only the convolutional network has: images and their shape."""

import numpy as np
import pytest

from models_zoo import network
from models_zoo.network import NetworkHead
from models_zoo.training import TrainingConfig
from tests.models_zoo.digits import EVEN, FOLDS, QUICK, X, Y, quick

SMALL = {**QUICK, "network_steps": 20}


def test_images_may_keep_their_axes() -> None:
    flat, images = quick("network", network_steps=20), NetworkHead(TrainingConfig(**{**SMALL, "shape": None}))
    bytes_ = (X * 255).astype(np.uint8)
    flat.fit(bytes_, Y, EVEN, FOLDS, classes=11, seed=0)
    images.fit(bytes_.reshape(-1, 8, 8), Y, EVEN, FOLDS, classes=11, seed=0)  # type: ignore[arg-type]
    assert images.shape == (1, 8, 8)
    assert np.array_equal(images.predict_probs(bytes_.reshape(-1, 1, 8, 8)), flat.predict_probs(bytes_))  # type: ignore[arg-type]


@pytest.mark.parametrize("posterior", ["mc_dropout", "laplace"])
def test_a_chunk_is_convolved_a_few_images_at_a_time(posterior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    head = quick("network", posterior, network_steps=5)
    monkeypatch.setattr(network, "BLOCK_FLOATS", 7 * 5 * 4 * 8 * 8)  # the first maps of seven images, all members
    seen: list[int] = []
    units = network.units
    head.fit(X, Y, EVEN, FOLDS, classes=11, seed=0)
    monkeypatch.setattr(network, "units", lambda images, tensors: seen.append(len(images)) or units(images, tensors))
    probs, draws = head.predict_probs(X), head.draw_probs(X, draws=2, seed=0)
    assert max(seen[: -(-200 // 7)]) == 7
    assert max(seen) <= 64, "the model behind draws is one network, and a training batch is as long"
    monkeypatch.undo()
    assert np.allclose(head.predict_probs(X), probs, atol=1e-5)
    assert np.allclose(head.draw_probs(X, draws=2, seed=0), draws, atol=1e-5)


def test_colors() -> None:
    head = NetworkHead(TrainingConfig(**SMALL | {"shape": (3, 8, 8)}))
    head.fit(np.tile(X, 3), Y, EVEN, FOLDS, classes=11, seed=0)
    assert head.predict_probs(np.tile(X, 3)).shape == (200, 11)


@pytest.mark.parametrize(
    ("shape", "said"), [(None, "images must be"), ((9, 9), "do not fit"), ((2, 32), "4 x 4 pixels")]
)
def test_a_shape_that_is_none_is_refused(shape: tuple[int, ...] | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NetworkHead(TrainingConfig(shape=shape)).fit(X, Y, EVEN, FOLDS, classes=11, seed=0)


def test_the_shape_travels_with_the_weights() -> None:
    head, copy = quick("network", network_steps=5), NetworkHead(TrainingConfig(**{**SMALL, "shape": None}))
    head.fit(X, Y, EVEN, FOLDS, classes=11, seed=0)
    copy.load_state(head.state())
    assert np.array_equal(copy.predict_probs(X), head.predict_probs(X))
