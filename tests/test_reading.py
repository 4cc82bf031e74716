"""What a file says: rows and images as they are meant, and every bad one named by its line."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from annotator import pictures, reading
from annotator.errors import InvalidInputError
from annotator.reading import Options, Record, Rejected
from tests.files import csv_of, picture, zip_of


def rows_of(data: bytes, name: str, kind: str = "text", **options: Any) -> list[reading.Read]:
    path = Path(settings.MEDIA_ROOT) / "test-file"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return list(reading.read(path, name, kind, Options(**options)))


def records_of(data: bytes, name: str, kind: str = "text", **options: Any) -> list[Record]:
    rows = rows_of(data, name, kind, **options)
    assert not [row for row in rows if isinstance(row, Rejected)]
    return [row for row in rows if isinstance(row, Record)]


def rejected_in(data: bytes, name: str, kind: str = "text", **options: Any) -> list[tuple[int, str]]:
    return [(row.line, row.message) for row in rows_of(data, name, kind, **options) if isinstance(row, Rejected)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_of_any_usual_delimiter_and_with_a_byte_order_mark(delimiter: str, encoding: str) -> None:
    data = delimiter.join(["id", "text", "label"]) + "\n" + delimiter.join(["a", "Äpfel", "apple"]) + "\n"
    (record,) = records_of(data.encode(encoding), "rows.csv")
    assert (record.key, record.text, record.label, record.line) == ("a", "Äpfel", "apple", 2)


def test_gzipped_rows() -> None:
    (record,) = records_of(gzip.compress(csv_of(["id", "text"], ["a", "one"])), "rows.csv.gz")
    assert record.text == "one"


def test_single_column_of_texts_needs_no_names_and_may_hold_commas() -> None:
    first, second = records_of(b"review\ngood, cheap\nbad; dear\n", "rows.csv")
    assert (first.text, second.text) == ("good, cheap", "bad; dear")


def test_line_of_a_row_counts_newlines_inside_quotes() -> None:
    data = b'id,text\na,"one\ntwo"\nb,\nc,three\n'
    assert [row.line for row in rows_of(data, "rows.csv")] == [2, 4, 5]
    assert rejected_in(data, "rows.csv") == [(4, "column 'text' holds \"\"; every row needs some text.")]


def test_row_with_a_missing_cell_is_named() -> None:
    assert rejected_in(b"id,text\na\nb,two\n", "rows.csv") == [(2, "has 1 columns where the header has 2.")]


def test_columns_chosen_by_name() -> None:
    data = csv_of(["nr", "title", "body", "topic"], ["7", "T", "B", "sport"])
    (record,) = records_of(data, "x.csv", id_column="nr", text_column="body", label_column="topic")
    assert (record.key, record.text, record.label) == ("7", "B", "sport")


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (csv_of(["a", "b"], ["1", "2"]), {}, "Which column holds the text. There are a, b"),
        (csv_of(["a", "text"], ["1", "2"]), {"id_column": "nr"}, "no column 'nr'; there are a, text"),
        (csv_of(["a", "a"], ["1", "2"]), {}, "names a column twice"),
        (b"", {}, "is empty"),
        ("text\nÄ\n".encode("latin-1"), {}, "is not UTF-8 .byte 0xc4"),
        ("text\nx\n".encode("utf-16"), {}, "is not UTF-8 .byte 0xff"),
    ],
)
def test_file_that_cannot_be_read_says_why(data: bytes, options: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        rows_of(data, "rows.csv", **options)


def test_nameless_index_of_a_data_frame_is_neither_id_nor_label() -> None:
    (row,) = records_of(b",text\n0,good\n", "frame.csv")
    assert (row.key, row.text, row.label) == ("", "good", "")
    (cells,) = records_of(b",a,b\n0,1,2\n", "frame.csv", "table")
    assert (cells.row, cells.label) == ({"column 1": 0, "a": 1, "b": 2}, "")


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b'id,text\n1,a\n2,"never closed\n3,b\n', 3, "Is a quote opened and never closed"),
        (b'id,text\n1,a\n2,"' + b"x" * 2_100_000 + b'"\n', 3, "field larger"),
        (b'id,text\n1,a\n2,"b"c\n3,d\n', 3, "cannot be read"),
    ],
)
def test_csv_row_that_cannot_be_parsed_is_named_and_swallows_nothing(data: bytes, line: int, message: str) -> None:
    ((at, said),) = rejected_in(data, "rows.csv")
    assert at == line
    assert message in said


def test_json_lines_may_lack_a_column_in_the_first_rows() -> None:
    data = b'{"id": 1, "text": "a"}\n{"id": 2, "text": "b", "kind": "x"}\n'
    assert [row.label for row in records_of(data, "rows.jsonl", label_column="kind")] == ["", "x"]


def test_damaged_gzip_is_refused() -> None:
    whole = gzip.compress(csv_of(["text"], *[[str(number)] for number in range(5000)]))
    for broken in (whole[:-100], whole[:60] + b"\xff\xff\xff" + whole[63:], b"no gzip at all"):
        with pytest.raises(InvalidInputError, match="damaged gzip"):
            rows_of(broken, "rows.csv.gz")


def test_gzip_bomb_does_not_fill_the_memory() -> None:
    with pytest.raises(InvalidInputError, match="longer than"):
        rows_of(gzip.compress(b"text\n" + b"x" * 20_000_000), "rows.csv.gz")


def test_unknown_kind_of_file_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"Send \.csv, \.tsv, \.jsonl"):
        rows_of(b"x", "rows.xlsx")
    with pytest.raises(InvalidInputError, match="Images come as a ZIP"):
        rows_of(b"x", "rows.csv", kind="image")


def test_json_lines() -> None:
    data = b'{"id": 7, "text": "one", "label": "apple"}\n\n{"id": "b", "text": "two"}\n'
    first, second = records_of(data, "rows.jsonl")
    assert (first.key, first.label, second.line) == ("7", "apple", 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "is no JSON"),
        ("[1]", "is a JSON list"),
        ('{"id": {"a": 1}, "text": "x"}', "column 'id' holds"),
        ('{"id": "a", "text": "\\ud800"}', "is no JSON"),
        ('{"id": "a", "text": "x", "score": NaN}', "NaN is no number"),
        ('{"id": "a", "text": 5}', "column 'text' holds 5"),
        ('{"id": "", "text": "x"}', "column 'id' is empty"),
        ('{"id": "a", "text": ' + "9" * 5000 + "}", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (json.dumps({"id": "k" * 201, "text": "x"}), "an id has at most 200"),
    ],
)
def test_bad_json_row_is_named_and_the_rest_goes_on(line: str, message: str) -> None:
    rows = rows_of(f'{{"id": "good", "text": "x"}}\n{line}\n{{"id": "last", "text": "x"}}\n'.encode(), "rows.jsonl")
    bad = rows[1]
    assert isinstance(bad, Rejected)
    assert bad.line == 2
    assert message in bad.message
    assert len(rows) == 3


def test_table_cells_are_numbers_where_they_look_like_one_and_nothing_is_lost() -> None:
    data = csv_of(
        ["id", "a", "b", "c", "d", "e", "f", "g"],
        ["1", "12", "-1.5", "007", "1_000", "nan", "123456789012345678901", "1e3"],
    )
    (record,) = records_of(data, "rows.csv", kind="table")
    assert record.row == {
        "a": 12, "b": -1.5, "c": "007", "d": "1_000", "e": "nan", "f": "123456789012345678901", "g": 1000.0,
    }  # fmt: skip


# images


def test_zip_folders_are_labels_unless_told_otherwise() -> None:
    data = zip_of({"cat/1.png": picture(1), "dog/2.png": picture(2)})
    assert [record.label for record in records_of(data, "x.zip", "image")] == ["cat", "dog"]
    assert [record.label for record in records_of(data, "x.zip", "image", folders=False)] == ["", ""]


def test_one_folder_around_all_images_is_no_label() -> None:
    data = zip_of({"all/1.png": picture(1), "all/2.png": picture(2)})
    assert [record.label for record in records_of(data, "x.zip", "image")] == ["", ""]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_image_formats_that_browsers_show(form: str) -> None:
    (record,) = records_of(zip_of({"x": picture(3, form)}), "x.zip", "image")
    assert record.image == picture(3, form)


def test_hidden_entries_are_skipped_and_strangers_named() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    data = zip_of({"__MACOSX/1.png": b"x", ".DS_Store": b"x", "a.svg": svg, "b.png": b"no image", "c.png": picture()})
    assert [message for _, message in rejected_in(data, "x.zip", "image")] == [
        "a.svg is no whole PNG, JPEG, GIF, WebP or BMP image.",
        "b.png is no whole PNG, JPEG, GIF, WebP or BMP image.",
    ]


def test_cut_off_images_are_rejected() -> None:
    entries = {form: picture(9, form, (64, 64))[:-40] for form in ("PNG", "JPEG", "BMP")}
    assert len(rejected_in(zip_of(entries), "x.zip", "image")) == 3


def test_image_of_too_many_pixels_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    ((line, message),) = rejected_in(zip_of({"x.png": picture(1, size=(20, 20))}), "x.zip", "image")
    assert (line, "20 x 20 pixels" in message) == (1, True)


def test_zip_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInputError, match="too much"):
        rows_of(zip_of({"x.png": bytes(250 * 2**20)}), "x.zip", "image")
    monkeypatch.setattr(reading, "MOST_ENTRIES", 2)
    with pytest.raises(InvalidInputError, match="too much"):
        rows_of(zip_of({str(number): b"x" for number in range(3)}), "x.zip", "image")


@pytest.mark.parametrize("data", [b"no zip", zip_of({"a": picture()})[:-10], b""], ids=["text", "cut off", "empty"])
def test_broken_zip_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="no whole ZIP"):
        rows_of(data, "x.zip", "image")


def test_damaged_entry_is_named() -> None:
    entry = bytearray(zip_of({"a.png": picture(5, size=(90, 90))}))
    entry[60:70] = b"\xff" * 10
    ((_, message),) = rejected_in(bytes(entry), "x.zip", "image")
    assert "a.png cannot be unpacked" in message


@tries(max_examples=150, deadline=None)
@given(data=st.data(), form=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP"]))
def test_damaged_images_are_judged_not_stumbled_over(data: st.DataObject, form: str) -> None:
    image = bytearray(picture(7, form, (16, 16)))
    for _ in range(data.draw(st.integers(1, 8))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(pictures.problem(bytes(image)), str)


@tries(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300), name=st.sampled_from(["x.csv", "x.jsonl", "x.csv.gz", "x.zip"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    path.write_bytes(data)
    for kind in ("text", "table", "image"):
        try:
            list(reading.read(path, name, kind, Options()))
        except InvalidInputError as error:
            assert error.message  # noqa: PT017 - either is right; anything else fails


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)


@tries(max_examples=100, deadline=None)
@given(texts=st.lists(cells.filter(lambda text: text.strip()), min_size=1, max_size=8))
def test_texts_come_back_from_csv_as_they_went_in(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip"
    path.write_bytes(csv_of(["id", "text"], *[[str(n), text] for n, text in enumerate(texts)]))
    rows = reading.read(path, "x.csv", "text", Options())
    assert [row.text for row in rows if isinstance(row, Record)] == texts
