"""run_round: resolve -> clean -> train -> evaluate -> score -> select, arrays in, arrays out.

Deterministic for a seed; knows no database and no queue. The Celery task, the simulator and the benchmarks all call it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alcore import catalog, certifying, choosing, cleaning, consensus, evaluation, scoring, selection
from alcore.certifying import Certified
from alcore.checking import require_shape
from alcore.cleaning import LabelIssue
from alcore.configuration import RoundConfig
from alcore.consensus import Consensus
from alcore.control import Answers
from alcore.evaluation import AuditEstimate
from alcore.protocols import Floats, Ints, Model, Report, Rows
from alcore.selection import Pick, Selection
from alcore.strategies.coldstart import max_herding

COVERAGE = "coverage"
STOP_SET = 2_000  # audit items on which the members are compared
COVERED = 20_000  # items looked at without a model; the features of so many are held at once


@dataclass(frozen=True)
class RoundInput:
    """What a round sees. Labels lie in 0..K; K is out of scope. Skipped answers are left out.

    features: (items, D) float32, may be memory-mapped or shards. folds: (items,). groups: (items,) the first item of
    each one's near-duplicate group, None where there are none. vote_item, vote_annotator, vote_label:
    (votes,), of items that may train. open: (items,) may be asked. trusted: (items,) decided by a reviewer.
    audit_item: (audit,) indices. audit_label: (audit,), -1 where not answered. audit_reporting: (audit,) True for
    the half that only reports. at_random: (items,) True where an item was asked by a random draw; None if unknown.
    costs: (items,) of asking each, above 0, in any unit; None if unknown.
    """

    features: Rows
    folds: Ints
    vote_item: Ints
    vote_annotator: Ints
    vote_label: Ints
    open: NDArray[np.bool_]
    trusted: NDArray[np.bool_]
    audit_item: Ints
    audit_label: Ints
    audit_reporting: NDArray[np.bool_]
    groups: Ints | None = None
    at_random: NDArray[np.bool_] | None = None
    costs: Floats | None = None


@dataclass(frozen=True)
class RoundResult:
    """What a round found. timings: step -> seconds.

    strategy: as used, "coverage" without a model. audit_predictions: (audit,) labels, for later answers to judge.
    audit: on the reporting half. choice_audit: on the other. resolved: with the model's view in its confidence.
    certified: what people may confirm in bulk; none where the configuration does not ask for it. unlearned: labeled
    items that look as if they could not be learned; none without the guard that looks for them.
    """

    selection: Selection
    strategy: str
    reason: str
    resolved: Consensus
    issues: tuple[LabelIssue, ...]
    downweighted: int
    labels_used: int
    audit_predictions: Ints
    audit: AuditEstimate
    choice_audit: AuditEstimate
    oof_accuracy: float | None
    oof_calibration_error: float | None
    notes: tuple[str, ...]
    timings: dict[str, float]
    certified: Certified = field(default_factory=Certified)
    unlearned: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass
class _Findings:
    """What the steps of a round have found so far."""

    resolved: Consensus
    strategy: str = COVERAGE
    reason: str = "Chosen so that every item has a similar one among the first questions."
    issues: tuple[LabelIssue, ...] = ()
    downweighted: int = 0
    oof_accuracy: float | None = None
    oof_calibration_error: float | None = None
    notes: list[str] = field(default_factory=list)
    predictions: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    certified: Certified = field(default_factory=Certified)
    unlearned: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def run_round(
    data: RoundInput,
    config: RoundConfig,
    model: Model,
    *,
    previous: Model | None = None,
    report: Report | None = None,
) -> RoundResult:
    """Run one round. `model` is trained in place; `report(step, share)` is called as it goes on.

    previous: the last round's model, on the same features, for the guard that looks at what has changed.

    Raises ValueError on shapes that do not fit, labels outside 0..K, NaN, an unknown strategy, or where the previous
    model is the one to be trained.
    """
    _check(data)
    if previous is model:
        raise ValueError("previous must be another model than the one to be trained: a copy, or a state loaded anew.")
    clock = _Clock(report or _silent)
    with clock.step("resolve"):
        resolved = consensus.resolve(data.vote_item, data.vote_annotator, data.vote_label, classes=config.labels + 1)
    found = _Findings(resolved)
    if len(np.unique(resolved.labels)) < 2:
        with clock.step("select"):
            chosen = _cover(data, config, resolved)
        found.predictions = np.full(len(data.audit_item), -1, dtype=np.int64)
        found.notes.append("No model yet: the batch was chosen to cover the pool.")
    else:
        _train(data, config, model, found, clock)
        with clock.step("evaluate"):
            found.predictions = scoring.predicted(data.features, data.audit_item, model)
        pool = _pool(data, found.resolved.items, found.resolved.labels, config)
        choice = choosing.Choice(pool, config, model, clock.report, previous)
        with clock.step("score"):
            choice.score()
        with clock.step("select"):
            chosen = _take(choice, found)
        if config.certify:
            with clock.step("certify"):
                _certify(data, choice, chosen, found)
    return _result(data, chosen, found, clock.seconds)


def _cover(data: RoundInput, config: RoundConfig, resolved: Consensus) -> Selection:
    """Without a model: the batch covers the pool."""
    askable = choosing.one_of_each_group(_pool(data, resolved.items, resolved.labels, config), config.batch)
    pool = np.flatnonzero(askable)
    sample = np.sort(_rng(config, 0).permutation(pool)[:COVERED])
    order = max_herding(np.asarray(data.features[sample], dtype=np.float32), config.batch, rng=_rng(config, 1))
    share, rng = config.random_share, _rng(config, 2)
    return selection.fill(Pick(sample[order]), askable, batch=config.batch, random_share=share, rng=rng)


def _take(choice: choosing.Choice, found: _Findings) -> Selection:
    made = choice.made()
    found.strategy, found.reason = made.strategy, catalog.get(made.strategy).meaning
    found.notes += [made.why] if made.why else []
    found.notes += made.notes
    found.unlearned = made.unlearned
    return made.selection


def _certify(data: RoundInput, choice: choosing.Choice, chosen: Selection, found: _Findings) -> None:
    """Look for labels to confirm in bulk among what is not asked now.

    Of near-duplicates only the first, and none with a label: the model has learned those by heart, so it is surer of
    them than it is right elsewhere.
    """
    items, labels = found.resolved.items, found.resolved.labels
    features = np.asarray(data.features[items], dtype=np.float32)
    gate = certifying.gate(choice.model.out_of_fold_probs(features, data.folds[items]), labels)
    left = choice.askable.copy()
    left[chosen.items] = False
    found.certified = certifying.search(
        data.features, np.flatnonzero(left), choice.model, gate, labels=choice.config.labels, report=choice.report
    )
    found.notes.append(certifying.note(found.certified))


def _drawn(audit: Ints, config: RoundConfig) -> Ints:
    """The stop set: audit items stand in the order of the file, which may go class by class."""
    return audit if len(audit) <= STOP_SET else np.sort(_rng(config, 10).permutation(audit)[:STOP_SET])


def _pool(data: RoundInput, labeled: Ints, labels: Ints, config: RoundConfig) -> choosing.Pool:
    """With what was drawn at random apart: random draws for training, and the audit's choices half."""
    at_random = np.zeros(len(data.open), dtype=bool) if data.at_random is None else data.at_random
    _, first_vote = np.unique(data.vote_item, return_index=True)
    order = np.argsort(first_vote, kind="stable")[: len(labeled)]
    items, given = labeled[order], labels[order]
    drawn = at_random[items]
    answered = (data.audit_label >= 0) & ~data.audit_reporting
    random = np.concatenate([items[drawn], data.audit_item[answered]])
    return choosing.Pool(
        features=data.features,
        open=data.open,
        labeled=labeled,
        labels=labels,
        groups=data.groups,
        asked=Answers(items, given),
        random=Answers(random, np.concatenate([given[drawn], data.audit_label[answered]])),
        stop_set=_drawn(data.audit_item, config),
        folds=data.folds[labeled],
        costs=data.costs,
    )


def _train(data: RoundInput, config: RoundConfig, model: Model, found: _Findings, clock: "_Clock") -> None:
    """Train, look for label issues out of fold, and train again with suspects weighing less."""
    items, labels = found.resolved.items, found.resolved.labels
    features, folds = np.asarray(data.features[items], dtype=np.float32), data.folds[items]
    even = np.ones(len(folds), dtype=np.float32)
    with clock.step("train"):
        model.fit(features, labels, even, folds, classes=config.labels + 1, seed=config.seed)
        oof = model.out_of_fold_probs(features, folds)
    found.resolved = replace(found.resolved, confidence=consensus.with_model(found.resolved, oof))
    found.oof_accuracy = float((oof.argmax(axis=1) == labels).mean())
    found.oof_calibration_error = evaluation.expected_calibration_error(oof, labels)
    if not config.cleaning:
        return
    with clock.step("clean"):
        found.issues, note = cleaning.find_issues(items, labels, oof, folds, trusted=data.trusted[items])
        found.notes += [note] if note else []
    if found.issues:
        suspect = np.isin(items, [issue.item for issue in found.issues])
        found.downweighted = int(suspect.sum())
        found.notes.append(f"{found.downweighted} suspect answers weighed less in training.")
        weights = cleaning.weights(labels, oof, suspect)
        with clock.step("train"):
            model.fit(features, labels, weights, folds, classes=config.labels + 1, seed=config.seed)


def _result(data: RoundInput, chosen: Selection, found: _Findings, seconds: dict[str, float]) -> RoundResult:
    answered = (data.audit_label >= 0) & (found.predictions >= 0)
    halves = [answered & data.audit_reporting, answered & ~data.audit_reporting]
    audit, choice = (evaluation.audit_estimate(found.predictions[half], data.audit_label[half]) for half in halves)
    return RoundResult(
        selection=chosen,
        strategy=found.strategy,
        reason=found.reason,
        resolved=found.resolved,
        issues=found.issues,
        downweighted=found.downweighted,
        labels_used=len(found.resolved.items),
        audit_predictions=found.predictions,
        audit=audit,
        choice_audit=choice,
        oof_accuracy=found.oof_accuracy,
        oof_calibration_error=found.oof_calibration_error,
        notes=tuple(found.notes),
        timings=dict(seconds),
        certified=found.certified,
        unlearned=found.unlearned,
    )


def _check(data: RoundInput) -> None:
    if data.features.ndim != 2:
        raise ValueError(f"features must be (items, D); their shape is {data.features.shape}.")
    items = (len(data.features),)
    for name in ("folds", "open", "trusted", *(() if data.costs is None else ("costs",))):
        require_shape(name, getattr(data, name), items)
    for name in ("audit_label", "audit_reporting"):
        require_shape(name, getattr(data, name), data.audit_item.shape)
    for name in ("vote_item", "audit_item"):
        given = getattr(data, name)
        if given.size and not 0 <= given.min() <= given.max() < items[0]:
            raise ValueError(f"{name} must lie in 0..{items[0] - 1}; it spans {given.min()}..{given.max()}.")
    if data.open[data.audit_item].any():
        raise ValueError("An audit item is marked open: audit items are never chosen by a strategy.")
    if np.isin(data.vote_item, data.audit_item).any():
        raise ValueError("A vote is on an audit item: audit items never train.")


def _rng(config: RoundConfig, stream: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, stream])


def _silent(step: str, share: float) -> None:
    """Reports to nobody."""


class _Clock:
    """Says which step has begun, and adds up what each took."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.report(name, 0.0)
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
