"""Whether new items still look like what has been labeled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from alcore.checking import require_finite
from alcore.protocols import Floats

FEWEST = 30  # new and earlier items each, and labeled ones: below, a rank test sees only what everybody sees
NEAREST = 5  # labeled items whose mean distance counts: one alone may be an odd one (Sun et al. 2022 take the k-th)
SURE = 0.01  # one round in a hundred cries wolf at most, and few of these by so much as ...
MATTERS = 0.6  # ... the chance that a new item lies farther than an earlier one, 0.5 where nothing has changed
MOST = 2_000  # items of each kind that are looked at
MOST_LABELED = 20_000
CHUNK = 512
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """How new items lie beside earlier ones.

    farther: the chance that a new one is farther from what is labeled than an earlier one, ties by half (AUC); 0.5
    where nothing has changed. p: of the one-sided rank test. new, earlier: how many were compared.
    """

    farther: float
    p: float
    new: int
    earlier: int

    @property
    def matters(self) -> bool:
        """Whether the new items surely lie farther away, and by enough to tell people."""
        return self.p < SURE and self.farther > MATTERS


def drift(new: Floats, earlier: Floats, labeled: Floats, *, seed: int) -> Drift | None:
    """Compare how far new and earlier items lie from the labeled ones; None where there are too few of any.

    Both must be uniform samples of what came new and of what came before, as an audit's members are, whether answered
    or not; none of them may be among the labeled. The distance is the mean of those to the five nearest.

    Args:
        new: (n, D). earlier: (m, D). labeled: (l, D), what trained. seed: draws a part where there are very many.

    Raises ValueError on other shapes, NaN or infinity.
    Source: Mann & Whitney (1947); distances after Sun, Ming, Zhu & Li (2022).
    """
    sides = {rows.shape[1:] for rows in (new, earlier, labeled)}
    if len(sides) != 1 or new.ndim != 2:
        raise ValueError(f"All must be (n, D); they are {new.shape}, {earlier.shape} and {labeled.shape}.")
    if min(len(new), len(earlier), len(labeled)) < FEWEST:
        return None
    rng = np.random.default_rng([seed, 81])
    new, earlier = _drawn(new, MOST, rng), _drawn(earlier, MOST, rng)
    labeled = _drawn(labeled, MOST_LABELED, rng)
    far, usual = _distances(new, labeled), _distances(earlier, labeled)
    test = stats.mannwhitneyu(far, usual, alternative="greater")
    return Drift(float(test.statistic) / (len(far) * len(usual)), float(test.pvalue), len(far), len(usual))


def _drawn(rows: Floats, most: int, rng: np.random.Generator) -> Floats:
    return rows if len(rows) <= most else rows[np.sort(rng.permutation(len(rows))[:most])]


def _distances(rows: Floats, labeled: Floats) -> Doubles:
    """(rows,) mean distance to the nearest labeled ones."""
    for name, given in (("rows", rows), ("labeled", labeled)):
        require_finite(name, given)
    points = labeled.astype(np.float64)
    squares = np.square(points).sum(axis=1)
    found = np.empty(len(rows))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK].astype(np.float64)
        away = np.square(part).sum(axis=1)[:, None] + squares - 2 * part @ points.T
        nearest = np.partition(away, NEAREST - 1, axis=1)[:, :NEAREST]
        found[start : start + CHUNK] = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
    return found
