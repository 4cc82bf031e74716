"""Arrays -> rows: what a round found out, stored in pieces and published by one short last transaction."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from alcore.people import Person
from alcore.rounds import RoundResult
from alcore.training import Training
from annotator import budgeting, serving
from annotator.learning import measuring, noticing, opinions, resolving, suspecting
from annotator.learning.loading import Pool
from annotator.learning.noticing import Noticed
from annotator.learning.opinions import Again
from annotator.learning.suspecting import Suspected
from annotator.models import AUDIT_SHARE, Budget, Item, Project, Proposal, Query, Round

PIECE = 200  # rows to a write transaction, which stays under 50 ms
RANK_STEP = 10  # leaves room between ranks for the audit's queries
AUDIT_EVERY = round(1 / AUDIT_SHARE)
NAMED = 5  # items that a note names


class AttemptLostError(Exception):
    """Another attempt at this round has begun; this one must not store anything (promise 5)."""


@dataclass(frozen=True)
class Seen:
    """What a round saw beside its result: in the labels, the items and the people."""

    noticed: Noticed = field(default_factory=Noticed)
    people: tuple[Person, ...] = ()
    again: Again = field(default_factory=Again)
    suspected: Suspected = field(default_factory=Suspected)
    worth: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A finished computation on its way into the database."""

    round: Round
    pool: Pool
    result: RoundResult
    sequence: int
    timings: dict[str, float]
    began: float  # time.perf_counter() when storing began
    head: str = ""  # that was trained; empty where there was no model
    seen: Seen = field(default_factory=Seen)


def store(outcome: Outcome) -> None:
    """Store a round's result once: nothing if another attempt took over."""
    _store_confidences(outcome)
    _store_proposals(outcome)
    with transaction.atomic():
        budget = budgeting.locked(outcome.round.project_id)
        found = _still_ours(outcome.round)
        issues = suspecting.store(found, outcome.seen.suspected)
        made = _store_queries(outcome, budget)
        opinions.store(found, outcome.seen.again, sequence=outcome.sequence, chosen=made, step=RANK_STEP)
        noticing.store(found, outcome.seen.noticed)
        measuring.store(found, outcome.seen.people, outcome.pool)
        budget.save()
        _publish(found, outcome, issues=issues, made=made)
    _withdraw_proposals(outcome.round)


def _still_ours(attempt: Round) -> Round:
    found = Round.objects.select_for_update().get(pk=attempt.pk)
    if found.state != Round.State.RUNNING or found.attempt != attempt.attempt:
        raise AttemptLostError
    return found


def _publish(found: Round, outcome: Outcome, *, issues: int, made: int) -> None:
    result = outcome.result
    found.state = Round.State.DONE
    found.step, found.progress = "", 1.0
    found.used_strategy, found.head = result.strategy, outcome.head
    found.sequence = outcome.sequence
    timings = {**outcome.timings, "store": time.perf_counter() - outcome.began}
    found.timings = {name: round(seconds, 3) for name, seconds in timings.items()}
    found.training = _told(result.training)
    found.labels_used = result.labels_used
    found.issues_found = issues
    found.downweighted = result.downweighted
    found.confused, found.worth = list(outcome.seen.suspected.confused), outcome.seen.worth
    found.calibration_error = result.oof_calibration_error
    found.queries_made = made
    found.notes = [*result.notes, *_unlearned(outcome), *outcome.seen.again.notes, *outcome.seen.noticed.notes]
    found.finished_at = timezone.now()
    found.save()


def _told(training: Training | None) -> dict[str, Any]:
    """How the model came to be, as plain data; empty without one."""
    if training is None:
        return {}
    numbers = {"replayed": training.replayed, "seconds": training.seconds, "saved": training.saved}
    told = {"went_on": training.went_on, "why": training.why, "steps": training.steps, "samples": training.samples}
    return {**told, **{name: round(number, 3) for name, number in numbers.items()}}


def _unlearned(outcome: Outcome) -> list[str]:
    """Names what was never learned, so that people can look at it."""
    items = outcome.result.unlearned
    first = Item.objects.filter(id__in=outcome.pool.ids[items[:NAMED]].tolist())
    keys = [*first.values_list("key", flat=True), *(["..."] if len(items) > NAMED else [])]
    return [f"Never learned: {', '.join(keys)}"] if len(items) else []


def _store_queries(outcome: Outcome, budget: Budget) -> int:
    """Replace what is open of earlier batches by the new batch, with the audit's share between."""
    project = outcome.round.project
    _withdraw_open(project, budget)
    chosen = _new_queries(outcome)
    Query.objects.bulk_create(chosen)
    asked = [query.item_id for query in chosen]
    Item.objects.filter(id__in=asked).update(state=Item.State.ASKED)
    budget.unasked -= len(asked)
    _interleave_audit(project, budget, len(chosen))
    return len(chosen)


def _withdraw_open(project: Project, budget: Budget) -> None:
    earlier = project.queries.open().chosen_by_rounds()
    items = list(earlier.values_list("item_id", flat=True))
    earlier.update(state=Query.State.WITHDRAWN)
    Item.objects.filter(id__in=items).update(state=Item.State.UNASKED)
    budget.unasked += len(items)


def _new_queries(outcome: Outcome) -> list[Query]:
    """Queries for the chosen items that are still unasked: people went on while the round was computed."""
    selection = outcome.result.selection
    ids = outcome.pool.ids[selection.items]
    unasked = set(Item.objects.unasked().filter(id__in=ids.tolist()).values_list("id", flat=True))
    ranks = [rank for rank, item_id in enumerate(ids.tolist()) if item_id in unasked]
    return [_query(outcome, rank, place) for place, rank in enumerate(ranks, start=1)]


def _query(outcome: Outcome, index: int, place: int) -> Query:
    selection, result = outcome.result.selection, outcome.result
    draw = Query.Draw(str(selection.draw[index]))
    return Query(
        project=outcome.round.project,
        round=outcome.round,
        item_id=int(outcome.pool.ids[selection.items[index]]),
        draw=draw,
        strategy="random" if draw == Query.Draw.RANDOM else result.strategy,
        reason=_reason(outcome, draw, place),
        score=_finite(selection.scores[index]),
        rank=place * RANK_STEP,
        probability=_finite(selection.probability[index]),
        draw_step=int(selection.step[index]) or None,
        pool_size=int(selection.pool_size[index]) or None,
    )


def _reason(outcome: Outcome, draw: Query.Draw, place: int) -> str:
    number = outcome.round.number
    if draw == Query.Draw.RANDOM:
        return f"Drawn at random by round {number}, to keep the labels representative."
    if draw == Query.Draw.SAMPLED:
        return f"Drawn by its score in round {number}: {outcome.result.reason}"[:200]
    return f"Round {number} ranked it number {place}: {outcome.result.reason}"[:200]


def _interleave_audit(project: Project, budget: Budget, chosen: int) -> None:
    """Every fifth question is the audit's, as long as it has items; those still open keep their turn."""
    places = range(AUDIT_EVERY - 1, chosen + 1, AUDIT_EVERY - 1)
    waiting = list(project.queries.open().filter(draw=Query.Draw.AUDIT).order_by("rank", "id"))
    for place in places:
        rank = place * RANK_STEP + RANK_STEP // 2
        if waiting:
            Query.objects.filter(pk=waiting.pop(0).pk).update(rank=rank)
        elif serving.open_audit_query(project, budget, rank=rank) is None:
            return


def _store_confidences(outcome: Outcome) -> None:
    """Each item's label and how sure it is, in pieces."""
    for piece in resolving.pieces(outcome.pool, outcome.result):
        _settle(outcome, piece)


def _settle(outcome: Outcome, piece: dict[int, tuple[int | None, float]]) -> None:
    by_model = outcome.result.informed is not None
    with transaction.atomic():
        budgeting.locked(outcome.round.project_id)  # no answer or decision comes between reading and writing
        _still_ours(outcome.round)
        resolving.store(outcome.round, piece, sequence=outcome.sequence, by_model=by_model)


def _store_proposals(outcome: Outcome) -> None:
    """What people may confirm in bulk, in pieces: shown to nobody until the round is done, and with it published."""
    _delete_proposals(outcome.round)
    found, pool = outcome.result.certified, outcome.pool
    rows = list(zip(pool.ids[found.items].tolist(), found.labels.tolist(), found.confidence.tolist(), strict=True))
    for start in range(0, len(rows), PIECE):
        _add_proposals(outcome, rows[start : start + PIECE])


def _delete_proposals(attempt: Round) -> None:
    """Those of an attempt that died; never what people decided, nor what another attempt published."""
    earlier = Proposal.objects.open().filter(round=attempt)
    for piece in _pieces(earlier):
        with transaction.atomic():
            _still_ours(attempt)
            earlier.filter(pk__in=piece).delete()


def _add_proposals(outcome: Outcome, rows: list[tuple[int, int, float]]) -> None:
    """Of items that are still unasked, and that nobody has declined before."""
    found = outcome.round
    declined = Proposal.objects.filter(item=OuterRef("pk"), state=Proposal.State.DECLINED)
    with transaction.atomic():
        _still_ours(found)
        free = Item.objects.unasked().filter(~Exists(declined), id__in=[item for item, *_ in rows])
        wanted = set(free.values_list("id", flat=True))
        Proposal.objects.bulk_create(
            Proposal(
                project_id=found.project_id,
                round=found,
                item_id=item,
                label_id=outcome.pool.labels[label],
                confidence=confidence,
                precision=outcome.result.certified.gate.low,
            )
            for item, label, confidence in rows
            if item in wanted
        )


def _withdraw_proposals(found: Round) -> None:
    """Those of earlier rounds, which are not shown any more, but for those that somebody looks at right now."""
    earlier = Proposal.objects.open().filter(project=found.project_id, round__number__lt=found.number)
    past = earlier.filter(Q(held_until=None) | Q(held_until__lt=timezone.now()))
    for piece in _pieces(past):
        past.filter(pk__in=piece).update(state=Proposal.State.WITHDRAWN)


def _pieces(rows: QuerySet[Proposal]) -> Iterator[list[int]]:
    """Ids, a piece at a time, for as long as there are any."""
    while piece := list(rows.values_list("pk", flat=True)[:PIECE]):
        yield piece


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
