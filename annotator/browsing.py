"""Find items and tell their history. Pages go by key, so that the last costs what the first does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotator.models import Annotation, Item, Project, Proposal, Query

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page:
    """Some items in the order of their import, and where the next page starts."""

    items: list[Item]
    next_after: int | None


def search(project: Project, wanted: Mapping[str, Any]) -> Page:
    """Items that meet every wish given: q, outcome, label, person (a user id), round (its number), after (an id)."""
    found = _matching(project.items.select_related("label"), wanted).filter(pk__gt=wanted.get("after") or 0)
    items = list(found.order_by("pk")[: PAGE_SIZE + 1])
    more = len(items) > PAGE_SIZE
    return Page(items[:PAGE_SIZE], items[PAGE_SIZE - 1].pk if more else None)


def _matching(items: QuerySet[Item], wanted: Mapping[str, Any]) -> QuerySet[Item]:
    if text := wanted.get("q"):
        items = items.filter(Q(key__icontains=text) | Q(text__icontains=text))
    if outcome := wanted.get("outcome"):
        items = items.filter(state=outcome) if outcome in Item.State.values else items.filter(outcome=outcome)
    if label := wanted.get("label"):
        items = items.filter(label=label)
    if person := wanted.get("person"):
        said = Annotation.objects.current().filter(item=OuterRef("pk"), annotator_id=person)
        items = items.filter(Exists(said))
    if number := wanted.get("round"):
        items = items.filter(Exists(Query.objects.filter(item=OuterRef("pk"), round__number=number)))
    return items


def history(item: Item) -> list[Annotation]:
    """Every answer on the item, undone and replaced ones too, the latest first."""
    return list(
        item.annotations.select_related("annotator", "label", "query__round", "superseded_by", "supersedes").order_by(
            "-sequence"
        )
    )


def proposals(item: Item) -> list[Proposal]:
    """What people confirmed or declined of what the model proposed for the item, the latest first."""
    decided = item.proposals.filter(state__in=[Proposal.State.CONFIRMED, Proposal.State.DECLINED])
    return list(decided.select_related("annotator", "label", "round").order_by("-decided_at"))


def people_who_answered(project: Project) -> list[tuple[int, str]]:
    """Members by id and name; who left is found by the answers' export."""
    return list(project.memberships.order_by("user__username").values_list("user_id", "user__username"))
