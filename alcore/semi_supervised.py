"""Learning from unlabelled items too: pseudo-labels by the ensemble, and a fork of the model that trains on them.

Source: Stojnic, Laskar & Tolias (2024), who train jointly on labels, out of scope among them, and on pseudo-labels that
the ensemble gives over all K + 1 classes; Arazo et al. (2020), who mix rows and keep a fixed number of labelled ones in
every step against confirmation bias. Unlike the former's published code an entropy of a probability of 0 is no NaN, and
no class floods the loss.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from alcore import evaluation
from alcore.checking import require_finite, require_probs, require_shape
from alcore.protocols import Floats, Ints, Model, Steps
from alcore.replay import passes

NO_FOLD = -1  # of an unlabelled item: every member sees it
MOST = 5_000  # unlabelled items looked at in a round: the cost stays flat as pools grow
# one-sided, that the fork names fewer audit items rightly than the model it was forked from. Of the gain of forks that
# help, this leaves all but 2 %, with 15 to 100 answers; of those that hurt it stops more than a stricter one
SURE = 0.2


@dataclass(frozen=True)
class Labeled:
    """What the supervised model was trained on. features: (n, D). labels, weights, folds: (n,); K for out of scope."""

    features: Floats
    labels: Ints
    weights: Floats
    folds: Ints


@dataclass(frozen=True)
class Pseudo:
    """Unlabelled items with the label that the ensemble gives them. Arrays: (n,).

    rows: among those that were looked at. weights: in [0, 1], how sure the ensemble is.
    """

    rows: Ints
    labels: Ints
    weights: Floats


@dataclass(frozen=True)
class Pace:
    """How a fork is trained. What was chosen was chosen on the sets of `benchmarks.outliers --search`."""

    epochs: int = 3  # passes over the pseudo-labelled rows (Stojnic et al.); 10 teach no more
    batch: int = 64  # labelled rows in every step, and as many beside them, where there are as many
    share: float = 1.0  # of the pseudo-labels' loss beside that of the labels (Stojnic et al.)
    # alpha of the beta distribution by which rows are mixed, 4 with Arazo et al.; 0 for none. It cost the linear head
    # and the network with one hidden layer up to 2 points, and helped neither
    mixup: float = 0.0
    per_label: float = 10.0  # pseudo-labels of a class for each label that it has, at most; 3 teach less, 30 hurt more


@dataclass(frozen=True)
class Audit:
    """Answered items that never train, of the half that serves choices. features: (a, D). answers: (a,)."""

    features: Floats
    answers: Ints


@dataclass(frozen=True)
class Served:
    """The model that serves: the fork, or the one that it was forked from. note: why, for the round's row."""

    model: Model
    forked: bool
    note: str


def certainty(probs: Floats) -> Floats:
    """How sure each row is, (n,) in [0, 1]: 1 - entropy / log(classes); 0 where all classes share alike.

    Args:
        probs: (n, classes), rows sum to 1; entries of 0 count as 0 in the entropy.

    Raises ValueError on another shape, NaN, infinity, or values outside [0, 1]. Source: Stojnic et al. (2024).
    """
    require_probs("probs", probs, 2)
    if probs.shape[1] == 1:
        return np.ones(len(probs), dtype=np.float32)
    wide = probs.astype(np.float64)
    entropy = -xlogy(wide, wide).sum(axis=1)
    return np.asarray(np.clip(1 - entropy / np.log(probs.shape[1]), 0, 1), dtype=np.float32)


def pseudo_labels(probs: Floats, counts: Ints, *, per_label: float) -> Pseudo:
    """The likeliest label of unlabelled items, the surest of each class as many as the class's labels allow.

    A class without labels gives none: nobody has said what it is.

    Args:
        probs: (n, K + 1) of the ensemble. counts: (K + 1,) labels there are of each class. per_label: so many
            pseudo-labels at most for each of them.

    Raises ValueError on other shapes, NaN, infinity, values outside [0, 1], or a per_label below 0.
    """
    sure = certainty(probs)
    require_shape("counts", counts, probs.shape[1:])
    if per_label < 0:
        raise ValueError(f"per_label must be 0 or more; it is {per_label}.")
    labels = probs.argmax(axis=1).astype(np.int64)
    order = np.lexsort((-sure, labels))
    ordered = labels[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    rows = np.sort(order[place < per_label * counts[ordered]])
    return Pseudo(rows, labels[rows], sure[rows])


def steps(labeled: int, pseudo: int, pace: Pace, *, rng: np.random.Generator) -> Steps:
    """Steps over `labeled` rows and the `pseudo` rows behind them: as many of either in each, rows mixed.

    Every step takes the same number of labelled rows, however many pseudo-labels there are. No label has a say in what
    stands in which step. Raises ValueError without rows of either kind.
    """
    if labeled < 1 or pseudo < 1:
        raise ValueError(f"There must be rows of either kind; there are {labeled} and {pseudo}.")
    epoch = -(-pseudo // pace.batch)
    size = -(-pseudo // epoch)
    count = pace.epochs * epoch
    return Steps(
        batches=passes(np.arange(labeled), min(pace.batch, labeled), count, rng),
        beside=passes(np.arange(labeled, labeled + pseudo), size, count, rng),
        epoch=epoch,
        shares=(1.0, pace.share),
        mixup=pace.mixup,
    )


def sample(open_items: NDArray[np.bool_], *, seed: int) -> Ints:
    """Items to look at, (u,), rising: all that are open, or 5,000 of them drawn by the seed."""
    items = np.flatnonzero(open_items)
    return np.sort(np.random.default_rng([seed, 13]).permutation(items)[:MOST])


def served(
    model: Model, labeled: Labeled, unlabeled: Floats, audit: Audit, *, seed: int, pace: Pace | None = None
) -> Served:
    """Fork the model, train the fork on unlabelled items too, and serve it unless the audit speaks against it.

    Arguments and errors as for `trained`.
    """
    fork, pseudo = trained(model, labeled, unlabeled, seed=seed, pace=pace)
    if fork is model:
        return Served(model, False, "No unlabelled item could be given a label, so labels alone trained.")
    said = [one.predict_probs(audit.features).argmax(axis=1) for one in (model, fork)]
    helps, why = compare(said[0], said[1], audit.answers)
    note = f"{len(pseudo.rows)} unlabelled items trained too, under the labels that the model gives them{why}."
    return Served(fork, True, note) if helps else Served(model, False, f"Unlabelled items did not train{why}.")


def compare(supervised: Ints, forked: Ints, answers: Ints) -> tuple[bool, str]:
    """Whether the fork may serve, and what the audit says, as a sentence's end.

    It may unless it likely names fewer items rightly, by a sign test. Not only where it names more: an audit of 30
    answers holds about one on which they differ, and by it the better model would be left out one time in five.

    Args:
        supervised, forked: (a,) what both name on answered audit items of the half that serves choices. answers: (a,).

    Raises ValueError on unequal lengths.
    """
    for name, said in (("supervised", supervised), ("forked", forked)):
        require_shape(name, said, answers.shape)
    was, now = supervised == answers, forked == answers
    helps = evaluation.sign_test(was, now) >= SURE
    told = f": {int(now.sum())} of {len(answers)} audit answers named with them, {int(was.sum())} without"
    return helps, told if len(answers) else ""


def trained(
    model: Model, labeled: Labeled, unlabeled: Floats, *, seed: int, pace: Pace | None = None
) -> tuple[Model, Pseudo]:
    """A fork of the model, trained on from its weights with pseudo-labels; the model itself stays as it is.

    What the fork says of labelled items is not out of fold: pseudo-labels come from all members.

    Args:
        model: trained on these labels. unlabeled: (u, D), a sample of the pool.

    Returns the fork and the pseudo-labels, rows of `unlabeled`; the model itself where there are none to learn from.
    Raises ValueError on unequal lengths, NaN or infinity.
    """
    require_finite("unlabeled", unlabeled)
    require_shape("labels", labeled.labels, (len(labeled.features),))
    taken = pace or Pace()
    probs = model.predict_probs(unlabeled)
    counts = np.bincount(labeled.labels, minlength=probs.shape[1])
    pseudo = pseudo_labels(probs, counts, per_label=taken.per_label)
    if not len(pseudo.rows):
        return model, pseudo
    fork, rng = model.fork(), np.random.default_rng([seed, 14])
    fork.fit(
        np.concatenate([labeled.features, unlabeled[pseudo.rows]]),
        np.concatenate([labeled.labels, pseudo.labels]),
        np.concatenate([labeled.weights, pseudo.weights]).astype(np.float32),
        np.concatenate([labeled.folds, np.full(len(pseudo.rows), NO_FOLD)]),
        classes=probs.shape[1],
        seed=seed,
        previous=model,
        steps=steps(len(labeled.labels), len(pseudo.rows), taken, rng=rng),
    )
    return fork, pseudo
