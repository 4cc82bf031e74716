"""The label of each item and how sure it is, by all that people and models say: from a round into the items' rows."""

from collections.abc import Iterator

from alcore.rounds import RoundResult
from annotator.learning.loading import Pool
from annotator.models import Annotation, Item, Round

PIECE = 50  # rows to a write transaction, which stays under 50 ms
NOTICEABLE = 0.01  # a change of confidence worth a write
VOTES, MODEL, CONSENSUS = "votes", "model", "consensus"  # where a confidence comes from, beside review and bulk


def pieces(pool: Pool, result: RoundResult) -> Iterator[dict[int, tuple[int | None, float]]]:
    """Item -> its label and how sure it is, a piece at a time: with the models' say, where they are good enough."""
    told = result.informed or result.resolved
    labels = [pool.label_id(label) for label in told.labels.tolist()]
    rows = list(zip(pool.ids[told.items].tolist(), labels, told.confidence.tolist(), strict=True))
    for start in range(0, len(rows), PIECE):
        yield {item: (label, sure) for item, label, sure in rows[start : start + PIECE]}


def store(found: Round, seen: dict[int, tuple[int | None, float]], *, sequence: int, by_model: bool) -> None:
    """One piece, inside the caller's transaction; a review's decision and what was confirmed in bulk stay.

    Where people said different things the label is the one that their qualities and the model make likeliest, of those
    that somebody gave. Until there is a good enough model (`by_model`), and until a round has seen all that was said of
    an item, its majority stands.
    """
    later = Annotation.objects.filter(project=found.project_id, item__in=list(seen), sequence__gt=sequence)
    told = Item.objects.filter(id__in=list(seen), confidence_source__in=[VOTES, MODEL, CONSENSUS])
    settled = told.exclude(pk__in=later.values("item"))
    relabeled, surer = [], []
    for item in settled:
        label, sure = seen[item.pk]
        if item.label_id == label and _is_news(item, sure):
            surer.append(item)
        elif item.label_id != label and by_model:
            item.outcome = Item.Outcome.OUT_OF_SCOPE if label is None else Item.Outcome.LABEL
            item.label_id, item.confidence, item.confidence_source = label, sure, CONSENSUS
            relabeled.append(item)
    Item.objects.bulk_update(relabeled, ["outcome", "label", "confidence", "confidence_source"])
    Item.objects.bulk_update(surer, ["confidence", "confidence_source"])


def _is_news(item: Item, sure: float) -> bool:
    """Takes over how sure the label is, where that is worth a write."""
    if abs((item.confidence or 0) - sure) <= NOTICEABLE:
        return False
    item.confidence = sure
    item.confidence_source = CONSENSUS if item.confidence_source == CONSENSUS else MODEL
    return True
