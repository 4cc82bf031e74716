"""What stands beside a doubtful item: the nearest ones that carry each of two labels."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from alcore.checking import require_finite, require_shape
from alcore.protocols import Floats, Ints

MOST = 5_000  # items of a label among which the nearest are sought: its first ones


def of_label(
    features: Floats, labels: Ints, trusted: NDArray[np.bool_], asked: Ints, wanted: Ints, *, count: int
) -> Ints:
    """(asked, count): places of the nearest items by cosine that carry the wanted label, -1 where there are too few.

    Args:
        features: (n, D). labels: (n,). trusted: (n,) True where an item may stand as an example. asked: (q,) places of
        the items in question, which never stand beside themselves; wanted: (q,) the label looked for beside each.

    Raises ValueError on other shapes, NaN or infinity.
    """
    require_finite("features", features)
    require_shape("labels", labels, (len(features),))
    require_shape("trusted", trusted, labels.shape)
    require_shape("wanted", wanted, asked.shape)
    found = np.full((len(asked), count), -1, dtype=np.int64)
    for label in np.unique(wanted):
        examples = np.flatnonzero((labels == label) & trusted)[:MOST]
        mine = np.flatnonzero(wanted == label)
        if not len(examples):
            continue
        search = NearestNeighbors(n_neighbors=min(count + 1, len(examples)), algorithm="brute")
        search.fit(normalize(features[examples]))
        near = examples[search.kneighbors(normalize(features[asked[mine]]), return_distance=False)]
        for row, places in zip(mine, near, strict=True):
            others = places[places != asked[row]][:count]
            found[row, : len(others)] = others
    return found
