"""crowd-kit's aggregation, inside its own environment: votes.npz -> probabilities by method."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from crowdkit import aggregation  # type: ignore[import-not-found]


def main() -> None:
    given, told, *names = sys.argv[1:]
    with np.load(given) as votes:
        table = pd.DataFrame({"task": votes["item"], "worker": votes["worker"], "label": votes["label"]})
    items, classes = np.sort(table["task"].unique()), int(table["label"].max()) + 1
    found: dict[str, np.ndarray] = {"items": items}
    for name in names:
        probs = getattr(aggregation, name)().fit_predict_proba(table)
        found[name] = probs.reindex(index=items, columns=range(classes), fill_value=0).to_numpy(dtype=np.float32)
    np.savez(Path(told), **found)


if __name__ == "__main__":
    main()
