"""The audit's record: each round keeps its predictions, so that later answers sharpen earlier points."""

from pathlib import Path

import numpy as np

from alcore import evaluation
from annotator.learning import artifacts
from annotator.learning.loading import Ints, Pool, Votes, audit_answers
from annotator.models import Item, Project, Round

OUT_OF_SCOPE = -2  # in the stored predictions, where label ids are positive


def keep_predictions(found: Round, pool: Pool, items: Ints, predictions: Ints) -> None:
    """Write a round's predictions for all audit items, by ids, so that they outlive a change of the label set."""
    if (predictions < 0).any():  # no model yet
        return
    labels = np.array([pool.label_id(int(index)) or OUT_OF_SCOPE for index in predictions], dtype=np.int64)
    artifacts.write_arrays(_path(found), items=pool.ids[items], labels=labels)


def sharpen(project: Project, pool: Pool, votes: Votes) -> None:
    """Measure every round again on all reporting answers given so far."""
    answers = audit_answers(pool, votes)
    for found in project.rounds.filter(state=Round.State.DONE):
        path = _path(found)
        if path.exists():
            _measure(found, pool, answers, artifacts.read_arrays(path))


def _measure(found: Round, pool: Pool, answers: Ints, kept: dict[str, Ints]) -> None:
    known = np.isin(kept["items"], pool.ids)
    index = pool.index_of(kept["items"][known])
    counts = (pool.audit[index] == Item.Audit.REPORTING) & (answers[index] >= 0)
    said = np.array([pool.label_id(int(answer)) or OUT_OF_SCOPE for answer in answers[index][counts]], dtype=np.int64)
    estimate = evaluation.audit_estimate(kept["labels"][known][counts], said)
    Round.objects.filter(pk=found.pk).update(
        audit_answered=estimate.answered,
        accuracy=estimate.accuracy if estimate.enough else None,
        accuracy_low=estimate.low if estimate.enough else None,
        accuracy_high=estimate.high if estimate.enough else None,
    )


def _path(found: Round) -> Path:
    return artifacts.folder(found.project_id) / f"round-{found.number}-audit.npz"
