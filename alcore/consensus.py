"""Several people's votes -> one label, how sure it is, and what each person's answers are worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from alcore.checking import require_probs, require_shape
from alcore.protocols import Floats, Ints

ABSTAINED = -1  # as a vote's label: the person saw the item and gave none
PSEUDO = 8.0  # answers that the prior is worth, for every person and true label
RIGHT = 0.75  # of them on the true label, the rest even
MOST_CONFUSED = 20  # labels, above which a person has one accuracy: too few answers to learn who confuses what
ITERATIONS = 50
STILL = 1e-4  # change of a posterior below which nothing moves any more
MOST_TAUGHT = 2_000  # answers of each person that teach their table, where there are many
MANY = 20_000  # votes
LEAST_PRIOR = 0.001  # a model is never certain enough to outvote two people who agree
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Votes:
    """One vote an item and person: the last one. Arrays: (votes,). at: place of the item; who: place of the person.

    label: as given, or `classes` for an abstention. items: (labeled,) indices, ascending; people: (people,).
    """

    items: Ints
    people: Ints
    at: Ints
    who: Ints
    label: Ints
    classes: int

    @property
    def named(self) -> NDArray[np.bool_]:
        """(votes,) True where a label was given."""
        return np.asarray(self.label < self.classes)

    @property
    def given(self) -> NDArray[np.bool_]:
        """(labeled, classes) True for what somebody said."""
        said = np.zeros((len(self.items), self.classes + 1), dtype=bool)
        said[self.at, self.label] = True
        return said[:, :-1]


@dataclass(frozen=True)
class Consensus:
    """items: (labeled,) indices, ascending. labels: (labeled,) resolved. confidence: (labeled,) in (0, 1].

    likelihood: (labeled, classes), of the votes given each true label, scaled to sum to 1. posterior: (labeled,
    classes), the prior included. people: (people,) who voted. accuracy: (people,) probability that an answer of theirs
    is right, over the true labels as they occur. confusions: (people, classes, classes + 1), of each answer given the
    true label, abstentions last; None where each person has one accuracy. votes: what was resolved. log_evidence: of
    the votes, given the prior.
    """

    items: Ints
    labels: Ints
    confidence: Floats
    likelihood: Floats
    posterior: Floats
    people: Ints
    accuracy: Floats
    confusions: Floats | None
    votes: Votes
    log_evidence: float


def resolve(
    vote_item: Ints,
    vote_annotator: Ints,
    vote_label: Ints,
    *,
    classes: int,
    prior: Floats | None = None,
    by_label: bool = True,
) -> Consensus:
    """Resolve votes by Dawid-Skene with a Dirichlet prior of each person's confusions and a fixed class prior.

    The class prior is not learned, for that collapses where items have one or two votes: it is the shares of the votes,
    or what is passed for each item, as a model's out-of-fold probabilities. Above 20 labels, or where `by_label` is
    False, each person has one accuracy, and errors fall evenly on the other labels. Above 20,000 votes a person's table
    is learned from 2,000 of their answers. A label is resolved only to one that somebody gave, so what all agree on
    stands, whatever the prior. Of one person's several votes on an item the last counts. An abstention tells what it
    tells of the person, and an item without any other vote is left out. Ties go to the smallest label.

    Args:
        vote_item, vote_annotator, vote_label: (votes,), in the order in which they were given. Labels lie in
        0..classes-1, or are -1 for an abstention. prior: (items with a label, classes), in ascending order of the
        items; rows sum to 1 and count as .001 at least.

    Raises ValueError on unequal lengths, a label outside the classes or a prior of another shape. Source: Dawid & Skene
    (1979); the prior after Paun et al. (2018).
    """
    votes = _votes(vote_item, vote_annotator, vote_label, classes)
    before = _prior(votes, prior)
    learned = _confusions(votes, before) if by_label and classes <= MOST_CONFUSED else _coins(votes, before)
    likelihood = softmax(learned.logs, axis=1)
    posterior = _scaled(likelihood * before)
    labels = np.where(votes.given, posterior, -1).argmax(axis=1).astype(np.int64)
    return Consensus(
        items=votes.items,
        labels=labels,
        confidence=posterior[np.arange(len(labels)), labels].astype(np.float32),
        likelihood=likelihood.astype(np.float32),
        posterior=posterior.astype(np.float32),
        people=votes.people,
        accuracy=learned.accuracy.astype(np.float32),
        confusions=learned.table,
        votes=votes,
        log_evidence=float(logsumexp(learned.logs + np.log(before), axis=1).sum()) if len(before) else 0.0,
    )


def with_model(consensus: Consensus, probs: Floats) -> Floats:
    """(labeled,) confidence in the resolved labels when the model has its say too.

    Args:
        probs: (labeled, classes), out of fold, so that the model does not repeat what it was told.
    """
    joint = consensus.likelihood * np.clip(probs, LEAST_PRIOR, 1)
    chosen = joint[np.arange(len(joint)), consensus.labels]
    return np.asarray(chosen / joint.sum(axis=1), dtype=np.float32)


def without_own(consensus: Consensus, prior: Floats) -> Floats:
    """(votes, classes): what all but this one vote say of its item, the prior included.

    Args:
        prior: (labeled, classes), of each item, as a model's out-of-fold probabilities or the shares of the labels.
    """
    votes = consensus.votes
    if consensus.confusions is None:
        own = _coin_told(consensus.accuracy[votes.who].astype(np.float64), votes)
    else:
        own = consensus.confusions[votes.who, :, votes.label].astype(np.float64)
    joint = consensus.likelihood * np.clip(prior, LEAST_PRIOR, 1)
    return np.asarray(_scaled(joint[votes.at] / own), dtype=np.float32)


@dataclass(frozen=True)
class _Learned:
    """What votes tell: logs (labeled, classes) of their likelihood; accuracy (people,); table: the confusions."""

    logs: Doubles
    accuracy: Doubles
    table: Floats | None = None


def _confusions(votes: Votes, before: Doubles) -> _Learned:
    """Every person has a table: of each answer given the true label, abstentions last where there are any.

    A row of it is drawn towards the person's accuracy over all labels, which is drawn towards .75: of 20 labels few
    have been answered often enough to tell by themselves.
    """
    answers = votes.classes + bool((~votes.named).any())
    table = _shrunk(np.zeros((len(votes.people), votes.classes, answers)))
    taught, known = _taught(votes, before)
    posterior = known
    for _ in range(ITERATIONS):
        logs = _together(taught, np.log(table[taught.who, :, taught.label]))
        earlier, posterior = posterior, softmax(logs + np.log(known), axis=1)
        if np.abs(posterior - earlier).max(initial=0) < STILL:
            break
        table = _shrunk(_by_person(taught, posterior, taught.label, answers))
    if taught is not votes:
        logs = _together(votes, np.log(table[votes.who, :, votes.label]))
    seen = _by_person(taught, posterior, np.zeros_like(taught.label), 1)[:, :, 0]
    own = np.diagonal(table, axis1=1, axis2=2)
    wide = np.zeros((len(table), votes.classes, votes.classes + 1), dtype=np.float32)
    wide[:, :, :answers] = table
    return _Learned(logs, (own * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1e-12), wide)


def _taught(votes: Votes, before: Doubles) -> tuple[Votes, Doubles]:
    """The votes that teach, and their items' prior: of many, so many of each person, drawn, with all on an item."""
    if len(votes.at) <= MANY:
        return votes, before
    drawn = np.random.default_rng(0).permutation(len(votes.at))
    drawn = drawn[np.argsort(votes.who[drawn], kind="stable")]
    who = votes.who[drawn]
    place = np.arange(len(who)) - np.searchsorted(who, who)  # of each among the person's own
    items = np.unique(votes.at[drawn[place < MOST_TAUGHT]])
    kept = np.flatnonzero(np.isin(votes.at, items))
    at = np.searchsorted(items, votes.at[kept])
    taught = Votes(votes.items[items], votes.people, at, votes.who[kept], votes.label[kept], votes.classes)
    return taught, before[items]


def _shrunk(counts: Doubles) -> Doubles:
    """(people, classes, answers) shares of each answer, from how often each is expected to have been given."""
    classes, answers = counts.shape[1:]
    right = np.diagonal(counts, axis1=1, axis2=2).sum(axis=1)
    rate = (right + PSEUDO * RIGHT) / (counts.sum(axis=(1, 2)) + PSEUDO)
    start = np.repeat(((1 - rate) / max(answers - 1, 1))[:, None, None], classes, axis=1).repeat(answers, axis=2)
    start[:, np.arange(classes), np.arange(classes)] = rate[:, None]
    rows = counts + PSEUDO * start
    return np.asarray(rows / rows.sum(axis=2, keepdims=True))


def _by_person(votes: Votes, posterior: Doubles, answer: Ints, answers: int) -> Doubles:
    """(people, classes, answers): how often each one is expected to have given an answer to each true label."""
    cells = len(votes.people) * answers
    place = votes.who * answers + answer
    counts = [np.bincount(place, posterior[votes.at, true], minlength=cells) for true in range(votes.classes)]
    return np.asarray(np.stack(counts).reshape(votes.classes, -1, answers).transpose(1, 0, 2), dtype=np.float64)


def _coins(votes: Votes, before: Doubles) -> _Learned:
    """Every person has one accuracy; errors fall evenly, and an abstention tells nothing.

    Labels that nobody gave share what is left, so that only those that were given are looked at in turn.
    """
    people, named = len(votes.people), np.flatnonzero(votes.named)
    who, cell = votes.who[named], votes.at[named] * votes.classes + votes.label[named]
    cells, pair = np.unique(cell, return_inverse=True)  # of an item and a label that somebody gave it
    item, told = cells // votes.classes, before.reshape(-1)[cells] if len(cells) else np.zeros(0)
    left = np.maximum(1 - np.bincount(item, told, minlength=len(votes.items)), 0)
    given = np.bincount(who, minlength=people)
    rate, held = np.full(people, RIGHT), told
    for _ in range(ITERATIONS):
        odds = np.bincount(pair, _log_odds(rate, votes.classes)[who], minlength=len(cells))
        top = np.zeros(len(votes.items))
        np.maximum.at(top, item, odds)  # the labels that nobody gave stand at 0
        weight = told * np.exp(odds - top[item])
        total = np.bincount(item, weight, minlength=len(votes.items)) + left * np.exp(-top)
        earlier, held = held, weight / total[item]
        if np.abs(held - earlier).max(initial=0) < STILL:
            break
        rate = (np.bincount(who, held[pair], minlength=people) + PSEUDO * RIGHT) / (given + PSEUDO)
    logs = np.zeros((len(votes.items), votes.classes))
    logs.reshape(-1)[cells] = np.bincount(pair, _log_odds(rate, votes.classes)[who], minlength=len(cells))
    wrong = np.log((1 - rate) / max(votes.classes - 1, 1))[who]
    logs += np.bincount(votes.at[named], wrong, minlength=len(votes.items))[:, None]
    return _Learned(logs, rate)


def _log_odds(rate: Doubles, classes: int) -> Doubles:
    """Of the label that was given against any other one."""
    return np.asarray(np.log(rate) - np.log((1 - rate) / max(classes - 1, 1)))


def _coin_told(rate: Doubles, votes: Votes) -> Doubles:
    """(votes, classes): of each vote given each true label."""
    told = np.repeat(((1 - rate) / max(votes.classes - 1, 1))[:, None], votes.classes, axis=1)
    named = np.flatnonzero(votes.named)
    told[named, votes.label[named]] = rate[named]
    told[~votes.named] = 1
    return told


def _votes(vote_item: Ints, vote_annotator: Ints, vote_label: Ints, classes: int) -> Votes:
    require_shape("vote_annotator", vote_annotator, vote_item.shape)
    require_shape("vote_label", vote_label, vote_item.shape)
    if vote_label.size and not (vote_label.min() >= ABSTAINED and vote_label.max() < classes):
        raise ValueError(f"vote_label must lie in 0..{classes - 1}; it spans {vote_label.min()}..{vote_label.max()}.")
    people, who = np.unique(vote_annotator, return_inverse=True)
    _, last = np.unique((vote_item * max(len(people), 1) + who)[::-1], return_index=True)
    kept = np.sort(len(vote_item) - 1 - last)
    labeled = np.unique(vote_item[kept][vote_label[kept] != ABSTAINED])
    kept = kept[np.isin(vote_item[kept], labeled)]
    label = np.where(vote_label[kept] == ABSTAINED, classes, vote_label[kept])
    at = np.searchsorted(labeled, vote_item[kept])
    order = np.argsort(at, kind="stable")  # an item's votes stand together
    return Votes(labeled, people, at[order], who[kept][order], label[order].astype(np.int64), classes)


def _prior(votes: Votes, prior: Floats | None) -> Doubles:
    """(labeled, classes)."""
    shape = (len(votes.items), votes.classes)
    if prior is None:
        shares = np.bincount(votes.label[votes.named], minlength=votes.classes) + 1.0
        return np.broadcast_to(shares / shares.sum(), shape)
    require_shape("prior", prior, shape)
    require_probs("prior", prior, 2)
    return _scaled(np.clip(prior.astype(np.float64), LEAST_PRIOR, 1))


def _together(votes: Votes, logs: Doubles) -> Doubles:
    """(labeled, classes): of each item's votes, from (votes, classes) logarithms."""
    if not len(votes.items):
        return np.zeros((0, votes.classes))
    return np.asarray(np.add.reduceat(logs, np.flatnonzero(np.diff(votes.at, prepend=-1)), axis=0))


def _scaled(rows: Doubles) -> Doubles:
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))
