"""What a round notices beside its model: out-of-scope answers that look alike, new items unlike the labeled ones."""

from dataclasses import dataclass

import numpy as np

from alcore import drift, novelty
from alcore.consensus import Consensus
from alcore.protocols import Rows
from annotator.learning.loading import Pool
from annotator.models import Item, LabelIssue, Novelty, Project, Round

SAME = 0.5  # of the smaller one's items, and two groups are one that has changed
REMEMBERED = 5  # rounds, after which a group that was not found again is forgotten
GROWN = 1.5  # times what was dismissed, and it is offered again
State = Novelty.State


@dataclass(frozen=True)
class Noticed:
    """groups: item ids, the most typical first; the largest group first. notes: for the round's row."""

    groups: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()


def notice(found: Round, pool: Pool, resolved: Consensus, features: Rows) -> Noticed:
    """Look at the answers and the items of a round that was computed; nothing is written."""
    project = found.project
    return Noticed(_groups(project, pool, resolved, features), _drifted(project, pool, resolved, features))


def store(found: Round, noticed: Noticed) -> None:
    """Bring the project's groups up to date, inside the transaction that publishes the round.

    An open group grows and shrinks with what the round found, and is withdrawn where it found it no more. A dismissed
    one comes back when it has grown by half; a promoted one is past, and its answers wait for their review.
    """
    known = list(found.project.novelties.exclude(state=State.PROMOTED))
    for items in filter(None, (_still_outside(found.project, group) for group in noticed.groups)):
        match = _same(items, known)
        if match is None:
            Novelty.objects.create(project=found.project, round=found, items=list(items), size=len(items))
            continue
        known.remove(match)
        if match.state != State.DISMISSED or len(items) >= GROWN * match.size:
            _found_again(match, found, items)
    gone = [each.pk for each in known if each.state == State.OPEN]
    Novelty.objects.filter(pk__in=gone).update(state=State.WITHDRAWN)
    past = found.project.novelties.filter(state=State.WITHDRAWN, round__number__lt=found.number - REMEMBERED)
    past.delete()


def _still_outside(project: Project, group: tuple[int, ...]) -> tuple[int, ...]:
    """Without what was decided, or sent back to people, while the round was computed; empty where too few are left."""
    sent = project.issues.filter(state=LabelIssue.State.OPEN, cause=LabelIssue.Cause.NOVELTY)
    items = project.items.filter(pk__in=group, outcome=Item.Outcome.OUT_OF_SCOPE)
    left = set(items.exclude(pk__in=sent.values("item")).values_list("pk", flat=True))
    kept = tuple(item for item in group if item in left)
    return kept if len(kept) >= novelty.FEWEST else ()


def _found_again(match: Novelty, found: Round, items: tuple[int, ...]) -> None:
    match.round, match.items, match.size = found, list(items), len(items)
    match.state, match.decided_by, match.decided_at = State.OPEN, None, None
    match.save()


def _same(items: tuple[int, ...], known: list[Novelty]) -> Novelty | None:
    """The known group that shares the most items with this one, if they share enough."""
    shares = [(_shared(items, each.items), each) for each in known]
    share, best = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    return best if share >= SAME else None


def _shared(first: tuple[int, ...], second: list[int]) -> float:
    return len(set(first) & set(second)) / max(1, min(len(first), len(second)))


def _groups(project: Project, pool: Pool, resolved: Consensus, features: Rows) -> tuple[tuple[int, ...], ...]:
    """Without answers that wait for a decision since a label was made of their like."""
    outside = resolved.labels == pool.out_of_scope
    waiting = project.issues.filter(state=LabelIssue.State.OPEN, cause=LabelIssue.Cause.NOVELTY)
    past = np.isin(pool.ids[resolved.items], list(waiting.values_list("item", flat=True)))
    outliers = resolved.items[outside & ~past]
    if len(outliers) < novelty.FEWEST:
        return ()
    within = resolved.items[~outside]
    found = novelty.look_alike(
        np.asarray(features[outliers], dtype=np.float32),
        np.asarray(features[within], dtype=np.float32),
        resolved.labels[~outside],
        seed=project.seed,
    )
    return tuple(tuple(pool.ids[outliers[group.items]].tolist()) for group in found)


def _drifted(project: Project, pool: Pool, resolved: Consensus, features: Rows) -> tuple[str, ...]:
    """One sentence where the latest items lie farther from what is labeled than those before them.

    Told by the audit's members, which are uniform over what came, whether they are answered or not.
    """
    since = _last_round_before_new_items(project)
    if since is None:
        return ()
    audited = np.flatnonzero(pool.audit != Item.Audit.NO)
    since_then = project.items.filter(created_at__gt=since.started_at).order_by("pk")
    is_new = pool.ids[audited] >= (since_then.values_list("pk", flat=True).first() or 0)
    parts = (audited[is_new], audited[~is_new], resolved.items)
    new, earlier, labeled = (np.asarray(features[part], dtype=np.float32) for part in parts)
    found = drift.drift(new, earlier, labeled, seed=project.seed)
    if found is None or not found.matters:
        return ()
    return (
        f"New items look different from what has been labeled: one that came since round {since.number} began lies "
        f"farther from the labeled ones than an earlier item {100 * found.farther:.0f} times in a hundred "
        f"({found.new} new and {found.earlier} earlier ones of the audit compared).",
    )


def _last_round_before_new_items(project: Project) -> Round | None:
    """The latest round since whose start enough of the audit's items have come to say something of the new ones."""
    audited = project.items.filter(audit__in=[Item.Audit.CHOICES, Item.Audit.REPORTING])
    enough = list(audited.order_by("-pk").values_list("created_at", flat=True)[: drift.FEWEST])
    if len(enough) < drift.FEWEST:
        return None
    return project.rounds.filter(started_at__lt=enough[-1], state=Round.State.DONE).order_by("-number").first()
