"""Out-of-scope answers that look alike: what may be a class that nobody has named yet."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from alcore.checking import require_finite, require_shape
from alcore.protocols import Floats, Ints

FEWEST = 8  # in a cluster: five folds teach a class only if each has some, and alcore.cleaning asks for three elsewhere
PER_ROOT = 1.0  # ... times the root of how many answers there are at least: among many, more look alike by chance
COMPACT = 0.7  # of a usual class's cohesion; measured on mnist, trec6, sms_spam and letter
APART = 0.8  # of a cluster's items lie nearer to its others than to any class
SHUFFLES = 20  # clusters of shuffled answers, none of which is as compact: less than one chance in twenty
MOST = 1_000  # answers joined into a tree, and as many into each shuffled one; the others join what is found
MOST_LABELED = 5_000  # labeled items that tell how compact a class is
MOST_DIMENSIONS = 256
FEWEST_OF_CLASS = 3  # labeled items that say how compact their class is
FEWEST_CLASSES = 2
PARTS = 5  # of the classes, each left out once
MOST_CLUSTERS = 3  # told at once, the largest first: each is a question to a person
LEAST_SPREAD = 1e-3  # of a direction within classes, in the mean direction's: no direction without any tells it all
JOINS = 0.1  # share of a cluster's own items that lie farther from its middle than what may join it
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Alike:
    """Answers that look like one class.

    items: (n,) positions among the outliers, nearest the middle first. cohesion: mean cosine of two of them; usual: of
    two of one class, where the median class is.
    """

    items: Ints
    cohesion: float
    usual: float


def look_alike(outliers: Floats, features: Floats, labels: Ints, *, seed: int) -> tuple[Alike, ...]:
    """Find answers "out of scope" that form a class of their own among scattered ones: at most three, largest first.

    What makes items of this project alike is learned from its own classes: features are whitened by the covariance
    within classes (WCCN). Average linkage by cosine makes a tree of the answers; of it, those branches are taken that
    hold most pairs more alike than COMPACT times what is usual within a class. A branch counts where it is more
    compact than any of its size in trees of shuffled answers (each principal component by itself: Tibshirani et al.'s
    second reference), and where it is part of no class by the same measure. Then every answer as near as
    nine in ten of its items joins it.

    Args:
        outliers: (answers, D). features: (labeled, D) of items with a label. labels: (labeled,) which one.

    Nothing is found without two classes of three labeled items each. Deterministic for a seed. Raises ValueError on
    other shapes, NaN or infinity. Source: Hatch, Kajarekar & Stolcke (2006); Tibshirani, Walther & Hastie (2001).
    """
    _check(outliers, features, labels)
    kept = _of_real_classes(labels, np.random.default_rng([seed, 71]))
    _, distinct = np.unique(outliers, axis=0, return_index=True)  # copies of one item are no class
    if not len(kept) or len(distinct) < FEWEST:
        return ()
    both, classes = _shortened(np.concatenate([outliers, features[kept]]), seed), labels[kept]
    inner = both[len(outliers) :]
    usual = _usual(both, inner, classes)
    placed = _placed(both, inner, classes)
    points, around = placed[: len(outliers)], placed[len(outliers) :]
    rng = np.random.default_rng([seed, 72])
    drawn = np.sort(rng.permutation(distinct)[:MOST])
    means = np.stack([around[classes == label].mean(axis=0) for label in np.unique(classes)])
    found = _branches(points[drawn], means, usual, rng)
    clusters = _joined(points, [drawn[branch] for branch in found], means)
    return tuple(Alike(items, _cohesion(points[items]), usual) for items in clusters)


def _check(outliers: Floats, features: Floats, labels: Ints) -> None:
    if outliers.ndim != 2 or features.ndim != 2 or outliers.shape[1] != features.shape[1]:
        raise ValueError(f"outliers and features must be (n, D); they are {outliers.shape} and {features.shape}.")
    require_shape("labels", labels, (len(features),))
    require_finite("outliers", outliers)
    require_finite("features", features)


def _of_real_classes(labels: Ints, rng: np.random.Generator) -> Ints:
    """Positions of labeled items whose class has enough of them; none where there are too few such classes."""
    drawn = np.sort(rng.permutation(len(labels))[:MOST_LABELED])
    names, counts = np.unique(labels[drawn], return_counts=True)
    real = names[counts >= FEWEST_OF_CLASS]
    if len(real) < FEWEST_CLASSES:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(drawn[np.isin(labels[drawn], real)], dtype=np.int64)


def _shortened(both: Floats, seed: int) -> Doubles:
    """In double precision, and in no more dimensions than whitening bears."""
    rows = both.astype(np.float64)
    if rows.shape[1] <= MOST_DIMENSIONS:
        return rows
    sides = min(MOST_DIMENSIONS, len(rows))
    return np.asarray(PCA(sides, svd_solver="randomized", random_state=seed % 2**32).fit_transform(rows))


def _placed(rows: Doubles, inner: Doubles, labels: Ints) -> Doubles:
    """Rows as directions from their mean, where the spread within the classes of the inner ones is even."""
    residuals = np.concatenate([inner[labels == label] - inner[labels == label].mean(0) for label in np.unique(labels)])
    values, axes = np.linalg.eigh(ledoit_wolf(residuals, assume_centered=True)[0])
    floor = max(float(values.mean()) * LEAST_SPREAD, 1e-12)  # classes of equal items spread nowhere
    return _unit((rows - rows.mean(axis=0)) @ (axes / np.sqrt(np.maximum(values, floor))))


def _usual(both: Doubles, inner: Doubles, labels: Ints) -> float:
    """The median class's cohesion, each seen as a new one would be: whitened by the spread within other classes."""
    names = np.unique(labels)
    found = []
    for part in np.array_split(names, min(PARTS, len(names))):
        others = ~np.isin(labels, part)
        placed = _placed(both, inner[others], labels[others])[len(both) - len(inner) :]
        found += [_cohesion(placed[labels == label]) for label in part]
    return float(np.median(found))


def _unit(rows: Doubles) -> Doubles:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0))


def _cohesion(rows: Doubles) -> float:
    """Mean cosine of two different rows, which have length 1."""
    pairs = len(rows) * (len(rows) - 1)
    return float((np.square(rows.sum(axis=0)).sum() - np.square(rows).sum()) / pairs) if pairs else 0.0


@dataclass(frozen=True)
class _Tree:
    """Average linkage of n points. kids: (n - 1, 2). size, cohesion: (2n - 1,) of every branch, the points first."""

    kids: Ints
    size: Ints
    cohesion: Doubles

    def points_of(self, branch: int) -> Ints:
        found, left = [], [branch]
        while left:
            top = left.pop()
            if top < len(self.kids) + 1:
                found.append(top)
            else:
                left += self.kids[top - len(self.kids) - 1].tolist()
        return np.array(sorted(found), dtype=np.int64)


def _tree(points: Doubles) -> _Tree:
    count = len(points)
    cosines = points @ points.T
    joins = linkage(1 - cosines[np.triu_indices(count, 1)], "average")
    kids = joins[:, :2].astype(np.int64)
    size = np.concatenate([np.ones(count), joins[:, 3]]).astype(np.int64)
    # cosines of pairs, summed over a branch: those of its two parts, and size * size * mean between them
    inside = np.zeros(2 * count - 1)
    for place, (left, right) in enumerate(kids.tolist()):
        between = (1 - joins[place, 2]) * size[left] * size[right]
        inside[count + place] = inside[left] + inside[right] + between
    cohesion = 2 * inside / np.maximum(size * (size - 1), 1)
    return _Tree(kids, size, cohesion)


def _branches(points: Doubles, means: Doubles, usual: float, rng: np.random.Generator) -> list[Ints]:
    """The branches to tell, largest first: none within another, together with the most pairs that are alike."""
    tree = _tree(points)
    fewest = max(FEWEST, PER_ROOT * np.sqrt(len(points)))
    worth = tree.size * (tree.size - 1) * (tree.cohesion - COMPACT * usual)
    counts = (tree.size >= fewest) & (worth > 0)
    if not counts.any():
        return []
    counts &= tree.cohesion > _lucky(points, rng)[tree.size]
    for branch in np.flatnonzero(counts).tolist():
        counts[branch] = _is_apart(points[tree.points_of(branch)], means, COMPACT * tree.cohesion[branch])
    chosen = _best(tree, np.where(counts, worth, 0.0))
    return sorted((tree.points_of(branch) for branch in chosen), key=len, reverse=True)[:MOST_CLUSTERS]


def _lucky(points: Doubles, rng: np.random.Generator) -> Doubles:
    """(n + 1,) the highest cohesion of a branch of so many points or more among shuffled ones: what luck can do."""
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    scores = (points - middle) @ axes.T
    best = np.full(len(points) + 1, -1.0)
    for _ in range(SHUFFLES):
        tree = _tree(_unit(rng.permuted(scores, axis=0) @ axes + middle))
        np.maximum.at(best, tree.size, tree.cohesion)
    return np.asarray(np.maximum.accumulate(best[::-1])[::-1])


def _is_apart(points: Doubles, means: Doubles, alike: float) -> bool:
    """Whether a branch is part of no class: less alike its items than each other, and most of its own nearer to it."""
    others = _unit(points.sum(axis=0) - points)
    nearer = (others * points).sum(axis=1) > (points @ _unit(means).T).max(axis=1)
    return bool((means @ points.mean(axis=0)).max() < alike and nearer.mean() >= APART)


def _best(tree: _Tree, worth: Doubles) -> list[int]:
    """Branches without a common point, of the highest worth together; those of no worth are never taken."""
    points = len(tree.kids) + 1
    most = np.zeros(2 * points - 1)
    taken: dict[int, list[int]] = {}
    for place, (left, right) in enumerate(tree.kids.tolist()):
        branch, below = points + place, most[left] + most[right]
        if worth[branch] > 0 and worth[branch] >= below:
            most[branch], taken[branch] = worth[branch], [branch]
        else:
            most[branch], taken[branch] = below, taken.get(left, []) + taken.get(right, [])
    return taken[2 * points - 2]


def _joined(points: Doubles, found: list[Ints], means: Doubles) -> list[Ints]:
    """Each cluster with the answers that lie as near to its middle, in the order of nearness; none is in two."""
    if not found:
        return []
    middles = _unit(np.stack([points[cluster].mean(axis=0) for cluster in found]))
    near = points @ middles.T
    free = near.max(axis=1) > (points @ _unit(means).T).max(axis=1)
    owner = np.where(free, near.argmax(axis=1), -1)
    for place, cluster in enumerate(found):
        far = float(np.quantile(near[cluster, place], JOINS))
        owner[(owner == place) & (near[:, place] < far)] = -1
    for place, cluster in enumerate(found):
        owner[cluster] = place
    members = [np.flatnonzero(owner == place) for place in range(len(found))]
    return [each[np.argsort(-near[each, place], kind="stable")] for place, each in enumerate(members)]
