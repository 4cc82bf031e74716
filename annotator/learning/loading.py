"""Rows -> arrays: what a round needs to know of a project."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcore.inputs import RoundInput
from alcore.protocols import Rows
from annotator.models import Annotation, Item, Label, Project, Query

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pool:
    """A project's items in the order of the arrays, and what each index stands for.

    ids: (items,) primary keys, ascending. labels: primary keys by label index; index K is out of scope.
    """

    ids: Ints
    folds: Ints
    audit: NDArray[np.str_]
    state: NDArray[np.str_]
    labels: tuple[int, ...]

    @property
    def out_of_scope(self) -> int:
        return len(self.labels)

    def index_of(self, item_ids: Ints) -> Ints:
        return np.searchsorted(self.ids, item_ids).astype(np.int64)

    def places(self) -> dict[int | None, int]:
        """Label index by primary key; None stands for out of scope."""
        return {**{label: place for place, label in enumerate(self.labels)}, None: self.out_of_scope}

    def label_id(self, index: int) -> int | None:
        """The label's primary key; None for out of scope."""
        return None if index == self.out_of_scope else self.labels[index]


@dataclass(frozen=True)
class Votes:
    """Current answers. item, annotator, label: (votes,); label K is out of scope; skipped ones are left out."""

    item: Ints
    annotator: Ints
    label: Ints
    review: NDArray[np.bool_]
    blind: NDArray[np.bool_]  # asked by Winnow, not brought by the file: what the audit counts


def load_pool(project: Project) -> Pool:
    rows = list(
        project.items.exclude(state=Item.State.WITHDRAWN)
        .order_by("id")
        .values_list("id", "fold", "audit", "state")
        .iterator(chunk_size=5000)
    )
    ids, folds, audit, state = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Pool(
        ids=np.array(ids, dtype=np.int64),
        folds=np.array(folds, dtype=np.int64),
        audit=np.array(audit, dtype=np.str_),
        state=np.array(state, dtype=np.str_),
        labels=tuple(Label.objects.filter(project=project).order_by("position").values_list("id", flat=True)),
    )


def load_votes(project: Project, pool: Pool, sequence: int) -> Votes:
    """Answers up to a sequence number. A review's decision stands in for all that was said on its item."""
    rows = (
        Annotation.objects.current()
        .filter(project=project, sequence__lte=sequence)
        .exclude(outcome=Annotation.Outcome.SKIPPED)
        .exclude(item__state=Item.State.WITHDRAWN)
        .order_by("sequence")
        .values_list("item_id", "annotator_id", "label_id", "source")
    )
    places = pool.places()
    table = [(item, person, places[label], source) for item, person, label, source in rows.iterator(chunk_size=5000)]
    items, people, labels, sources = zip(*table, strict=True) if table else ((), (), (), ())
    review = np.array([source == Annotation.Source.REVIEW for source in sources], dtype=bool)
    item = pool.index_of(np.array(items, dtype=np.int64))
    decided = np.isin(item, item[review])
    last = _last_per_item(item, review)
    keep = ~decided | last
    blind = np.array([source == Annotation.Source.ANSWER for source in sources], dtype=bool)
    return Votes(
        item[keep],
        np.array(people, dtype=np.int64)[keep],
        np.array(labels, dtype=np.int64)[keep],
        review[keep],
        blind[keep],
    )


def round_input(
    project: Project, pool: Pool, votes: Votes, features: Rows, groups: Ints, *, costs: Floats | None = None
) -> RoundInput:
    """groups: (items,) the position of the first item that each one nearly repeats. costs: (items,) of an answer."""
    audited = pool.audit != Item.Audit.NO
    train = ~audited[votes.item]
    trusted = np.zeros(len(pool.ids), dtype=bool)
    trusted[votes.item[votes.review]] = True
    audit_item = np.flatnonzero(audited).astype(np.int64)
    return RoundInput(
        features=features,
        folds=pool.folds,
        vote_item=votes.item[train],
        vote_annotator=votes.annotator[train],
        vote_label=votes.label[train],
        open=_open(project, pool) & ~audited,
        trusted=trusted,
        audit_item=audit_item,
        audit_label=audit_answers(pool, votes)[audit_item],
        audit_reporting=pool.audit[audit_item] == Item.Audit.REPORTING,
        groups=groups,
        at_random=_drawn_at_random(project, pool),
        costs=costs,
    )


def _drawn_at_random(project: Project, pool: Pool) -> NDArray[np.bool_]:
    """(items,) True where a random draw, not a strategy, had the item asked."""
    found = project.queries.answered().filter(draw=Query.Draw.RANDOM).values_list("item_id", flat=True)
    return np.asarray(np.isin(pool.ids, np.array(list(found), dtype=np.int64)), dtype=np.bool_)


def audit_answers(pool: Pool, votes: Votes) -> Ints:
    """(items,) label index by people's own answers (the first one given, else a review's); -1 where none."""
    answers = np.full(len(pool.ids), -1, dtype=np.int64)
    counts = votes.blind | votes.review
    for item, label in zip(votes.item[counts][::-1], votes.label[counts][::-1], strict=True):
        answers[item] = label
    return answers


def _open(project: Project, pool: Pool) -> NDArray[np.bool_]:
    """Items that may be asked: never asked, or waiting in an earlier round's batch, which this one replaces."""
    waiting = project.queries.open().chosen_by_rounds()
    replaced = np.array(list(waiting.values_list("item_id", flat=True)), dtype=np.int64)
    unasked = pool.state == Item.State.UNASKED
    return np.asarray(unasked | np.isin(pool.ids, replaced), dtype=np.bool_)


def _last_per_item(item: Ints, review: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Marks the last review of each item that has one."""
    last = np.zeros(len(item), dtype=bool)
    positions = np.flatnonzero(review)
    last[list({int(item[position]): int(position) for position in positions}.values())] = True
    return last
