"""Votes and judges together: the probability that each resolved label is wrong."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alcore import consensus
from alcore.checking import require_probs, require_shape
from alcore.consensus import Consensus, Votes
from alcore.protocols import Floats, Ints

TEMPERATURES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0)
TRIED = 3_000  # items by which the temperature is chosen
SEVERAL = 1.5  # votes an item in the mean, from which on it can be told what each person confuses
LEAST = 1e-8  # probability that a judge can give, before the temperature


@dataclass(frozen=True)
class Doubt:
    """What votes and judges say together.

    wrong: (labeled,) probability that the resolved label is wrong. informed: the votes resolved again under the judges.
    prior: (labeled, classes), the judges, as sure as they are right. temperature: by which they became so; above 1 they
    were too sure.
    """

    wrong: Floats
    informed: Consensus
    prior: Floats
    temperature: float


def weigh(resolved: Consensus, judged: Floats, *, seed: int) -> Doubt:
    """Weigh what people said against what judges say that never saw it.

    The judges' probabilities are each item's prior under the votes. How sure of themselves they may be (a temperature)
    and how often people err are found together, where the votes are likeliest: so where judges and people differ all
    the time, judges are trusted less; where they nearly always agree, more. What instance-dependent noise hides, errors
    that judges would make too, is not found by this: the share of wrong labels that it adds up to is too low then.

    Args:
        resolved: of people's votes alone. judged: (labeled, classes), out of fold.

    Raises ValueError on another shape, NaN, infinity or values outside [0, 1]. Deterministic for a seed.
    Source: Dawid & Skene (1979) with the classifier as prior (Raykar et al. 2010); temperature after Guo et al. (2017).
    """
    require_probs("judged", judged, 2)
    require_shape("judged", judged, resolved.posterior.shape)
    temperature = _temperature(resolved.votes, judged, seed)
    prior = tempered(judged, temperature)
    informed = replace(_resolved(resolved.votes, np.arange(len(judged)), prior), items=resolved.items)
    wrong = 1 - informed.posterior[np.arange(len(judged)), resolved.labels]
    return Doubt(np.clip(wrong, 0, 1), informed, prior, temperature)


def _temperature(votes: Votes, judged: Floats, seed: int) -> float:
    """Of a few thousand items, that under which their votes are likeliest; 1 without any."""
    drawn = np.sort(np.random.default_rng([seed, 94]).permutation(len(judged))[:TRIED])
    if not len(drawn):
        return 1.0
    evidence = [_resolved(votes, drawn, tempered(judged[drawn], each)).log_evidence for each in TEMPERATURES]
    return TEMPERATURES[int(np.argmax(evidence))]


def _resolved(votes: Votes, items: Ints, prior: Floats) -> Consensus:
    """Their votes again, under a prior of each of these items (places among the labeled, ascending)."""
    place = np.full(len(votes.items), -1)
    place[items] = np.arange(len(items))
    kept = place[votes.at] >= 0
    label = np.where(votes.named, votes.label, consensus.ABSTAINED)[kept]
    return consensus.resolve(
        place[votes.at[kept]], votes.people[votes.who[kept]], label, classes=votes.classes, prior=prior
    )


def tempered(probs: Floats, temperature: float) -> Floats:
    """(n, classes): probabilities whose logarithms are divided by the temperature; above 1 they become less sure."""
    logs: NDArray[np.float64] = np.log(np.maximum(probs.astype(np.float64), LEAST)) / temperature
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)
