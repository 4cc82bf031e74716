"""Images -> pixels: scaled grays, projected by PCA, or raw for a network that is trained end to end."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.decomposition import PCA

from models_zoo.encoders.protocol import VERSION, Floats, State, fingerprint, require

PIXEL_DIMENSIONS = 128
SIDE = 28  # files are brought to 28 x 28 grays
Picture = Path | NDArray[Any]


class PixelPca:
    """Scaled pixels, by PCA where they are more than 128: files as 28 x 28 grays, arrays as they are."""

    learns = True

    def __init__(self, *, seed: int = 0, dimensions: int = PIXEL_DIMENSIONS) -> None:
        self.seed, self.dimensions = seed, dimensions
        self._scale = 1.0
        self._mean = np.zeros(0, dtype=np.float32)
        self._axes: Floats = np.zeros((0, 0), dtype=np.float32)  # (pixels, D); empty: pixels as they are

    @property
    def spec(self) -> dict[str, Any]:
        return {"name": "pixels", "version": VERSION, "seed": self.seed, "dimensions": self.dimensions, "side": SIDE}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[Picture]) -> None:
        flat = np.stack([_flat(picture) for picture in sample])
        self._scale = max(float(flat.max(initial=0)), 1.0)
        self._mean = flat.mean(axis=0, dtype=np.float64).astype(np.float32) / np.float32(self._scale)
        rank = min(self.dimensions, *flat.shape)
        self._axes = np.zeros((0, 0), dtype=np.float32)
        if flat.shape[1] > self.dimensions and rank > 1:
            pca = PCA(rank, svd_solver="randomized", random_state=self.seed % 2**32).fit(flat / self._scale)
            self._axes = np.ascontiguousarray(pca.components_.T, dtype=np.float32)

    def encode(self, items: Sequence[Picture]) -> Floats:
        flat = np.zeros((len(items), len(self._mean)), dtype=np.float32)
        for row, picture in enumerate(items):
            flat[row] = _flat(picture)
        flat /= np.float32(self._scale)
        return np.asarray((flat - self._mean) @ self._axes, dtype=np.float32) if self._axes.size else flat

    def state(self) -> State:
        return State({"mean": self._mean, "axes": self._axes}, {"scale": self._scale})

    def load_state(self, state: State) -> None:
        require(state, ("mean", "axes"), ("scale",))
        self._mean, self._axes, self._scale = state.tensors["mean"], state.tensors["axes"], state.config["scale"]


class RawPixels:
    """Grays of side x side in [0, 1], flattened and unprojected: what a network trained end to end takes."""

    learns = False

    def __init__(self, *, side: int = SIDE) -> None:
        self.side = side

    @property
    def spec(self) -> dict[str, Any]:
        return {"name": "raw-pixels", "version": VERSION, "side": self.side}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[Picture]) -> None:
        """Nothing to learn."""

    def encode(self, items: Sequence[Picture]) -> Floats:
        grays = np.zeros((len(items), self.side**2), dtype=np.float32)
        for row, picture in enumerate(items):
            grays[row] = fit_in(as_image(picture, "L"), self.side).reshape(-1)
        return grays / np.float32(255)

    def state(self) -> State:
        return State()

    def load_state(self, state: State) -> None:
        """Nothing to take over."""


def read_gray(path: Path, side: int = SIDE) -> NDArray[np.uint8]:
    """(side, side) uint8; the picture is fitted in, its shape kept, and padded with its own border shade.

    Raises ValueError naming a file that is no image.
    """
    return fit_in(_open(path, "L"), side)


def as_image(picture: Picture, mode: str) -> Image.Image:
    """A file or an array (height, width[, channels]) in 0..255, upright, in "L" or "RGB".

    Raises ValueError naming a file that is no image, or an array's shape and span.
    """
    if isinstance(picture, Path):
        return _open(picture, mode)
    if picture.ndim not in (2, 3) or picture.min(initial=0) < 0 or picture.max(initial=0) > 255:
        raise ValueError(f"An image must be (height, width[, channels]) in 0..255; its shape is {picture.shape}.")
    return Image.fromarray(picture.astype(np.uint8).squeeze()).convert(mode)


def _open(path: Path, mode: str) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture).convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path.name} cannot be read as an image: {error}") from error


def fit_in(gray: Image.Image, side: int) -> NDArray[np.uint8]:
    """(side, side) uint8: a gray picture made to fit, larger ones reduced, the rest filled with its border shade."""
    small = gray.copy()
    small.thumbnail((side, side), Image.Resampling.BOX)
    shade = int(np.median(np.asarray(small)[[0, -1]]))
    canvas = Image.new("L", (side, side), shade)
    canvas.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return np.asarray(canvas, dtype=np.uint8)


def _flat(picture: Picture) -> Floats:
    pixels = read_gray(picture) if isinstance(picture, Path) else picture
    return pixels.reshape(-1).astype(np.float32)
