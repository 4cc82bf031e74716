"""Texts -> their words, for a network that is trained end to end on them, beside a few LSA dimensions."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from models_zoo.encoders.protocol import VERSION, Floats, State, fingerprint
from models_zoo.encoders.texts import HashedLsa, tokens

IDS = 96  # words and word pairs of a text, at most
BUCKETS = 2**14  # ids there are; 0 is none
UNIT = 2.0**-40  # an id times this is exact in float32, and too little to move any distance between rows
LSA_DIMENSIONS = 64


class HashedWords:
    """Rows of LSA dimensions, length 1, which distances and densities see, and then of ids of hashed words and pairs.

    (items, 64 + 96); fewer LSA dimensions where the sample is small. Each id is multiplied by 2**-40. Of a longer
    text the first 48 words have ids. Source: Joulin et al. (2017), fastText.
    """

    learns = True

    def __init__(self, *, seed: int = 0, dimensions: int = LSA_DIMENSIONS) -> None:
        self.lsa = HashedLsa(seed=seed, dimensions=dimensions)

    @property
    def spec(self) -> dict[str, Any]:
        return {"name": "words", "version": VERSION, "ids": IDS, "buckets": BUCKETS, "lsa": self.lsa.spec}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[str]) -> None:
        self.lsa.fit(sample)

    def encode(self, items: Sequence[str]) -> Floats:
        ids = np.zeros((len(items), IDS), dtype=np.float32)
        for row, text in enumerate(items):
            found = tokens(text, most=IDS, buckets=BUCKETS)
            ids[row, : len(found)] = found
        return np.concatenate([self.lsa.encode(items), ids * np.float32(UNIT)], axis=1)

    def state(self) -> State:
        return self.lsa.state()

    def load_state(self, state: State) -> None:
        self.lsa.load_state(state)
