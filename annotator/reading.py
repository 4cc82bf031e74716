"""Files -> records: CSV, JSON lines and ZIPs of images, with what is wrong named by line."""

import csv
import gzip
import io
import itertools
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import IO, Any

from annotator import pictures, vectors
from annotator.errors import InvalidInputError

LONGEST_KEY, LONGEST_TEXT, LONGEST_LABEL = 200, 1_000_000, 200
PEEKED = 100  # rows that tell which columns there are: in JSON lines the first may lack some
LONGEST_LINE = 8 * LONGEST_TEXT  # characters; a longer one is no table, and would fill the memory
MOST_ENTRIES, MOST_BYTES, MOST_RATIO = 200_000, 20 * 2**30, 200  # of a ZIP: beyond is a bomb
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")  # 007 is a name, and so is 1_000
BROKEN_ENTRY = (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, zlib.error)
csv.field_size_limit(2 * LONGEST_TEXT)


@dataclass(frozen=True)
class Options:
    """Which columns are what; empty means the usual names. folders: a ZIP's folders name labels."""

    id_column: str = ""
    text_column: str = ""
    label_column: str = ""
    vector_column: str = ""
    folders: bool = True


@dataclass(frozen=True)
class Record:
    """One item as a file gives it. key is empty where the file has no ids."""

    line: int
    key: str
    text: str = ""
    row: dict[str, Any] | None = None
    image: bytes | None = None
    label: str = ""
    vector: bytes = b""  # float32, little-endian


@dataclass(frozen=True)
class Rejected:
    """A row that cannot become an item, and why."""

    line: int
    message: str


Read = Record | Rejected


def read(path: Path, name: str, kind: str, options: Options) -> Iterator[Read]:
    """The file's rows, one by one. Raises InvalidInputError where the file as a whole cannot be read."""
    lower = name.lower()
    if kind == "image":
        if not lower.endswith(".zip"):
            raise InvalidInputError(f"{name} is no ZIP. Images come as a ZIP of PNG, JPEG, GIF, WebP or BMP files.")
        return _read_zip(path, name, options)
    if lower.endswith((".jsonl", ".ndjson", ".json", ".jsonl.gz")):
        return _shape(_json_rows(path, name), kind, options)
    if lower.endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz", ".txt")):
        return _shape(_csv_rows(path, name), kind, options)
    raise InvalidInputError(f"{name} is of no known kind. Send .csv, .tsv, .jsonl, or .zip for images.")


Row = tuple[int, dict[str, Any] | str]  # a line and its columns, or what is wrong with it


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Iterator[str]]:
    """The file's lines; a wrong encoding is said, not guessed."""
    with gzip.open(path) if name.lower().endswith(".gz") else path.open("rb") as raw:
        try:
            yield _lines(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), name)
        except UnicodeDecodeError as error:
            raise InvalidInputError(
                f"{name} is not UTF-8 (byte {error.object[error.start]:#04x}). Save it as UTF-8 and send it again."
            ) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InvalidInputError(f"{name} is a damaged gzip file: {error}.") from error


def _lines(file: IO[str], name: str) -> Iterator[str]:
    """Line by line, and never one that fills the memory, whatever a small gzip file unpacks to."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise InvalidInputError(f"{name}, line {number}: longer than {LONGEST_LINE:,} characters.")
        yield line


def _csv_rows(path: Path, name: str) -> Iterator[Row]:
    with _opened(path, name) as file:
        first = next(file, "")
        delimiter = max(",;\t", key=first.count) if _has_delimiter(first) else "\t"  # one column: commas are text
        header = _header(next(csv.reader([first], delimiter=delimiter), []), name)
        yield from _csv_cells(csv.reader(file, delimiter=delimiter, strict=True), header)


def _header(cells: list[str], name: str) -> list[str]:
    """The columns' names; a nameless one (a data frame's index) is called by its number."""
    if not any(cells):
        raise InvalidInputError(f"{name} is empty. Its first line must name the columns.")
    names = [cell or f"column {number}" for number, cell in enumerate(cells, start=1)]
    if len(set(names)) < len(names):
        raise InvalidInputError(f"{name} names a column twice: {', '.join(names)}.")
    return names


def _csv_cells(reader: Any, header: list[str]) -> Iterator[Row]:
    """Rows by their first line. One that cannot be parsed is told, and reading goes on after it."""
    while True:
        line = reader.line_num + 2
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, f"cannot be read: {error}. Is a quote opened and never closed?"
            continue
        if cells is None:
            return
        if len(cells) == len(header):
            yield line, dict(zip(header, cells, strict=True))
        elif cells:
            yield line, f"has {len(cells)} columns where the header has {len(header)}."


def _has_delimiter(header: str) -> bool:
    return any(delimiter in header for delimiter in ",;\t")


def _json_rows(path: Path, name: str) -> Iterator[Row]:
    with _opened(path, name) as file:
        for line, text in enumerate(file, start=1):
            if text.strip():
                yield line, _json_row(text)


def _json_row(text: str) -> dict[str, Any] | str:
    try:
        row = json.loads(text, parse_constant=_no_number)
        json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        return f"is no JSON: {str(error)[:100]}. Each line must be one object."
    return row if isinstance(row, dict) else f"is a JSON {type(row).__name__}; each line must be one object."


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON; write null")


def _shape(rows: Iterator[Row], kind: str, options: Options) -> Iterator[Read]:
    """Rows of columns -> records of the project's kind."""
    peeked = list(itertools.islice(rows, PEEKED))
    names = dict.fromkeys(name for _, row in peeked if isinstance(row, dict) for name in row)
    columns = _Columns.of(list(names), kind, options) if names else None
    for line, row in itertools.chain(peeked, rows):
        if isinstance(row, str):
            yield Rejected(line, row)
        elif columns is None:
            yield Rejected(line, "is empty; a row needs at least one value.")
        else:
            yield columns.record(line, row)


@dataclass(frozen=True)
class _Columns:
    """Which column of this file is what. text is empty for a table, vector where the rows bring none."""

    id: str
    text: str
    label: str
    vector: str = ""

    @classmethod
    def of(cls, names: list[str], kind: str, options: Options) -> "_Columns":
        for wanted in (options.id_column, options.text_column, options.label_column, options.vector_column):
            if wanted and wanted not in names:
                raise InvalidInputError(f"There is no column {wanted!r}; there are {', '.join(names)}.")
        key = options.id_column or ("id" if "id" in names else "")
        label = options.label_column or ("label" if "label" in names else "")
        vector = options.vector_column
        others = [name for name in names if name not in (key, label, vector)]
        if kind != "text":
            return cls(key, "", label, vector)
        text = options.text_column or ("text" if "text" in others else others[0] if len(others) == 1 else "")
        if not text:
            raise InvalidInputError(f"Which column holds the text? There are {', '.join(names)}. Name it.")
        return cls(key, text, label, vector)

    def record(self, line: int, row: dict[str, Any]) -> Read:
        for name in (self.id, self.label):
            if isinstance(row.get(name), dict | list):
                return Rejected(line, f"column {name!r} holds {json.dumps(row[name])[:60]}; write one word or number.")
        key = _words(row.get(self.id)) if self.id else ""
        label = _words(row.get(self.label)) if self.label else ""
        if len(key) > LONGEST_KEY:
            return Rejected(line, f"column {self.id!r} has {len(key)} characters; an id has at most {LONGEST_KEY}.")
        if self.id and not key:
            return Rejected(line, f"column {self.id!r} is empty; give every row an id, or none.")
        if len(label) > LONGEST_LABEL:
            return Rejected(line, f"column {self.label!r} has {len(label)} characters; at most {LONGEST_LABEL}.")
        shown = self._text(line, row, key, label) if self.text else self._row(line, row, key, label)
        return self._with_vector(shown, row) if self.vector and isinstance(shown, Record) else shown

    def _with_vector(self, record: Record, row: dict[str, Any]) -> Read:
        try:
            return replace(record, vector=vectors.packed(row.get(self.vector)))
        except ValueError as error:
            return Rejected(record.line, f"column {self.vector!r} {error}")

    def _text(self, line: int, row: dict[str, Any], key: str, label: str) -> Read:
        text = row.get(self.text)
        if not isinstance(text, str) or not text.replace("\x00", "").strip():
            return Rejected(line, f"column {self.text!r} holds {json.dumps(text)[:60]}; every row needs some text.")
        if len(text) > LONGEST_TEXT:
            return Rejected(line, f"column {self.text!r} has {len(text)} characters; at most {LONGEST_TEXT}.")
        return Record(line, key, text=text.replace("\x00", ""), label=label)

    def _row(self, line: int, row: dict[str, Any], key: str, label: str) -> Read:
        cells = {
            _words(name): _cell(cell) for name, cell in row.items() if name not in (self.id, self.label, self.vector)
        }
        if all(value in (None, "") for value in cells.values()):
            return Rejected(line, "is empty; a row needs at least one value.")
        if len(json.dumps(cells)) > LONGEST_TEXT:
            return Rejected(line, f"is longer than {LONGEST_TEXT} characters.")
        return Record(line, key, row=cells, label=label)


def _words(value: Any) -> str:
    return "" if value is None else " ".join(str(value).replace("\x00", "").split())


def _cell(value: Any) -> Any:
    """A number where the text is one, so that the learner sees it as one."""
    if not isinstance(value, str):
        return value if isinstance(value, int | float | bool) or value is None else json.dumps(value)
    text = value.replace("\x00", "")
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        return text
    if not found[2] and not found[3]:
        return int(found[0]) if abs(int(found[0])) < 2**53 else text  # a longer one is an id
    return float(found[0]) if isfinite(float(found[0])) else text


def _read_zip(path: Path, name: str, options: Options) -> Iterator[Read]:
    try:
        archive = zipfile.ZipFile(path)
    except (*BROKEN_ENTRY, ValueError) as error:
        raise InvalidInputError(f"{name} is no whole ZIP file: {error}.") from error
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_hidden(entry.filename)]
        _refuse_bombs(entries, name)
        if not entries:
            raise InvalidInputError(f"{name} holds no files.")
        folders = {PurePosixPath(entry.filename).parent.name for entry in entries}
        named = options.folders and len(folders) > 1  # one folder around all images says nothing of them
        for line, entry in enumerate(entries, start=1):
            yield _image(archive, entry, line, folders=named)


def _refuse_bombs(entries: Iterable[zipfile.ZipInfo], name: str) -> None:
    listed = list(entries)
    size = sum(entry.file_size for entry in listed)
    packed = sum(entry.compress_size for entry in listed)
    if len(listed) > MOST_ENTRIES or size > MOST_BYTES or size > MOST_RATIO * max(packed, 2**20):
        raise InvalidInputError(f"{name} unpacks to {size:,} bytes in {len(listed):,} files; that is too much.")


def _image(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, line: int, *, folders: bool) -> Read:
    """An image of the archive. Its path is its id and is never used as a path."""
    if len(entry.filename) > LONGEST_KEY:
        return Rejected(line, f"{entry.filename[:60]}… has a path longer than {LONGEST_KEY} characters.")
    if entry.file_size > pictures.LARGEST:
        return Rejected(line, f"{entry.filename} is larger than {pictures.LARGEST // 2**20} MB.")
    try:
        data = archive.read(entry)
    except BROKEN_ENTRY as error:
        return Rejected(line, f"{entry.filename} cannot be unpacked: {error}.")
    problem = pictures.problem(data)
    if problem:
        return Rejected(line, f"{entry.filename} {problem}")
    parents = PurePosixPath(entry.filename).parts[:-1]
    label = parents[-1] if folders and parents and len(parents[-1]) <= LONGEST_LABEL else ""
    return Record(line, entry.filename, image=data, label=label)


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts)
