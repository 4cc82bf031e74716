"""Second answers: which items are asked again and of whom, and what such answers have shown so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from alcore import asking_again, overlap
from alcore.consensus import RIGHT
from alcore.rounds import RoundResult
from annotator import issues, people
from annotator.learning.loading import Floats, Ints, Pool, Votes
from annotator.models import Annotation, Budget, Item, LabelIssue, Project, Query, Round
from annotator.serving import LABELS_TOO

REVIEWED = 0.98  # how far a review's decision is to be trusted
RECHECKED = 0.04  # of all answers: second ones to items drawn at random
LOOKED_AT = 10_000  # least sure items among which those to be asked again are sought
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """An item to be asked again: its label now, how sure that is, and was before it was recalibrated (None where no
    model has a say), of whom and why.
    """

    item: int  # primary key
    standing: int | None
    sure: float | None
    uncalibrated: float | None
    wanted: int | None
    draw: Query.Draw
    reason: str
    pool_size: int | None = None
    step: int | None = None


@dataclass(frozen=True)
class Again:
    """What a round found to be asked again; share: of the batch; notes: for the round's row."""

    asked: tuple[Asked, ...] = ()
    share: float = asking_again.START
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _People:
    """Whom to ask: ids (people,), and the seconds that an answer of theirs takes (people,)."""

    ids: Ints
    seconds: Floats


@dataclass(frozen=True)
class _Label:
    """An item's label, how sure it is, and was before it was recalibrated."""

    label: int | None
    sure: float
    uncalibrated: float


@dataclass(frozen=True)
class _Known:
    """What there is to choose from. labels: by item, where a model has a say. seen: item -> who has had it."""

    round: Round
    pool: Pool
    votes: Votes
    result: RoundResult
    labels: dict[int, _Label]
    seen: dict[int, set[int]]

    @property
    def decided(self) -> Ints:
        """Items, as places in the pool, that a review has decided."""
        return self.votes.item[self.votes.review]


@dataclass(frozen=True)
class Rechecks:
    """Labels that were looked at again. sure: (labels,) how likely each was right by votes and models, as they say it
    themselves; agreed: whether it was; trust: how likely who said so is right.
    """

    sure: Floats
    agreed: Bools
    trust: Floats


def recalibrated(project: Project, result: RoundResult) -> RoundResult:
    """The result with what votes and models say together made as sure as it has proved to be right."""
    if result.informed is None:
        return result
    seen = rechecks(project)
    posterior, temperature = overlap.recalibrated(result.informed.posterior, seen.sure, seen.agreed, seen.trust)
    rows = np.arange(len(posterior))
    informed = replace(
        result.informed, posterior=posterior, confidence=posterior[rows, result.informed.labels].astype(np.float32)
    )
    notes = result.notes
    if len(seen.sure) >= asking_again.FEWEST and not 0.8 < temperature < 1.25:
        how = "less" if temperature > 1 else "more"
        notes = (*notes, f"Labels are called {how} sure than votes and model say: {_told(seen)}")
    return replace(result, informed=informed, notes=notes)


def _told(seen: Rechecks) -> str:
    right, expected = int(seen.agreed.sum()), seen.sure.sum()
    return f"of {len(seen.agreed)} that were looked at again {right} were right, and {expected:.0f} should have been."


def rechecks(project: Project) -> Rechecks:
    """What was asked twice at random, and flags that a review decided, of items that a model had a say in.

    How sure a label was tells how likely it is right, however it came to be looked at; so flags, the least sure, count
    too.
    """
    trusted = dict(project.qualities.values_list("annotator_id", "value"))
    said = issues.second_answers(project).filter(query__uncalibrated__isnull=False)
    rows = list(said.values_list("query__uncalibrated", "query__standing_id", "label_id", "annotator_id"))
    looked = [(float(sure or 0), standing == label, trusted.get(who, RIGHT)) for sure, standing, label, who in rows]
    flags = project.issues.filter(cause=LabelIssue.Cause.MODEL, uncalibrated__isnull=False)
    decided = flags.filter(state__in=[LabelIssue.State.CONFIRMED, LabelIssue.State.CORRECTED])
    for sure, state in decided.values_list("uncalibrated", "state"):
        looked.append((float(sure or 0), state == LabelIssue.State.CONFIRMED, REVIEWED))
    table = np.array(looked, dtype=np.float32).reshape(-1, 3)
    return Rechecks(table[:, 0], table[:, 1].astype(bool), table[:, 2])


def plan(found: Round, pool: Pool, votes: Votes, result: RoundResult, *, before: RoundResult) -> Again:
    """Look for what is worth another opinion, and draw what is asked twice; nothing is written.

    before: the result as the round gave it, not yet recalibrated.

    Nothing without a second person, or where the project asks every item of one person.
    """
    project = found.project
    members = list(project.memberships.values_list("user_id", flat=True))
    if project.overlap < 2 or len(members) < 2:
        return Again(share=project.review_share)
    known = _Known(found, pool, votes, result, _labels(pool, result, before), _seen(project))
    share = _share(project, known.labels)
    drawn = _drawn(known, len(members))
    twice = {one.item for one in drawn}
    opinions = [one for one in _opinions(known, _whom(project, members), share) if one.item not in twice]
    notes = []
    if opinions:
        notes.append(f"{len(opinions)} answers are asked again of somebody else, up to {share:.0%} of the batch.")
    return Again((*opinions, *drawn), share, tuple(notes))


def _share(project: Project, labels: dict[int, _Label]) -> float:
    """Of the batch: more where second opinions often changed a label lately, less where they seldom did.

    labels: of items, as this round resolves them. It stays as it is where none was given since the last round.
    """
    last = project.rounds.filter(state=Round.State.DONE).order_by("-number").first()
    given = Annotation.objects.current().filter(project=project, query__draw=Query.Draw.OPINION)
    if not given.filter(sequence__gt=last.sequence if last else 0).exists():
        return project.review_share
    latest = given.order_by("-sequence")[: asking_again.LATEST]
    rows = list(latest.values_list("query__standing_id", "item_id", "item__label_id"))
    changed = sum(was != (labels[item].label if item in labels else now) for was, item, now in rows)
    return asking_again.next_share(project.review_share, len(rows), changed)


def _whom(project: Project, members: Sequence[int]) -> _People:
    """Those who label these days, where there are two or more, else everybody."""
    said = Annotation.objects.filter(project=project, source=Annotation.Source.ANSWER, annotator__in=members)
    recent = said.filter(created_at__gte=timezone.now() - LABELS_TOO).order_by().values_list("annotator", flat=True)
    active = set(recent.distinct())
    ids = sorted(active) if len(active) > 1 else sorted(members)
    pace = [people.pace(project, person) for person in ids]
    known = [seconds for seconds in pace if seconds is not None]
    usual = float(np.median(known)) if known else 1.0
    return _People(np.array(ids, dtype=np.int64), np.array([one or usual for one in pace], dtype=np.float32))


def _seen(project: Project) -> dict[int, set[int]]:
    """Item -> who has answered or skipped it here."""
    said = Annotation.objects.current().filter(project=project, source=Annotation.Source.ANSWER)
    found: dict[int, set[int]] = {}
    for item, person in said.order_by().values_list("item_id", "annotator_id").iterator(chunk_size=5000):
        found.setdefault(item, set()).add(person)
    return found


def _opinions(known: _Known, whom: _People, share: float) -> list[Asked]:
    """Where votes and models leave a label less sure than the project asks for; none before a model may doubt."""
    informed, pool, project = known.result.informed, known.pool, known.round.project
    if informed is None:
        return []
    count = np.bincount(informed.votes.at, minlength=len(informed.items))
    wanted = overlap.unsettled(informed.confidence, count, confidence=project.confidence, most=project.overlap)
    wanted &= ~np.isin(informed.items, known.decided)
    doubtful = np.flatnonzero(wanted)
    doubtful = doubtful[np.argsort(informed.confidence[doubtful], kind="stable")[:LOOKED_AT]]
    ids = pool.ids[informed.items[doubtful]].tolist()
    seen = np.array([[int(person) in known.seen.get(item, ()) for item in ids] for person in whom.ids], dtype=bool)
    room = round(share * len(known.result.selection.items)) or project.batch_size
    best = overlap.most_telling(
        overlap.Doubtful(informed.posterior[doubtful], informed.votes.given[doubtful]),
        seen.reshape(len(whom.ids), len(ids)),
        overlap.confusions_of(whom.ids, informed),
        whom.seconds,
        count=room,
    )
    return [
        Asked(
            item=ids[one.place],
            standing=pool.label_id(int(informed.labels[doubtful[one.place]])),
            sure=float(informed.confidence[doubtful[one.place]]),
            uncalibrated=known.labels[ids[one.place]].uncalibrated,
            wanted=int(whom.ids[one.person]),
            draw=Query.Draw.OPINION,
            reason="A second look: somebody has answered it, and more than one opinion is wanted.",
        )
        for one in best
    ]


def _drawn(known: _Known, members: int) -> list[Asked]:
    """Items drawn evenly from all that one person or more, but not everybody, has answered, the audit's among them."""
    project, pool, seen = known.round.project, known.pool, known.seen
    made = project.queries.filter(draw=Query.Draw.RECHECK, state__in=[Query.State.ANSWERED, Query.State.HELD])
    twice = set(made.values_list("item_id", flat=True))
    due = round(RECHECKED * Budget.objects.get(project=project).settled) - len(twice)
    decided = set(pool.ids[known.decided].tolist())
    answered = pool.ids[pool.state == Item.State.ANSWERED].tolist()
    free = [item for item in answered if item not in twice | decided and len(seen.get(item, ())) < members]
    if due < 1 or not free:
        return []
    rng = np.random.default_rng([known.round.seed, 95])
    items = rng.permutation(np.array(free, dtype=np.int64))[: min(due, project.batch_size)].tolist()
    now = dict(Item.objects.filter(pk__in=items).values_list("pk", "label_id"))
    return [
        Asked(
            item=item,
            standing=known.labels[item].label if item in known.labels else now[item],
            sure=known.labels[item].sure if item in known.labels else None,
            uncalibrated=known.labels[item].uncalibrated if item in known.labels else None,
            wanted=None,
            draw=Query.Draw.RECHECK,
            reason="Drawn at random to be answered twice, to see how often people agree.",
            pool_size=len(free) - place,
            step=place + 1,
        )
        for place, item in enumerate(items)
    ]


def _labels(pool: Pool, result: RoundResult, before: RoundResult) -> dict[int, _Label]:
    if result.informed is None or before.informed is None:
        return {}
    ids = pool.ids[result.informed.items].tolist()
    labels = [pool.label_id(label) for label in result.informed.labels.tolist()]
    sure, raw = result.informed.confidence.tolist(), before.informed.confidence.tolist()
    return {item: _Label(*told) for item, *told in zip(ids, labels, sure, raw, strict=True)}


def store(found: Round, again: Again, *, sequence: int, chosen: int, step: int) -> None:
    """Replace what is still open of earlier rounds' second answers, spread evenly among the batch's questions.

    Left out is what somebody is asked, has answered, taken back or decided since the round's sequence number. chosen:
    questions of the batch; step: between their ranks.
    """
    project = found.project
    project.queries.open().asking_again().update(state=Query.State.WITHDRAWN)
    wanted = [one.item for one in again.asked]
    live = Query.objects.filter(item__in=wanted, state__in=[Query.State.OPEN, Query.State.HELD])
    later = Annotation.objects.filter(project=project, item__in=wanted, sequence__gt=sequence)
    free = Item.objects.filter(pk__in=wanted, state=Item.State.ANSWERED).exclude(confidence_source="review")
    free = free.exclude(pk__in=later.values("item"))
    askable = set(free.exclude(pk__in=live.values("item")).values_list("pk", flat=True))
    asked = [one for one in again.asked if one.item in askable]
    between = max(1.0, chosen / max(len(asked), 1))
    Query.objects.bulk_create(
        Query(
            project=project,
            round=found,
            item_id=one.item,
            draw=one.draw,
            strategy=str(one.draw),
            reason=one.reason,
            score=one.sure,
            uncalibrated=one.uncalibrated,
            rank=round((place + 1) * between * step) + step - 2,
            probability=1 / one.pool_size if one.pool_size else None,
            pool_size=one.pool_size,
            draw_step=one.step,
            wanted_id=one.wanted,
            standing_id=one.standing,
        )
        for place, one in enumerate(asked)
    )
    Project.objects.filter(pk=project.pk).update(review_share=again.share)
