"""Pretrained transformers as encoders: sentences by their tokens' mean, images by their class token.

A model is a folder or a hub name. Only configuration and safetensors are read: no code of a model is ever run, and no
weights are unpickled. `transformers` is loaded where a model is, since that takes seconds.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models_zoo import device
from models_zoo.encoders.pixels import Picture, as_image
from models_zoo.encoders.protocol import VERSION, Floats, State, fingerprint, unit_rows

BATCH = 64
MOST_TOKENS = 256  # what sentence encoders are trained on; the rest of a long text is cut off
MARKED_BLOCK = 2**16  # bytes; of a weights file so many are read at so many places to tell it from another
MARKED_PLACES = 64


class _Pretrained:
    """What sentence and image encoders share: where the model is, what marks it, and batches.

    hub: whether a name that is no folder may be downloaded. Nothing is fitted: the weights are all there is to know.
    """

    name: str
    learns = False

    def __init__(self, model: str, *, hub: bool = False, batch: int = BATCH) -> None:
        if not hub and not Path(model).is_dir():
            raise ValueError(f"There is no folder {model} that holds a model.")
        self.model, self.hub, self.batch = model, hub, batch
        self._loaded: Any = None
        self._weights: str | None = None

    @property
    def spec(self) -> dict[str, Any]:
        if self._weights is None:
            path = Path(self.model)
            self._weights = _mark(path) if path.is_dir() else self.model
        return {"name": self.name, "version": VERSION, "weights": self._weights, **self._settings()}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[Any]) -> None:
        """Nothing to learn."""

    def encode(self, items: Sequence[Any]) -> Floats:
        """(items, D) rows of length 1."""
        if self._loaded is None:
            self._loaded = self._load()
        order = sorted(
            range(len(items)), key=lambda number: self._size(items[number])
        )  # alike together: little padding
        rows: list[Floats] = []
        for start in range(0, len(order), self.batch):
            with torch.inference_mode():
                pooled = self._pooled([items[number] for number in order[start : start + self.batch]])
            rows.append(unit_rows(pooled.float().cpu().numpy()))
        if not rows:
            return np.zeros((0, 1), dtype=np.float32)
        return np.concatenate(rows)[np.argsort(order)]

    def state(self) -> State:
        return State()

    def load_state(self, state: State) -> None:
        """Nothing to take over."""

    def _settings(self) -> dict[str, Any]:
        return {}

    def _size(self, item: Any) -> int:
        return 0

    def _load(self) -> Any:
        raise NotImplementedError

    def _pooled(self, items: list[Any]) -> Tensor:
        raise NotImplementedError

    def _from(self, auto: Any, **options: Any) -> Any:
        """A part of the model by transformers' own class; raises ValueError in words a person can act on."""
        try:
            return auto.from_pretrained(self.model, trust_remote_code=False, local_files_only=not self.hub, **options)
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise ValueError(f"The model {Path(self.model).name} cannot be loaded: {str(error)[:300]}") from error

    def _network(self) -> Any:
        from transformers import AutoModel
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # people read the log of the worker
        network = self._from(AutoModel, use_safetensors=True)
        return network.eval().to(device.best())


class SentenceEncoder(_Pretrained):
    """Texts by the mean of their tokens' last states (or the class token, where the model says so), of length 1.

    Source: Reimers & Gurevych (2019).
    """

    name = "sentences"

    def __init__(self, model: str, *, hub: bool = False, batch: int = BATCH, tokens: int = MOST_TOKENS) -> None:
        super().__init__(model, hub=hub, batch=batch)
        self.tokens = tokens

    def _settings(self) -> dict[str, Any]:
        return {"tokens": self.tokens}

    def _size(self, item: str) -> int:
        return len(item)

    def _load(self) -> Any:
        from transformers import AutoTokenizer

        tokenizer, network = self._from(AutoTokenizer), self._network()
        longest = min(self.tokens, tokenizer.model_max_length, network.config.max_position_embeddings)
        return tokenizer, network, longest, _says_class_token(Path(self.model))

    def _pooled(self, items: list[str]) -> Tensor:
        tokenizer, network, longest, by_class = self._loaded
        said = tokenizer(items, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        said = said.to(device.best())
        states: Tensor = network(**said).last_hidden_state
        if by_class:
            return states[:, 0]
        here: Tensor = said["attention_mask"].unsqueeze(-1).to(states.dtype)
        return (states * here).sum(dim=1) / here.sum(dim=1).clamp(min=1)


class ImageEncoder(_Pretrained):
    """Images by a vision transformer: its class token, or the mean of all patches; of length 1.

    Source: Dosovitskiy et al. (2021).
    """

    name = "images"

    def __init__(self, model: str, *, hub: bool = False, batch: int = BATCH, pooling: str = "class") -> None:
        if pooling not in ("class", "mean"):
            raise ValueError(f"pooling must be class or mean; it is {pooling!r}.")
        super().__init__(model, hub=hub, batch=batch)
        self.pooling = pooling

    def _settings(self) -> dict[str, Any]:
        return {"pooling": self.pooling}

    def _load(self) -> Any:
        from transformers import AutoImageProcessor

        network = self._network()
        # of a model of texts and images only the half that sees; Pillow, so that torchvision is not needed
        return self._from(AutoImageProcessor, backend="pil"), getattr(network, "vision_model", network)

    def _pooled(self, items: list[Picture]) -> Tensor:
        processor, network = self._loaded
        pictures = [as_image(item, "RGB") for item in items]
        pixels = processor(pictures, return_tensors="pt")["pixel_values"].to(device.best())
        states: Tensor = network(pixel_values=pixels).last_hidden_state
        if states.ndim == 4:  # a convolutional network: (items, channels, height, width)
            return states.flatten(2).mean(dim=2)
        return states[:, 0] if self.pooling == "class" else states.mean(dim=1)


def _mark(folder: Path) -> str:
    """A digest of a model's folder: its settings whole, its weights by their size and some megabytes of them."""
    digest = hashlib.blake2b(digest_size=12)
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".json", ".txt", ".model", ".safetensors"):
            continue
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)} {size}\n".encode())
        with path.open("rb") as file:
            for place in sorted({size * step // MARKED_PLACES for step in range(MARKED_PLACES)}):
                file.seek(place)
                digest.update(file.read(MARKED_BLOCK))
    return digest.hexdigest()


def _says_class_token(folder: Path) -> bool:
    """Whether a sentence-transformers folder names its class token, not the mean, as what stands for a text."""
    path = folder / "1_Pooling" / "config.json"
    return bool(path.is_file() and json.loads(path.read_text()).get("pooling_mode_cls_token"))
