"""Labels on their way out: one row an item, streamed by key in pages, with everything that is known of its origin."""

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from annotator.models import Annotation, Item, LabelIssue, Project, Proposal, Query

PAGE = 500  # items read at once: memory stays flat however many there are
# of the query that an answer came by: column in the export -> field
QUERY_FIELDS = {
    "query": "query_id",
    "round": "query__round__number",
    "strategy": "query__strategy",
    "draw": "query__draw",
    "score": "query__score",
    "rank": "query__rank",
    "probability": "query__probability",
    "step": "query__draw_step",
    "pool_size": "query__pool_size",
}
# of a label confirmed in bulk; in the CSV each is a column of its own, "certified_label" and so on
CERTIFIED = ("label", "annotator", "at", "round", "confidence", "precision", "checked", "overruled")
CSV_COLUMNS = (
    "id", "content", "label", "outcome", "confidence", "confidence_source", "audit", "fold",
    "round", "strategy", "draw", "probability", "annotations", "open_issues",
    *(f"certified_{name}" for name in CERTIFIED),
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def rows(project: Project) -> Iterator[dict[str, Any]]:
    """Every item that somebody said something about or confirmed in bulk, in the order of import."""
    last = 0
    while page := _items(project, last):
        last = page[-1]["id"]
        ids = [item["id"] for item in page]
        said, issues, certified = _annotations(project, ids), _issues(ids), _certified(project, ids)
        for item in page:
            row = _row(project, item, said[item["id"]], certified.get(item["id"]))
            yield {**row, "label_issues": issues[item["id"]]}


def json_lines(project: Project) -> Iterator[str]:
    for row in rows(project):
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def csv_lines(project: Project) -> Iterator[str]:
    """One line an item; what a spreadsheet would take for a formula is quoted with an apostrophe."""
    yield _csv_line(CSV_COLUMNS)
    for row in rows(project):
        flat = {
            **row,
            "annotations": sum(said["current"] for said in row["annotations"]),
            "open_issues": sum(issue["state"] == LabelIssue.State.OPEN for issue in row["label_issues"]),
            **{f"certified_{name}": (row["certified"] or {}).get(name) for name in CERTIFIED},
        }
        yield _csv_line(_safe(flat[column]) for column in CSV_COLUMNS)


def _items(project: Project, after: int) -> list[dict[str, Any]]:
    of_item = {"item": OuterRef("pk")}
    known = Q(Exists(Annotation.objects.filter(**of_item))) | Q(Exists(Proposal.objects.confirmed().filter(**of_item)))
    said = Item.objects.filter(known, project=project, id__gt=after)
    fields = ("id", "key", "text", "row", "file", "outcome", "label__name", "confidence", "confidence_source")
    return list(said.order_by("id").values(*fields, "audit", "fold")[:PAGE])


def _annotations(project: Project, items: list[int]) -> dict[int, list[dict[str, Any]]]:
    fields = ("item_id", "sequence", "annotator_id", "outcome", "label__name", "source", "late", "paid", "seconds")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    said = Annotation.objects.filter(item_id__in=items).order_by("sequence")
    for row in said.values(*fields, "created_at", "superseded_by", *QUERY_FIELDS.values()).iterator():
        found[row["item_id"]].append(_annotation(project, row))
    return found


def _annotation(project: Project, row: dict[str, Any]) -> dict[str, Any]:
    asked = {name: row[column] for name, column in QUERY_FIELDS.items()}
    return {
        "sequence": row["sequence"],
        "annotator": pseudonym(project, row["annotator_id"]),
        "outcome": row["outcome"],
        "label": row["label__name"],
        "source": row["source"],
        "current": row["superseded_by"] is None and row["outcome"] != Annotation.Outcome.UNDONE,
        "late": row["late"],
        "paid": row["paid"],
        "seconds": row["seconds"],
        "created_at": row["created_at"].isoformat(),
        **asked,
    }


def pseudonym(project: Project, user_id: int) -> str:
    """The same person has the same name in every export of a project, and another one in other projects."""
    secret = f"{project.pk}:{project.seed}:{user_id}"
    return f"annotator-{hashlib.blake2b(secret.encode(), digest_size=4).hexdigest()}"


def _issues(items: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    fields = ("item_id", "given__name", "expected__name", "cause", "quality", "state", "round__number")
    for row in LabelIssue.objects.filter(item_id__in=items).order_by("id").values(*fields):
        found[row["item_id"]].append(
            {
                "given": row["given__name"],
                "expected": row["expected__name"],
                "cause": row["cause"],
                "quality": row["quality"],
                "state": row["state"],
                "round": row["round__number"],
            }
        )
    return found


def _certified(project: Project, items: list[int]) -> dict[int, dict[str, Any]]:
    """Labels confirmed in bulk, by item: they stay, whatever was answered since."""
    confirmed = Proposal.objects.confirmed().filter(item_id__in=items).values(
        "item_id", "label__name", "annotator_id", "decided_at", "round__number", "confidence", "precision",
        "check_query__state", "item__label__name",
    )  # fmt: skip
    return {
        row["item_id"]: {
            "label": row["label__name"],
            "annotator": pseudonym(project, row["annotator_id"]),
            "at": row["decided_at"] and row["decided_at"].isoformat(),
            "round": row["round__number"],
            "confidence": row["confidence"],
            "precision": row["precision"],
            "checked": row["check_query__state"] == Query.State.ANSWERED,
            "overruled": row["item__label__name"] != row["label__name"],
        }
        for row in confirmed
    }


def _row(
    project: Project, item: dict[str, Any], said: list[dict[str, Any]], certified: dict[str, Any] | None
) -> dict[str, Any]:
    asked = _decided_by(item, said)
    if asked is None and certified and item["confidence_source"] == "certified":
        asked = {"round": certified["round"], "strategy": None, "draw": "certified", "probability": None}
    return {
        "id": item["key"],
        "content": _content(project, item),
        "label": item["label__name"],
        "outcome": item["outcome"] or None,
        "confidence": item["confidence"],
        "confidence_source": item["confidence_source"] or None,
        "audit": item["audit"] or None,
        "fold": item["fold"],
        **{name: asked[name] if asked else None for name in ("round", "strategy", "draw", "probability")},
        "annotations": said,
        "certified": certified,
    }


def _decided_by(item: dict[str, Any], said: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The answer by whose query the item came to its label: the first that agrees, paid ones before late extras."""
    agree = [
        one
        for one in said
        if one["current"] and one["query"] is not None
        if (one["outcome"], one["label"]) == (item["outcome"], item["label__name"])
    ]
    standing = [one for one in said if one["current"] and one["paid"]]  # where a review overruled what was asked
    return min(agree, key=lambda one: not one["paid"], default=next(iter(standing), None))


def _content(project: Project, item: dict[str, Any]) -> Any:
    if project.kind == Project.Kind.IMAGE:
        return reverse("item-image", args=[project.slug, item["id"]])
    return item["row"] if project.kind == Project.Kind.TABLE else item["text"]


def _safe(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _csv_line(cells: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()
