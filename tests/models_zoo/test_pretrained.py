"""Pretrained transformers as encoders, on tiny models made here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models_zoo.encoders.pretrained import ImageEncoder, SentenceEncoder
from tests.models_zoo import tiny


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.sentence_model(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.image_model(tmp_path_factory.mktemp("models") / "vit")


def test_a_sentence_is_the_mean_of_its_tokens_of_length_one(bert: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    text = "stocks fell"
    features = SentenceEncoder(str(bert)).encode([text, "rain sun goal team vote cat mat"])
    with torch.inference_mode():
        said = AutoTokenizer.from_pretrained(bert)(text, return_tensors="pt")
        mean = AutoModel.from_pretrained(bert)(**said).last_hidden_state[0].mean(dim=0).numpy()
    np.testing.assert_allclose(features[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_batches_keep_the_order_of_the_texts(bert: Path) -> None:
    texts = ["cat " * length for length in (9, 1, 5, 3, 7, 0, 2)]
    few, many = (SentenceEncoder(str(bert), batch=batch).encode(texts) for batch in (2, 100))
    np.testing.assert_allclose(few, many, atol=1e-5)


def test_a_text_longer_than_the_model_reads_is_cut(bert: Path) -> None:
    features = SentenceEncoder(str(bert)).encode(["cat " * 5000, "cat " * 6000])
    np.testing.assert_allclose(features[0], features[1], atol=1e-5)


def test_the_class_token_stands_for_a_text_where_the_model_says_so(bert: Path, tmp_path: Path) -> None:
    folder = tiny.sentence_model(tmp_path / "bert")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    texts = ["stocks fell", "rain"]
    assert not np.allclose(SentenceEncoder(str(folder)).encode(texts), SentenceEncoder(str(bert)).encode(texts))


def test_images_of_any_size_and_mode(vit: Path, tmp_path: Path) -> None:
    paths = []
    for number, (mode, size) in enumerate([("RGB", (40, 30)), ("L", (8, 90)), ("RGBA", (32, 32))]):
        paths.append(tmp_path / f"{number}.png")
        Image.effect_noise(size, 60).convert(mode).save(paths[-1])
    for pooling in ("class", "mean"):
        features = ImageEncoder(str(vit), pooling=pooling).encode(paths)
        assert features.shape == (3, 32)
        np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)


def test_pixels_are_scaled_as_the_model_wants(vit: Path) -> None:
    from transformers import AutoModel

    gray = np.full((32, 32, 3), 255, dtype=np.uint8)
    with torch.inference_mode():
        token = AutoModel.from_pretrained(vit)(torch.ones(1, 3, 32, 32)).last_hidden_state[0, 0].numpy()
    np.testing.assert_allclose(ImageEncoder(str(vit)).encode([gray])[0], token / np.linalg.norm(token), atol=1e-4)


def test_other_weights_in_the_folder_are_another_encoder(bert: Path, tmp_path: Path) -> None:
    folder = tiny.sentence_model(tmp_path / "bert", seed=1)
    assert SentenceEncoder(str(folder)).fingerprint != SentenceEncoder(str(bert)).fingerprint
    assert SentenceEncoder(str(bert)).fingerprint == SentenceEncoder(str(bert)).fingerprint


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no folder /nowhere"):
        SentenceEncoder("/nowhere")


def test_weights_that_would_be_unpickled_are_refused(tmp_path: Path) -> None:
    folder = tiny.sentence_model(tmp_path / "bert")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="bert cannot be loaded"):
        SentenceEncoder(str(folder)).encode(["cat"])


def test_a_model_that_brings_code_is_refused(tmp_path: Path) -> None:
    folder = tiny.sentence_model(tmp_path / "bert")
    config = folder / "config.json"
    config.write_text(
        config.read_text().replace('"bert"', '"mystery"').replace("{", '{"auto_map": {"AutoModel": "x.Y"},', 1)
    )
    with pytest.raises(ValueError, match="cannot be loaded"):
        SentenceEncoder(str(folder)).encode(["cat"])
