"""run_round: resolve -> clean -> train -> evaluate -> score -> select, arrays in, arrays out.

Deterministic for a seed; knows no database and no queue. The Celery task, the simulator and the benchmarks all call it.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from alcore import (
    catalog,
    certifying,
    chains,
    choosing,
    cleaning,
    clock,
    consensus,
    evaluation,
    inputs,
    scoring,
    selection,
    semi_supervised,
    suspects,
)
from alcore.certifying import Certified
from alcore.cleaning import LabelIssue
from alcore.clock import Clock
from alcore.configuration import RoundConfig
from alcore.consensus import Consensus
from alcore.control import Answers
from alcore.evaluation import AuditEstimate
from alcore.inputs import RoundInput
from alcore.protocols import Floats, Ints, Model, Report
from alcore.selection import Pick, Selection
from alcore.strategies.coldstart import max_herding
from alcore.training import Lesson, Training

COVERAGE = "coverage"
STOP_SET = 2_000  # audit items on which the members are compared
COVERED = 20_000  # items looked at without a model; the features of so many are held at once


@dataclass(frozen=True)
class RoundResult:
    """What a round found. timings: step -> seconds.

    strategy: as used, "coverage" without a model. audit_predictions: (audit,) labels, for later answers to judge.
    audit: on the reporting half. choice_audit: on the other. resolved: with the model's view in its confidence.
    certified: what people may confirm in bulk; none where the configuration does not ask for it. unlearned: labeled
    items that look as if they could not be learned; none without the guard that looks for them. training: how the model
    came to be; None without one. served: what scored and predicted: that model, a copy in whose training suspects
    weighed less, or one that unlabelled items trained too; None without a model. prior: (labeled, classes) what models
    say of each labeled item that never saw it, as sure as they are right, and informed: the votes resolved under that;
    None where none is good enough.
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
    training: Training | None = None
    served: Model | None = None
    prior: Floats | None = None
    informed: Consensus | None = None


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
    training: Training | None = None
    served: Model | None = None
    prior: Floats | None = None
    informed: Consensus | None = None
    weights: Floats = field(default_factory=lambda: np.zeros(0, dtype=np.float32))


def run_round(
    data: RoundInput,
    config: RoundConfig,
    model: Model,
    *,
    previous: Model | None = None,
    report: Report | None = None,
) -> RoundResult:
    """Run one round. `model` is trained in place; `report(step, share)` is called as it goes on.

    previous: the last round's model, on the same features: to go on from, where the configuration says so and the input
    holds its memory, and for the guard that looks at what has changed.

    Raises ValueError on shapes that do not fit, labels outside 0..K, NaN, an unknown strategy, or where the previous
    model is the one to be trained.
    """
    inputs.check(data)
    if previous is model:
        raise ValueError("previous must be another model than the one to be trained: a copy, or a state loaded anew.")
    watch = Clock(report or clock.silent)
    with watch.step("resolve"):
        resolved = consensus.resolve(data.vote_item, data.vote_annotator, data.vote_label, classes=config.labels + 1)
    found = _Findings(resolved)
    if len(np.unique(resolved.labels)) < 2:
        with watch.step("select"):
            chosen = _cover(data, config, resolved)
        found.predictions = np.full(len(data.audit_item), -1, dtype=np.int64)
        found.notes.append("No model yet: the batch was chosen to cover the pool.")
    else:
        lesson = Lesson(data, config, model, previous, resolved)
        serving = _learn(lesson, found, watch)
        if config.semi_supervised:
            serving = _with_unlabeled(lesson, serving, found, watch)
        found.served = serving
        pool = _pool(data, found.resolved.items, found.resolved.labels, config)
        choice = choosing.Choice(pool, config, serving, watch.report, previous, lesson.model)
        with watch.step("score"):
            choice.score()
        with watch.step("select"):
            chosen = _take(choice, found)
        if config.certify:
            with watch.step("certify"):
                _certify(lesson, choice, chosen, found)
    return _result(data, chosen, found, watch.seconds)


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


def _certify(lesson: Lesson, choice: choosing.Choice, chosen: Selection, found: _Findings) -> None:
    """Look for labels to confirm in bulk among what is not asked now, by the model that was trained on labels alone.

    Of near-duplicates only the first, and none with a label: the model has learned those by heart, so it is surer of
    them than it is right elsewhere.
    """
    features, model = lesson.data.features, lesson.model
    gate = certifying.gate(model.out_of_fold_probs(lesson.features, lesson.folds), lesson.labels)
    left = choice.askable.copy()
    left[chosen.items] = False
    found.certified = certifying.search(
        features, np.flatnonzero(left), model, gate, labels=choice.config.labels, report=choice.report
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


def _learn(lesson: Lesson, found: _Findings, watch: Clock) -> Model:
    """Train and predict the audit; once more from scratch where a chain of rounds turns out to have drifted.

    Returns the model that serves: with suspects weighing less, where there are any.
    """
    data = lesson.data
    serving = _trained(lesson, found, watch)
    choices = np.flatnonzero((data.audit_label >= 0) & ~data.audit_reporting)
    memory, items, said = lesson.memory, data.audit_item[choices], found.predictions[choices]
    if lesson.goes_on and memory is not None and chains.has_drifted(memory, items, data.audit_label[choices], said):
        lesson.begin_anew()
        found.notes, found.downweighted = [], 0
        serving = _trained(lesson, found, watch)
    found.training = _watched(lesson.told(), data.audit_item, found.predictions)
    found.notes += [found.training.note] if lesson.config.replay else []
    return serving


def _trained(lesson: Lesson, found: _Findings, watch: Clock) -> Model:
    serving = _train(lesson, found, watch)
    with watch.step("evaluate"):
        found.predictions = scoring.predicted(lesson.data.features, lesson.data.audit_item, serving)
    return serving


def _watched(training: Training, audit: Ints, said: Ints) -> Training:
    """A fresh start's memory also holds what its model names on the audit, for the check of what goes on from it."""
    if training.went_on:
        return training
    return replace(training, memory=chains.watched(training.memory, audit, said))


def _with_unlabeled(lesson: Lesson, supervised: Model, found: _Findings, watch: Clock) -> Model:
    """The model that serves: a fork that unlabelled items have trained too, unless the audit speaks against it.

    What cleaning, confirming in bulk and the next round go by stays the model that was trained on labels alone.
    """
    data, config = lesson.data, lesson.config
    answered = np.flatnonzero((data.audit_label >= 0) & ~data.audit_reporting)
    audit = semi_supervised.Audit(scoring.rows_of(data.features, data.audit_item[answered]), data.audit_label[answered])
    labeled = semi_supervised.Labeled(lesson.features, lesson.labels, found.weights, lesson.folds)
    with watch.step("unlabeled"):
        drawn = semi_supervised.sample(data.open, seed=config.seed)
        unlabeled = scoring.rows_of(data.features, drawn)
        served = semi_supervised.served(supervised, labeled, unlabeled, audit, seed=config.seed)
        if served.forked:
            found.predictions = scoring.predicted(data.features, data.audit_item, served.model)
    found.notes.append(served.note)
    return served.model


def _train(lesson: Lesson, found: _Findings, watch: Clock) -> Model:
    """Train, look for label issues out of fold, and train a copy with suspects weighing less; returns what serves."""
    labels, folds, model = lesson.labels, lesson.folds, lesson.model
    found.weights = np.ones(len(folds), dtype=np.float32)
    with watch.step("train"):
        lesson.train()
        oof = model.out_of_fold_probs(lesson.features, folds)
    found.resolved = replace(found.resolved, confidence=consensus.with_model(found.resolved, oof))
    found.oof_accuracy = float((oof.argmax(axis=1) == labels).mean())
    found.oof_calibration_error = evaluation.expected_calibration_error(oof, labels)
    if not lesson.config.cleaning:
        return model
    with watch.step("clean"):
        way = lesson.config.suspects
        cleaned = cleaning.clean(_labeled(lesson, oof), found.resolved, seed=lesson.config.seed, way=way)
        found.issues, found.weights = cleaned.issues, cleaned.weights
        found.downweighted = 0 if way == suspects.KEEP else len(cleaned.issues)
        found.notes += [cleaned.note] if cleaned.note else []
        if cleaned.wrong is not None:
            found.resolved = replace(found.resolved, confidence=1 - cleaned.wrong)
            found.prior, found.informed = cleaned.prior, cleaned.informed
    if not found.downweighted:
        return model
    with watch.step("train"):
        return lesson.weighed(found.weights)


def _labeled(lesson: Lesson, probs: Floats) -> cleaning.Labeled:
    data, items = lesson.data, lesson.items
    groups = items if data.groups is None else data.groups[items]
    return cleaning.Labeled(lesson.features, lesson.folds, groups, probs, data.trusted[items])


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
        training=found.training,
        served=found.served,
        prior=found.prior,
        informed=found.informed,
    )


def _rng(config: RoundConfig, stream: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, stream])
