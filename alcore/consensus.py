"""Several people's votes -> one label and a confidence."""

from dataclasses import dataclass

import numpy as np

from alcore.checking import require_shape
from alcore.protocols import Floats, Ints

ACCURACY_PRIOR = (9.0, 1.0)  # Beta prior of a person's accuracy: nine right in ten, worth ten answers
ITERATIONS = 10


@dataclass(frozen=True)
class Consensus:
    """items: (labeled,) indices, ascending. labels: (labeled,) resolved. confidence: (labeled,) in (0, 1].

    likelihood: (labeled, classes), of the votes given each true label, scaled to sum to 1.
    """

    items: Ints
    labels: Ints
    confidence: Floats
    likelihood: Floats


def resolve(vote_item: Ints, vote_annotator: Ints, vote_label: Ints, *, classes: int) -> Consensus:
    """Resolve votes by one-coin Dawid-Skene with a Beta prior and a fixed uniform class prior.

    Each person has one accuracy, smoothed towards nine in ten; errors fall evenly on the other classes. An item with
    one vote has that vote's label. Ties go to the smallest label.

    Args:
        vote_item, vote_annotator, vote_label: (votes,). Labels lie in 0..classes-1.

    Raises ValueError on unequal lengths or a label outside the classes. Source: Dawid & Skene (1979).
    """
    require_shape("vote_annotator", vote_annotator, vote_item.shape)
    require_shape("vote_label", vote_label, vote_item.shape)
    if vote_label.size and not (vote_label.min() >= 0 and vote_label.max() < classes):
        raise ValueError(f"vote_label must lie in 0..{classes - 1}; it spans {vote_label.min()}..{vote_label.max()}.")
    items, at = np.unique(vote_item, return_inverse=True)
    people, who = np.unique(vote_annotator, return_inverse=True)
    right, total = ACCURACY_PRIOR[0], sum(ACCURACY_PRIOR)
    accuracy = np.full(len(people), right / total)
    for _ in range(ITERATIONS):
        posterior = _posterior(at, who, vote_label, accuracy, shape=(len(items), classes))
        agreed = np.bincount(who, posterior[at, vote_label], minlength=len(people))
        accuracy = (agreed + right) / (np.bincount(who, minlength=len(people)) + total)
    posterior = _posterior(at, who, vote_label, accuracy, shape=(len(items), classes))
    labels = posterior.argmax(axis=1) if len(items) else np.zeros(0, dtype=np.int64)
    confidence = posterior.max(axis=1, initial=0)
    return Consensus(items, labels.astype(np.int64), confidence.astype(np.float32), posterior.astype(np.float32))


def with_model(consensus: Consensus, probs: Floats) -> Floats:
    """(labeled,) confidence in the resolved labels when the model has its say too.

    Args:
        probs: (labeled, classes), out of fold, so that the model does not repeat what it was told.
    """
    prior = np.clip(probs, 0.01, 1)  # a model is never certain enough to outvote a person for good
    joint = consensus.likelihood * prior
    chosen = joint[np.arange(len(joint)), consensus.labels]
    return np.asarray(chosen / joint.sum(axis=1), dtype=np.float32)


def _posterior(at: Ints, who: Ints, said: Ints, accuracy: Floats, *, shape: tuple[int, int]) -> Floats:
    classes = shape[1]
    logs = np.zeros(shape)
    wrong = np.log((1 - accuracy[who]) / max(classes - 1, 1) + 1e-12)
    np.add.at(logs, at, wrong[:, None])
    np.add.at(logs, (at, said), np.log(accuracy[who] + 1e-12) - wrong)
    odds = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)
