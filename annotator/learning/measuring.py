"""What a round learns of the people: how often each one is right, by all other evidence of the same items."""

import numpy as np

from alcore import consensus, people
from alcore.consensus import ABSTAINED, Consensus
from alcore.people import Person
from alcore.rounds import RoundResult
from annotator.learning.loading import Floats, Ints, Pool
from annotator.models import Annotation, Item, Project, Quality, Round

DECIDED = 0.99  # probability of what a review decided
Outcome = Annotation.Outcome


def measure(project: Project, pool: Pool, result: RoundResult, sequence: int) -> tuple[Person, ...]:
    """Judge everybody who answered, blind, up to a sequence number; nothing is written.

    The evidence on an item is a review's decision, other people's answers, and models that never saw it; of the audit's
    items people alone, for the model never judges the audit.
    """
    rows = _answers(project, pool, sequence)
    if not len(rows):
        return ()
    item, person, label, _ = rows.T
    resolved = consensus.resolve(item, person, label, classes=len(pool.labels) + 1)
    return people.measure(resolved, _prior(project, pool, result, resolved, sequence), _order(resolved, rows))


def store(found: Round, measured: tuple[Person, ...], pool: Pool) -> None:
    """Bring the project's rows up to date, inside the transaction that publishes the round."""
    rows = [_row(found, each, pool) for each in measured]
    fields = [field.name for field in Quality._meta.concrete_fields if field.name not in ("id", "project", "annotator")]
    Quality.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["project", "annotator"], update_fields=fields
    )
    found.project.qualities.exclude(annotator__in=[row.annotator_id for row in rows]).delete()


def _answers(project: Project, pool: Pool, sequence: int) -> Ints:
    """(answers, 4): item, person, label or ABSTAINED, sequence; of what people said here, in the order they said it."""
    said = (
        Annotation.objects.current()
        .filter(project=project, sequence__lte=sequence, source=Annotation.Source.ANSWER)
        .exclude(item__state=Item.State.WITHDRAWN)
    )
    places = pool.places()
    rows = [
        (item, person, ABSTAINED if outcome == Outcome.SKIPPED else places[label], when)
        for item, person, outcome, label, when in said.order_by("sequence").values_list(
            "item_id", "annotator_id", "outcome", "label_id", "sequence"
        )
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    table[:, 0] = pool.index_of(table[:, 0])
    return table


def _prior(project: Project, pool: Pool, result: RoundResult, resolved: Consensus, sequence: int) -> Floats:
    """(labeled, classes): what is known of each item beside these answers."""
    shares = resolved.posterior.mean(axis=0) if len(resolved.items) else np.zeros(len(pool.labels) + 1)
    prior = np.tile(shares, (len(resolved.items), 1)).astype(np.float32)
    if result.prior is not None:
        _, here, there = np.intersect1d(resolved.items, result.resolved.items, return_indices=True)
        prior[here] = result.prior[there]
    decided = Annotation.objects.current().filter(
        project=project, sequence__lte=sequence, source=Annotation.Source.REVIEW
    )
    places = pool.places()
    last = {item: label for item, label in decided.order_by("sequence").values_list("item_id", "label_id")}
    for place, item in enumerate(pool.ids[resolved.items].tolist()):
        if item in last:
            prior[place] = (1 - DECIDED) / max(1, prior.shape[1] - 1)
            prior[place, places[last[item]]] = DECIDED
    return prior


def _order(resolved: Consensus, rows: Ints) -> Ints:
    """(votes,) when each vote that counts was given."""
    votes = resolved.votes
    when = {(int(item), int(person)): int(at) for item, person, _, at in rows}
    pairs = zip(resolved.items[votes.at].tolist(), votes.people[votes.who].tolist(), strict=True)
    return np.array([when[pair] for pair in pairs], dtype=np.int64)


def _row(found: Round, person: Person, pool: Pool) -> Quality:
    return Quality(
        project=found.project,
        annotator_id=person.person,
        round=found,
        answers=person.answers,
        skipped=person.abstained,
        value=person.quality.value,
        low=person.quality.low,
        high=person.quality.high,
        judged=person.quality.judged,
        latest=person.latest.value if person.latest else None,
        before=person.before.value if person.before else None,
        changed=person.changed,
        confused=[
            {
                "true": pool.label_id(pair.true),
                "given": pool.label_id(pair.given),
                "expected": round(pair.expected, 1),
                "of": round(pair.of, 1),
            }
            for pair in person.confused
        ],
        curve=[None if value is None else round(value, 3) for value in person.curve],
    )
