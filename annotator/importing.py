"""Records -> items: caller ids kept, a repeat adds nothing, every bad row named by its line."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count, F, Max, Min, Q
from django.utils import timezone

from annotator import budgeting, pictures, reading
from annotator.errors import InvalidInputError, RefusedError
from annotator.models import Annotation, Budget, Import, Item, Label, Project, Vector
from annotator.reading import Options, Read, Record, Rejected

PIECE = 200  # rows to a write transaction, which stays under 50 ms
REPORT_EVERY = 20  # rows; large images take long, and a silent import is taken for dead
MOST_LABELS = 500  # that files may bring to a project
VECTOR_COLUMN = "vector"  # where no other is named
MOST_ERRORS = 100  # kept by line; the rest is only counted
WAITED_TOO_LONG = timedelta(seconds=10)
STALE_AFTER = timedelta(seconds=30)
Report = Callable[["Outcome"], None]


@dataclass
class Outcome:
    """What became of the rows."""

    added: int = 0
    repeated: int = 0
    rejected: int = 0
    line: int = 0  # the last one read
    errors: list[dict[str, Any]] = field(default_factory=list)

    def reject(self, line: int, message: str) -> None:
        self.rejected += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"line": line, "message": message})


def add_items(project: Project, rows: Iterable[Read], *, importer: User, report: Report | None = None) -> Outcome:
    """Store items in pieces. What was stored before a failure stays, and a repeat completes it."""
    outcome = Outcome()
    for piece in _pieces(project, rows, outcome, report):
        with transaction.atomic():
            _store(project, piece, importer, outcome)
        if report is not None:
            report(outcome)
    return outcome


def start_upload(project: Project, file: "UploadedFile[Any]", *, user: User, options: dict[str, Any]) -> Import:
    """Keep an uploaded file for the worker that reads it."""
    if (file.size or 0) > settings.UPLOAD_LIMIT:
        raise InvalidInputError(f"{file.name} is larger than {settings.UPLOAD_LIMIT // 2**20} MB.")
    folder = Path(settings.MEDIA_ROOT) / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / uuid4().hex
    with path.open("wb") as out:
        for chunk in file.chunks():
            out.write(chunk)
    return Import.objects.create(
        project=project,
        file=f"uploads/{path.name}",
        name=Path(file.name or "file").name[:200],
        options=options,
        created_by=user,
    )


def run(import_id: int) -> None:
    """Read an uploaded file, in the worker. Safe to run twice: what is there already counts as repeated."""
    row = _taken(import_id)
    if row is None:
        return
    path = Path(settings.MEDIA_ROOT) / row.file
    try:
        rows = reading.read(path, row.name, row.project.kind, columns_of(row.project, Options(**row.options)))
        outcome = add_items(row.project, rows, importer=row.created_by, report=_Progress(row, path))
    except RefusedError as error:
        _end(row, state=Import.State.FAILED, error=error.message)
    except FileNotFoundError:
        _end(row, state=Import.State.FAILED, error="The uploaded file is gone. Send it again.")
    except Exception as error:
        _end(row, state=Import.State.FAILED, error=f"{type(error).__name__}: {error}")
        path.unlink(missing_ok=True)
        raise
    else:
        counts = {"added": row.added + outcome.added, "repeated": max(0, outcome.repeated - row.added)}
        _end(row, **counts, rejected=outcome.rejected, errors=outcome.errors, state=Import.State.DONE, progress=1.0)
    path.unlink(missing_ok=True)


def columns_of(project: Project, options: Options) -> Options:
    """The options, with the usual column of vectors where the project learns from vectors."""
    if project.encoder != Project.Encoder.VECTORS or options.vector_column:
        return options
    return replace(options, vector_column=VECTOR_COLUMN)


def unfinished() -> list[int]:
    """Imports to wake again: those that waited too long, and those whose worker fell silent."""
    waiting = Q(state=Import.State.QUEUED, created_at__lt=timezone.now() - WAITED_TOO_LONG)
    return list(Import.objects.filter(waiting | _silent()).values_list("id", flat=True))


def _silent() -> Q:
    return Q(state=Import.State.RUNNING, heartbeat_at__lt=timezone.now() - STALE_AFTER)


def _taken(import_id: int) -> Import | None:
    """The import in our hands; None if it is done, if another worker reads it, or if its project is going."""
    free = Import.objects.filter(Q(state=Import.State.QUEUED) | _silent(), pk=import_id)
    mine = free.exclude(project__state=Project.State.DELETED)
    if not mine.update(state=Import.State.RUNNING, heartbeat_at=timezone.now()):
        return None
    return Import.objects.select_related("project", "created_by").get(pk=import_id)


@dataclass
class _Prepared:
    """A record with its content's digest, on its way into the database."""

    record: Record  # without its image, which lies in the file
    digest: str
    key: str
    file: str = ""


class _Progress:
    """Writes how far an import is, at most twice a second."""

    def __init__(self, row: Import, path: Path) -> None:
        self.row, self.lines, self.last = row, _count_rows(path, row.name), 0.0

    def __call__(self, outcome: Outcome) -> None:
        if time.monotonic() - self.last < 0.5:
            return
        self.last = time.monotonic()
        share = min(0.99, outcome.line / self.lines) if self.lines else 0.0
        fields = {"progress": share, "added": self.row.added + outcome.added, "rejected": outcome.rejected}
        mine = Import.objects.filter(pk=self.row.pk).exclude(project__state=Project.State.DELETED)
        if not mine.update(heartbeat_at=timezone.now(), **fields):
            raise RefusedError("The project was deleted while the file was read.")


def _count_rows(path: Path, name: str) -> int:
    """About how many rows a file has, for its progress bar."""
    if name.lower().endswith((".zip", ".gz")):
        return 0
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(2**20), b""))


def _end(row: Import, **fields: Any) -> None:
    """Note how it ended; no row, no note, where the project was deleted meanwhile."""
    Import.objects.filter(pk=row.pk).update(finished_at=timezone.now(), **fields)


def _pieces(
    project: Project, rows: Iterable[Read], outcome: Outcome, report: Report | None
) -> Iterator[list[_Prepared]]:
    """Rows in pieces. Images are written while a piece fills, so memory never holds more than one of them."""
    piece: list[_Prepared] = []
    for row in rows:
        outcome.line = row.line
        if isinstance(row, Rejected):
            outcome.reject(row.line, row.message)
        elif row.vector and len(row.vector) != (wanted := _vector_bytes(project, row.vector)):
            told = f"its vector has {len(row.vector) // 4} numbers; the project's vectors have {wanted // 4}."
            outcome.reject(row.line, told)
        else:
            piece.append(_prepared(project, row))
        if report is not None and outcome.line % REPORT_EVERY == 0:
            report(outcome)
        if len(piece) == PIECE:
            yield piece
            piece = []
    yield piece


def _vector_bytes(project: Project, vector: bytes) -> int:
    """The size of the project's vectors, which the first one decides."""
    if project.vector_length is None:
        with transaction.atomic():
            Project.objects.filter(pk=project.pk, vector_length=None).update(vector_length=len(vector) // 4)
        project.refresh_from_db(fields=["vector_length"])
    return 4 * (project.vector_length or 0)


def _prepared(project: Project, record: Record) -> _Prepared:
    """Digest the content and write the image, outside any transaction."""
    if record.image is not None:
        digest = _digest(record.image)
        file = pictures.store(project.pk, record.image)
        return _Prepared(replace(record, image=None), digest, record.key or f"auto-{digest}", file)
    content = record.text if record.row is None else json.dumps(record.row, sort_keys=True)
    # texts that differ in case and spaces only are different items, but they belong into one group
    return _Prepared(record, _digest(_plain(record, content)), record.key or f"auto-{_digest(content.encode())}")


def _plain(record: Record, content: str) -> bytes:
    return (content if record.row is not None else " ".join(content.lower().split())).encode()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _store(project: Project, prepared: list[_Prepared], importer: User, outcome: Outcome) -> None:
    """One piece under the budget's lock: new items, their labels, and the counters."""
    budget = budgeting.locked(project.pk)
    known = set(project.items.filter(key__in=[p.key for p in prepared]).values_list("key", flat=True))
    fresh: dict[str, _Prepared] = {}
    for one in prepared:
        if one.key in known or one.key in fresh:
            outcome.repeated += 1
        else:
            fresh[one.key] = one
    labels = _labels(project, [one.record for one in fresh.values()], outcome)
    items = _new_items(project, list(fresh.values()), labels)
    Item.objects.bulk_create(items)
    vectors = [(item, one.record.vector) for item, one in zip(items, fresh.values(), strict=True)]
    Vector.objects.bulk_create(Vector(item=item, values=vector) for item, vector in vectors if vector)
    _annotate(project, items, importer, budget)
    for audit in Item.Audit.values:
        budgeting.count_unasked(budget, audit, sum(i.audit == audit and i.state == Item.State.UNASKED for i in items))
    budget.save()
    Project.objects.filter(pk=project.pk).update(item_count=F("item_count") + len(items))
    project.item_count += len(items)
    outcome.added += len(items)


def _new_items(project: Project, fresh: list[_Prepared], labels: dict[str, Label]) -> list[Item]:
    firsts = _first_keys(project, [one.digest for one in fresh])
    items = []
    for one in fresh:
        record = one.record
        item = Item(project=project, key=one.key, text=record.text, row=record.row, file=one.file, digest=one.digest)
        item.place(firsts.setdefault(one.digest, one.key))
        item.label = labels.get(record.label)
        if item.label is not None:
            item.outcome, item.confidence, item.confidence_source = Item.Outcome.LABEL, 2 / 3, "votes"
            item.state = item.state if item.audit else Item.State.ANSWERED
        items.append(item)
    return items


def _first_keys(project: Project, digests: list[str]) -> dict[str, str]:
    """Digest -> key of the first item with that content: its repeats share its group, fold and audit membership."""
    firsts = project.items.filter(digest__in=digests).values("digest").annotate(first=Min("id")).values("first")
    return dict(project.items.filter(id__in=firsts).values_list("digest", "key"))


def _labels(project: Project, records: list[Record], outcome: Outcome) -> dict[str, Label]:
    """The project's labels by name, with those that the file brings appended."""
    wanted = dict.fromkeys(record.label for record in records if record.label)
    if not wanted:
        return {}
    labels = {label.name: label for label in project.labels.all()}
    new = [name for name in wanted if name not in labels]
    if len(labels) + len(new) > MOST_LABELS:
        raise InvalidInputError(f"The file brings more than {MOST_LABELS} labels ({new[0]!r} …). Is the column right?")
    counted = project.labels.aggregate(count=Count("id"), last=Max("position"))
    start = counted["last"] + 1 if counted["count"] else 0
    for place, name in enumerate(new):
        labels[name] = Label.objects.create(project=project, name=name, position=start + place)
    return labels


def _annotate(project: Project, items: list[Item], importer: User, budget: Budget) -> None:
    """Labels that came with the file become annotations of their own source: unpaid, and never the audit's answers."""
    Annotation.objects.bulk_create(
        Annotation(
            project=project,
            item=item,
            annotator=importer,
            sequence=budgeting.next_sequence(budget),
            outcome=Annotation.Outcome.LABEL,
            label=item.label,
            source=Annotation.Source.IMPORT,
        )
        for item in items
        if item.label is not None
    )
