"""Vectors that come with the items: taken from a column, checked row by row."""

import gzip
import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from annotator import vectors
from annotator.models import Import, Project, Vector
from tests import factories
from tests.files import csv_of, upload

pytestmark = pytest.mark.django_db


def vectors_project(kind: str = "text") -> Project:
    return factories.project(kind=kind, items=0, encoder="vectors")


def lines(*rows: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def stored(project: Project) -> dict[str, list[float]]:
    found = Vector.objects.filter(item__project=project).values_list("item__key", "values")
    return {key: np.frombuffer(values, dtype="<f4").tolist() for key, values in found}


def test_arrays_in_json_lines_and_in_csv(alice: User) -> None:
    project = vectors_project()
    upload(project, lines({"id": "a", "text": "one", "vector": [1, 2.5]}), "x.jsonl")
    upload(project, gzip.compress(csv_of(["id", "text", "vector"], ["b", "two", "[3, -4e0]"])), "x.csv.gz")
    assert stored(project) == {"a": [1, 2.5], "b": [3, -4]}
    assert Project.objects.get(pk=project.pk).vector_length == 2


def test_a_column_of_another_name(alice: User) -> None:
    project = vectors_project("table")
    data = csv_of(["id", "size", "embedding"], ["a", "3", "[1, 2]"])
    assert upload(project, data, "x.csv", vector_column="embedding").added == 1
    assert project.items.get().row == {"size": 3}
    assert stored(project) == {"a": [1, 2]}


def test_a_missing_column_is_told_with_those_there_are(alice: User) -> None:
    row = upload(vectors_project(), csv_of(["id", "text"], ["a", "one"]), "x.csv")
    assert row.state == Import.State.FAILED
    assert "no column 'vector'; there are id, text" in row.error


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "holds null; write a JSON array of numbers"),
        ("", "write a JSON array"),
        ("1 2 3", "write a JSON array"),
        ({"a": 1}, "write a JSON array"),
        ([1], "holds 1 numbers; a vector has 2 to"),
        ([1, None], "holds null; a vector has numbers only"),
        ([1, True], "holds true; a vector has numbers only"),
        ([1, "2"], "a vector has numbers only"),
        ([1, 1e300], "not finite"),
        ([1, 10**400], "not finite"),
        ("[1, NaN]", "not finite"),
        ([1, 2, 3], "its vector has 3 numbers; the project's vectors have 2"),
    ],
)
def test_a_bad_vector_is_rejected_by_its_line(cell: Any, said: str, alice: User) -> None:
    project = vectors_project()
    good = [{"id": name, "text": name, "vector": [1, 2]} for name in "ab"]
    row = upload(project, lines(good[0], {"id": "x", "text": "x", "vector": cell}, good[1]), "x.jsonl")
    assert (row.added, row.rejected) == (2, 1)
    assert row.errors[0]["line"] == 2
    assert said in row.errors[0]["message"]


def test_a_second_file_keeps_to_the_first_ones_length(alice: User) -> None:
    project = vectors_project()
    upload(project, lines({"id": "a", "text": "one", "vector": [1, 2]}), "x.jsonl")
    row = upload(project, lines({"id": "b", "text": "two", "vector": [1, 2, 3]}), "x.jsonl")
    assert (row.added, row.rejected) == (0, 1)


def test_other_projects_may_bring_vectors_for_later(alice: User) -> None:
    project = factories.project(items=0)
    upload(project, lines({"id": "a", "text": "one", "v": [1, 2]}), "x.jsonl", vector_column="v")
    assert stored(project) == {"a": [1, 2]}


def test_packed_is_little_endian_float32() -> None:
    assert vectors.packed("[1, 0.5]") == np.array([1, 0.5], dtype="<f4").tobytes()
