"""baal's heuristics."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from baal.active import heuristics

from benchmarks.peers.measuring import Arrays, Prepare, Select, main

ALL_SAMPLES = 2000  # label configurations that ours samples


def ranked(make: Any, name: str) -> Prepare:
    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        values = arrays[name]
        return lambda: make()(values)[:batch]

    return prepare


def batch_bald(num_draw: int | None) -> Prepare:
    """num_draw: label configurations for each draw of the model; None for as many in all as ours samples.

    It is asked for one less than the batch: it always adds the best by BALD to what it was asked for, and then ranks
    that one last, so that whoever asks for the batch and takes its first items loses the best.
    """

    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        torch.manual_seed(seed)
        draws = arrays["draws"]
        each = num_draw or max(1, ALL_SAMPLES // draws.shape[2])
        heuristic = heuristics.BatchBALD(num_samples=batch - 1, num_draw=each)
        return lambda: heuristic(draws)[:batch]

    return prepare


STRATEGIES: dict[str, Prepare] = {
    "margin": ranked(heuristics.Margin, "probs"),
    "least_confidence": ranked(heuristics.Certainty, "probs"),
    "entropy": ranked(heuristics.Entropy, "probs"),
    "bald": ranked(heuristics.BALD, "draws"),
    "batch_bald": batch_bald(500),
    "batch_bald_2000": batch_bald(None),
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    main(STRATEGIES)
