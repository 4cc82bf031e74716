"""One round from its row to its row: take it, compute it, store it once."""

import logging
import threading
import time
import traceback
from dataclasses import replace

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone

from alcore.configuration import RoundConfig
from alcore.inputs import RoundInput
from alcore.rounds import RoundResult, run_round
from annotator import certifying, promoting
from annotator.learning import (
    auditing,
    costs,
    encoding,
    keeping,
    loading,
    measuring,
    noticing,
    opinions,
    storing,
    suspecting,
    training,
    worth,
)
from annotator.learning.keeping import Basis
from annotator.learning.storing import AttemptLostError, Outcome, Seen
from annotator.models import Budget, Project, Round
from annotator.workers import BOOT
from models_zoo import device
from models_zoo.crossfit import CrossFitted

HEARTBEAT_SECONDS = 1.0
logger = logging.getLogger(__name__)


def run(round_id: int) -> Project | None:
    """Run a queued round; returns its project, or None where there was nothing to do."""
    found = begin(round_id)
    if found is None:
        return None
    pulse = Pulse(found)
    try:
        compute_and_store(found, pulse)
    except AttemptLostError:
        logger.info("Round %s was taken over by a later attempt", found.pk)
        return None
    except Exception as error:  # whatever went wrong belongs on the round's row, for the owner to read
        _fail(found, error)
    finally:
        pulse.stop()
    return found.project


def begin(round_id: int) -> Round | None:
    """Take the round: queued -> running, in one conditional update, so that only one worker gets it."""
    now = timezone.now()
    taken = Round.objects.filter(pk=round_id, state=Round.State.QUEUED).update(
        state=Round.State.RUNNING, attempt=F("attempt") + 1, boot=BOOT, started_at=now, heartbeat_at=now, error=""
    )
    return Round.objects.select_related("project").get(pk=round_id) if taken else None


def compute_and_store(found: Round, pulse: "Pulse") -> None:
    """load -> encode -> run_round -> store, with the seconds of each."""
    project = found.project
    started = time.perf_counter()
    promoting.finish(project)
    sequence = Budget.objects.get(project=project).sequence
    pool = loading.load_pool(project)
    votes = loading.load_votes(project, pool, sequence)
    loaded = time.perf_counter()
    encodings = encoding.features_of(project, pool, lambda share: pulse.report("encode", share))
    encoded = time.perf_counter()
    cost = costs.of_items(project, pool)
    data = loading.round_input(project, pool, votes, encodings.features, encodings.groups, costs=cost)
    head, basis = training.head_of(project), keeping.basis_of(project, pool, encodings)
    data = replace(data, memory=keeping.memory(project, pool) if project.goes_on else None)
    told = _compute(found, data, head, basis, pulse)
    result = opinions.recalibrated(project, told)
    computed = time.perf_counter()
    pulse.report("notice", 0.0)
    seen = Seen(
        noticed=noticing.notice(found, pool, result.resolved, data.features),
        people=measuring.measure(project, pool, result, sequence),
        again=opinions.plan(found, pool, votes, result, before=told),
        suspected=suspecting.look(pool, data, result, cleaning=project.cleaning),
        worth=worth.compare(project, pool, data, result, sequence),
    )
    began = time.perf_counter()
    pulse.report("store", 0.0)
    auditing.keep_predictions(found, pool, data.audit_item, result.audit_predictions)
    keeping.keep(found, head, basis)
    if result.training is not None and project.goes_on:
        keeping.keep_memory(found, result.training.memory, pool)
    timings = {"load": loaded - started, "encode": encoded - loaded, **result.timings, "notice": began - computed}
    trained = project.head if head.is_trained else ""
    storing.store(Outcome(found, pool, result, sequence, timings, began, trained, seen))
    keeping.forget_old(project)
    auditing.sharpen(project, pool, votes)


def _compute(found: Round, data: RoundInput, head: CrossFitted, basis: Basis, pulse: "Pulse") -> RoundResult:
    project = found.project
    device.use_threads(settings.WORKER_THREADS)
    imprecise = certifying.imprecision(project)
    config = RoundConfig(
        labels=len(basis.labels),
        strategy=found.strategy,
        batch=2 * project.batch_size,  # the batch, and as many behind it while the next round is computed
        random_share=project.random_share,
        seed=found.seed,
        cleaning=project.cleaning,
        suspects=project.suspects,
        guards=tuple(project.guards),
        certify=project.certify and not imprecise,
        replay=project.replay if project.goes_on else "",
        semi_supervised=project.semi_supervised,
    )
    looks_back = project.goes_on or "contrastive" in project.guards
    previous = keeping.previous(project, basis) if looks_back else None
    result = run_round(data, config, head, previous=previous, report=pulse.report)
    return replace(result, notes=(*result.notes, imprecise)) if imprecise else result


def _fail(found: Round, error: Exception) -> None:
    logger.exception("Round %s failed", found.pk)
    last = traceback.extract_tb(error.__traceback__)[-1]
    Round.objects.filter(pk=found.pk, state=Round.State.RUNNING, attempt=found.attempt).update(
        state=Round.State.FAILED,
        error=f"{type(error).__name__}: {error} ({last.name}, line {last.lineno})",
        finished_at=timezone.now(),
    )


class Pulse:
    """A round's heartbeat and progress, written by a thread of its own while the round is computed."""

    def __init__(self, found: Round) -> None:
        self._row = Round.objects.filter(pk=found.pk, attempt=found.attempt, state=Round.State.RUNNING)
        self._now: tuple[str, float] = ("load", 0.0)
        self._lost = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"round-{found.pk}", daemon=True)
        self._thread.start()

    def report(self, step: str, share: float) -> None:
        """Note the step and its share done (0 to 1); stops the round if another attempt has taken over."""
        self._now = (step, share)
        if self._lost.is_set():
            raise AttemptLostError

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._end.wait(HEARTBEAT_SECONDS):
            step, share = self._now
            try:
                alive = self._row.update(heartbeat_at=timezone.now(), step=step, progress=share)
            except DatabaseError:
                logger.exception("A heartbeat could not be written")
                connection.close()
            else:
                self._end_if_lost(alive)
        connection.close()

    def _end_if_lost(self, alive: int) -> None:
        if not alive and not self._end.is_set():
            self._lost.set()
