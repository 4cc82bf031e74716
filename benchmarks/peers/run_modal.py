"""modAL's uncertainty measures, with a classifier that knows its answers."""

from __future__ import annotations

from typing import Any

from modAL import uncertainty  # type: ignore[import-not-found]

from benchmarks.peers.measuring import Arrays, Prepare, Select, main


class Known:
    """Stands in for a trained classifier. answers: of all items that may be asked."""

    def __init__(self, answers: Any) -> None:
        self.answers = answers

    def predict_proba(self, _rows: Any) -> Any:
        return self.answers


def by_probs(function: Any) -> Prepare:
    def prepare(arrays: Arrays, batch: int, seed: int) -> Select:
        known = Known(arrays["probs"])
        return lambda: function(known, arrays["probs"], n_instances=batch)[0]

    return prepare


STRATEGIES: dict[str, Prepare] = {
    "margin": by_probs(uncertainty.margin_sampling),
    "least_confidence": by_probs(uncertainty.uncertainty_sampling),
    "entropy": by_probs(uncertainty.entropy_sampling),
}

if __name__ == "__main__":
    main(STRATEGIES)
