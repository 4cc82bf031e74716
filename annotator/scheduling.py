"""When a round is due, and what becomes of rounds whose worker died. Rows only; nothing is sent from here."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max, OuterRef, Subquery
from django.utils import timezone

from annotator.errors import RefusedError
from annotator.models import Budget, Novelty, Project, Query, Round, Worker

LEARNER_SILENT_AFTER = timedelta(seconds=20)  # four missed heartbeats
ROUND_STALE_AFTER = timedelta(seconds=60)
RETRY_AFTER = timedelta(minutes=5)  # a round that failed may fail again; a person may start one at any time
ATTEMPTS = 50  # a round that was started this often without an end is given up, so that nothing loops for ever


def open_round_if_due(project: Project) -> Round | None:
    """A queued round, if enough answers came in or the open queries run low; None if there is no need."""
    if not project.is_active or project.item_count == 0:
        return None
    cause = _cause(project)
    return start_round(project, cause=cause) if cause else None


def start_round(project: Project, *, cause: str) -> Round | None:
    """Queue a round; None if one is under way (promise 5, held by the database)."""
    number = (project.rounds.aggregate(last=Max("number"))["last"] or 0) + 1
    try:
        with transaction.atomic():
            return Round.objects.create(
                project=project,
                number=number,
                cause=cause,
                strategy=project.strategy,
                seed=(project.seed + number) % 2**31,
            )
    except IntegrityError:
        return None


def train_now(project: Project) -> Round:
    """A round at the owner's wish."""
    if not project.is_active:
        raise RefusedError("This project is paused or archived; resume it first.")
    if project.item_count == 0:
        raise RefusedError("There are no items yet; import some first.")
    found = start_round(project, cause="Started by the owner")
    if found is None:
        raise RefusedError("A round is already under way.")
    return found


def sweep() -> list[int]:
    """Ids of rounds to wake again: queued ones, those of a worker that is gone, and those that fell silent."""
    boots = set(Worker.objects.values_list("boot", flat=True))
    stale_before = timezone.now() - ROUND_STALE_AFTER
    for found in Round.objects.filter(state=Round.State.RUNNING):
        if found.boot not in boots or found.heartbeat_at is None or found.heartbeat_at < stale_before:
            requeue(found)
    return list(Round.objects.filter(state=Round.State.QUEUED).values_list("id", flat=True))


def requeue(found: Round) -> None:
    """Put a dead attempt back into the queue; it is the attempt number that keeps a late corpse from storing."""
    gone = Round.objects.filter(pk=found.pk, state=Round.State.RUNNING, attempt=found.attempt)
    if found.attempt >= ATTEMPTS:
        gone.update(
            state=Round.State.FAILED,
            error=f"The worker died {ATTEMPTS} times on this round.",
            finished_at=timezone.now(),
        )
    else:
        gone.update(state=Round.State.QUEUED, boot="", step="", progress=0)


def learner_is_alive() -> bool:
    return Worker.objects.filter(queue="learner", seen_at__gte=timezone.now() - LEARNER_SILENT_AFTER).exists()


def answers_since_round(project: Project) -> int:
    """Annotations that the latest round has not seen."""
    return _unseen(project, _budget(project))


def _unseen(project: Project, budget: Budget) -> int:
    last = project.rounds.exclude(state=Round.State.FAILED).order_by("-number").first()
    return budget.sequence - (last.sequence if last else 0)


def _cause(project: Project) -> str:
    if project.rounds.unfinished().exists():
        return ""
    made = Novelty.objects.filter(project=project, state=Novelty.State.PROMOTED, decided_at__gt=OuterRef("started_at"))
    new_label = Subquery(made.values("label__name")[:1])  # that no round knows yet
    last = project.rounds.annotate(new_label=new_label).order_by("-number").first()
    if last is None:
        return "The first batch"
    if last.state == Round.State.FAILED:
        rested = last.finished_at is None or last.finished_at <= timezone.now() - RETRY_AFTER
        return f"Round {last.number} failed" if rested else ""
    return _news(project, vars(last)["new_label"])


def _news(project: Project, new_label: str | None) -> str:
    """What has come since the last round that is worth another."""
    budget = _budget(project)
    waiting = _unseen(project, budget)
    if waiting >= project.batch_size:
        return f"{waiting} new answers"
    if new_label:
        return f"A label was made: {new_label}"[:200]
    if waiting > 0 and budget.unasked > 0:
        return "The open questions run low" if _runs_low(project) else ""
    return "Everything has been asked" if waiting > 0 and _may_ask_again(project) else ""


def _may_ask_again(project: Project) -> bool:
    """Where nothing is left to ask: another person may be asked what is doubtful.

    Second answers that still wait are no reason not to look again: who is there may not be able to give them.
    """
    if project.overlap < 2 or project.memberships.count() < 2 or project.queries.held().exists():
        return False
    return not project.queries.open().exclude(draw__in=Query.AGAIN).exists()


def _runs_low(project: Project) -> bool:
    """Less than half a batch of the learner's questions left."""
    left = project.queries.open().chosen_by_rounds()[: project.batch_size // 2 + 1]
    return len(left) <= project.batch_size // 2


def _budget(project: Project) -> Budget:
    """Read anew: the copy that a project object carries may be older than the last answer."""
    return Budget.objects.get(project=project)
