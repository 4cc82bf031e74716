"""One contract for all encoders: what is fitted, kept and loaded gives the same rows, one by one or all at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models_zoo import encoders
from models_zoo.encoders import protocol
from tests.models_zoo import tiny

RNG = np.random.default_rng(0)
WORDS = ["cat", "mat", "stocks", "fell", "markets", "rain", "sun", "goal", "team", "vote"]
TEXTS = [" ".join(RNG.choice(WORDS, 6)) for _ in range(40)]
ROWS = [
    {"size": number, "when": f"2024-0{1 + number % 9}-1{number % 10}", "color": ("red", "blue", None)[number % 3]}
    for number in range(40)
]
VECTORS = list(RNG.normal(size=(40, 5)).astype(np.float32))
NAMES = ["lsa", "words", "pixels", "raw", "columns", "vectors", "sentences", "images"]


def items_for(name: str, folder: Path) -> list[Any]:
    if name in ("pixels", "raw", "images"):
        return [picture(folder / f"{number}.png") for number in range(12)]
    return {"lsa": TEXTS, "words": TEXTS, "sentences": TEXTS, "columns": ROWS, "vectors": VECTORS}[name]


def picture(path: Path) -> Path:
    Image.fromarray(RNG.integers(0, 255, (30, 20, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Callable[[], encoders.Encoder], list[Any]]:
    """How to make the encoder, and items for it."""
    name = request.param
    model = str(tiny.model_for(name, tmp_path)) if name in ("sentences", "images") else ""
    return lambda: encoders.make(name, seed=3, model=model), items_for(name, tmp_path)


Made = tuple[Callable[[], encoders.Encoder], list[Any]]


def test_a_loaded_fit_gives_the_same_rows(made: Made, tmp_path: Path) -> None:
    make, items = made
    first, second = make(), make()
    first.fit(iter(items))
    protocol.save(tmp_path / "fit.safetensors", first.state())
    second.load_state(protocol.load(tmp_path / "fit.safetensors"))
    features = first.encode(items)
    assert features.dtype == np.float32
    assert len(features) == len(items)
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(features, second.encode(items))
    assert first.fingerprint == second.fingerprint


def test_an_item_alone_is_encoded_as_among_others(made: Made) -> None:
    make, items = made
    encoder = make()
    encoder.fit(items)
    np.testing.assert_allclose(encoder.encode(items[5:6]), encoder.encode(items)[5:6], atol=1e-5)


def test_two_fits_on_one_sample_are_one(made: Made) -> None:
    make, items = made
    first, second = make(), make()
    first.fit(items)
    second.fit(items)
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint.startswith(f"{first.spec['name']}-{encoders.VERSION}-")


def test_what_learns_is_named_by_what_it_learned(made: Made) -> None:
    make, items = made
    first, second = make(), make()
    first.fit(items)
    second.fit(items[: len(items) // 2])
    assert (first.fingerprint != second.fingerprint) == first.learns


@pytest.mark.parametrize("name", ["lsa", "words", "pixels", "columns"])
def test_a_fit_that_lacks_something_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lacks"):
        encoders.make(name).load_state(encoders.State())


def test_an_unknown_encoder_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"magic.*lsa"):
        encoders.make("magic")
