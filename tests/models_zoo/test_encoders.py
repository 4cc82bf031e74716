"""Raw items -> features."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models_zoo import encoders


def test_texts_of_one_subject_are_near() -> None:
    texts = ["the cat sat on the mat", "a cat on a mat", "stocks fell on markets", "markets and stocks fell"] * 5
    features = encoders.encode_texts(texts, seed=0).features
    assert features.dtype == np.float32
    near, far = features[0] @ features[1], features[0] @ features[2]
    assert near > far


@pytest.mark.parametrize("texts", [["one"], ["same", "same"], ["", "?"], ["a b c", "d e f"], []])
def test_little_text_still_encodes(texts: list[str]) -> None:
    features = encoders.encode_texts(texts, seed=0).features
    assert len(features) == len(texts)
    assert np.isfinite(features).all()


def test_images_are_read_whatever_their_size(tmp_path: Path) -> None:
    for number, size in enumerate([(8, 8), (300, 20), (28, 28)]):
        Image.effect_noise(size, 60).save(tmp_path / f"{number}.png")
    features = encoders.encode_images(sorted(tmp_path.glob("*.png")), seed=0).features
    assert len(features) == 3
    assert np.isfinite(features).all()


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "notes.png"
    bad.write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.png"):
        encoders.encode_images([bad], seed=0)


def test_tables_of_numbers_words_and_gaps() -> None:
    rows = [{"size": 1, "color": "red"}, {"size": "2.5", "color": "blue"}, {"size": None, "color": None}, {"size": 4}]
    features = encoders.encode_table(rows).features
    assert features.shape == (4, 6)
    assert np.isfinite(features).all()


def test_the_fingerprint_names_what_was_fitted() -> None:
    first, second = (encoders.encode_numbers(np.arange(12).reshape(6, 2) ** power) for power in (1, 2))
    assert first.fingerprint != second.fingerprint
    assert first.fingerprint.startswith("numbers-")
