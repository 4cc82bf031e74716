"""Pretrained models small enough to be made by a test: random weights, real formats."""

import json
from pathlib import Path

import torch

WORDS = ["cat", "mat", "stocks", "fell", "markets", "rain", "sun", "goal", "team", "vote"]


def model_for(name: str, folder: Path) -> Path:
    return sentence_model(folder / "bert") if name == "sentences" else image_model(folder / "vit")


def sentence_model(folder: Path, seed: int = 0) -> Path:
    """A BERT of two layers that knows ten words."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(seed)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **shape)).save_pretrained(folder)
    return folder


def image_model(folder: Path, seed: int = 0) -> Path:
    """A vision transformer of two layers for 32 x 32 pixels, with the settings of its preprocessing."""
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    ViTModel(ViTConfig(image_size=32, patch_size=8, **shape)).save_pretrained(folder)
    settings = {
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 32, "width": 32},
        "resample": 2, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder
