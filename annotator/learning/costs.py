"""What an answer costs, learned from the time that people took: for texts, by their length."""

from typing import Any

import numpy as np
from django.db.models import Count
from django.db.models.functions import Length
from numpy.typing import NDArray
from scipy import stats

from annotator.learning.loading import Pool
from annotator.models import Annotation, Item, Project

FEWEST = 30  # timed answers to learn from
OF_ONE = 5  # of a person, to know what is usual for them
NEWEST = 1_000
LEAST = 0.1  # of a usual answer: what the shortest text costs at least
KEY = "cost"  # of the guard


def of_items(project: Project, pool: Pool) -> NDArray[np.float32] | None:
    """(items,) the time that an answer to each will likely take, 1 for the usual one; None where nobody can tell.

    A line through answers by their text's length, of median slopes, so that a break in between moves nothing (Theil
    1950; Sen 1968). Each person's times count against their own median. None without the guard that asks for costs,
    for items that are no texts, below 30 timed answers, or where longer texts do not surely take longer.
    """
    if KEY not in project.guards or project.kind != Project.Kind.TEXT:
        return None
    lengths, times = _timed(project)
    if len(times) < FEWEST or np.ptp(lengths) == 0:
        return None
    line = stats.theilslopes(times, lengths, alpha=0.95)
    if not line.low_slope > 0:
        return None
    seen = np.clip(_lengths(project, pool), lengths.min(), lengths.max())  # nothing is known of longer ones
    return np.asarray(np.maximum(line.intercept + line.slope * seen, LEAST), dtype=np.float32)


def _timed(project: Project) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of the text and time against the person's median of the newest answers, both (answers,)."""
    answers = Annotation.objects.current().filter(
        project=project, source=Annotation.Source.ANSWER, late=False, seconds__gt=0
    )
    answers = answers.exclude(outcome=Annotation.Outcome.SKIPPED)
    known = answers.values("annotator").annotate(count=Count("id")).filter(count__gte=OF_ONE).values("annotator")
    newest = answers.filter(annotator__in=known).order_by("-sequence")
    rows = list(newest.values_list("annotator_id", Length("item__text"), "seconds")[:NEWEST])
    table: NDArray[Any] = np.array(rows, dtype=np.float64).reshape(-1, 3)
    times = table[:, 2].copy()
    for person in np.unique(table[:, 0]):
        mine = table[:, 0] == person
        times[mine] /= np.median(times[mine])
    return table[:, 1], times


def _lengths(project: Project, pool: Pool) -> NDArray[np.float64]:
    """(items,) characters of each text."""
    rows = Item.objects.filter(project=project).values_list("id", Length("text")).iterator(chunk_size=5000)
    ids, lengths = np.array(list(rows), dtype=np.int64).reshape(-1, 2).T
    order = np.argsort(ids)
    return lengths[order][np.searchsorted(ids[order], pool.ids)].astype(np.float64)
