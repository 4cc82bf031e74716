"""Items -> features in shards: encoded once, added to, encoded anew only when it must be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator import managing
from annotator.errors import InvalidInputError
from annotator.learning import artifacts, encoding, loading, shards
from annotator.learning.encoding import PoolFeatures
from annotator.models import Item, Project
from models_zoo import encoders
from tests import factories
from tests.files import csv_of, upload
from tests.models_zoo import tiny

pytestmark = pytest.mark.django_db
WORDS = [f"word{number}" for number in range(30)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows fill shards that tests have several."""
    monkeypatch.setattr(shards, "ROWS", 16)
    monkeypatch.setattr(encoding, "AT_ONCE", 8)


def texts_project(items: int = 40, **settings: Any) -> Project:
    project = factories.project(items=0, **settings)
    add_texts(project, items)
    return project


def add_texts(project: Project, count: int) -> None:
    rng = np.random.default_rng(project.item_count)
    for item in factories.add_items(project, count):
        item.text = " ".join(rng.choice(WORDS, 12)) + f" number {item.pk}"
        item.save(update_fields=["text"])


def features_of(project: Project, report: encoding.Report = lambda share: None) -> PoolFeatures:
    return encoding.features_of(project, loading.load_pool(project), report)


def home(project: Project) -> Path:
    return artifacts.folder(project.pk) / "features"


def shard_files(project: Project) -> set[Path]:
    return set(home(project).rglob("*.features.npy"))


def test_items_are_encoded_once_in_shards() -> None:
    project = texts_project(40)
    shares: list[float] = []
    first = features_of(project, shares.append)
    assert len(shard_files(project)) == 3
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    before = {path: path.stat().st_mtime_ns for path in home(project).rglob("*.npy")}
    again = features_of(project)
    assert before == {path: path.stat().st_mtime_ns for path in home(project).rglob("*.npy")}
    np.testing.assert_array_equal(np.asarray(first.features), np.asarray(again.features))


def test_later_items_are_added_with_the_same_fit() -> None:
    project = texts_project(40)
    first = features_of(project)
    add_texts(project, 10)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        later = features_of(project)
    assert later.fingerprint == first.fingerprint
    np.testing.assert_array_equal(later.features[:40], np.asarray(first.features))
    assert len(later.features) == 50
    read = [query["sql"] for query in queries.captured_queries if '"text"' in query["sql"]]
    assert len(read) == 2  # ten items in two pieces of eight, and none of the forty


def test_a_pool_grown_fourfold_gets_a_new_fit() -> None:
    project = texts_project(10)
    first = features_of(project)
    add_texts(project, 31)
    later = features_of(project)
    assert later.fingerprint != first.fingerprint
    assert [path.name for path in home(project).iterdir() if path.is_dir()] == [later.fingerprint]


@pytest.mark.parametrize("what", ["version", "encoder"])
def test_another_version_or_encoder_gets_a_new_fit(
    what: str, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    project = texts_project(20)
    first = features_of(project)
    if what == "version":
        monkeypatch.setattr("models_zoo.encoders.texts.VERSION", 99)
    else:
        settings.MODELS = tmp_path
        tiny.sentence_model(tmp_path / "bert")
        project.encoder, project.encoder_path = Project.Encoder.TRANSFORMER, "bert"
    later = features_of(project)
    assert later.fingerprint != first.fingerprint
    assert len(later.features) == 20


def test_a_killed_encoding_goes_on_from_its_finished_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    project = texts_project(40)

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features_of(project, stop)
    done = shard_files(project)
    assert done
    encoded: list[int] = []
    encode = encoders.HashedLsa.encode
    monkeypatch.setattr(
        encoders.HashedLsa, "encode", lambda self, items: encoded.append(len(items)) or encode(self, items)
    )
    assert len(features_of(project).features) == 40
    assert sum(encoded) == 40 - 16 * len(done)
    assert done <= shard_files(project)


def test_withdrawn_items_leave_no_hole_and_come_back_without_encoding() -> None:
    project = texts_project(20)
    before = np.asarray(features_of(project).features)
    gone = project.items.order_by("id")[3]
    Item.objects.filter(pk=gone.pk).update(state=Item.State.WITHDRAWN)
    found = features_of(project)
    np.testing.assert_array_equal(np.asarray(found.features), np.delete(before, 3, axis=0))
    assert len(found.groups) == 19
    Item.objects.filter(pk=gone.pk).update(state=Item.State.UNASKED)
    np.testing.assert_array_equal(np.asarray(features_of(project).features), before)


def test_long_features_have_a_sketch_and_short_ones_are_it(monkeypatch: pytest.MonkeyPatch) -> None:
    project = texts_project(300)
    found = features_of(project)
    assert found.features.shape[1] > 64
    assert found.sketch.shape == (300, 64)
    short = factories.project(kind="table", name="Rows", items=20)
    rows = features_of(short)
    assert rows.sketch is rows.features


def test_images_are_encoded_from_their_files() -> None:
    found = features_of(factories.project(kind="image", items=5))
    assert found.features.shape == (5, 5)
    assert found.fingerprint.startswith("pixels-")


def test_texts_that_say_the_same_share_a_group() -> None:
    project = texts_project(30)
    first, second, third = project.items.order_by("id")[:3]
    second.text = first.text.upper() + " !"
    second.save(update_fields=["text"])
    third.text = " ".join(reversed(first.text.split()[:3]))
    third.save(update_fields=["text"])
    groups = features_of(project).groups
    assert groups[1] == 0
    np.testing.assert_array_equal(np.delete(groups, 1), np.delete(np.arange(30), 1))


def test_texts_without_known_words_are_not_taken_for_one() -> None:
    project = factories.project(items=0)
    for number, item in enumerate(factories.add_items(project, 12)):
        item.text = f"word{number}"
        item.save(update_fields=["text"])
    np.testing.assert_array_equal(features_of(project).groups, np.arange(12))


def test_groups_found_before_stay_when_items_come() -> None:
    project = texts_project(30)
    before = features_of(project).groups
    add_texts(project, 5)
    copy = project.items.order_by("-id")[0]
    copy.text = project.items.order_by("id")[4].text
    copy.save(update_fields=["text"])
    after = features_of(project).groups
    np.testing.assert_array_equal(after[:30], before)
    assert after[34] == before[4]


def test_a_group_goes_by_its_first_item_that_stands() -> None:
    project = texts_project(10)
    items = list(project.items.order_by("id"))
    for copy in (items[4], items[7]):
        copy.text = items[2].text
        copy.save(update_fields=["text"])
    assert features_of(project).groups[[4, 7]].tolist() == [2, 2]
    Item.objects.filter(pk=items[2].pk).update(state=Item.State.WITHDRAWN)
    assert features_of(project).groups[[3, 6]].tolist() == [3, 3]


def test_vectors_of_the_file_are_the_features(alice: User) -> None:
    project = factories.project(items=0, encoder="vectors")
    rows = [[f"t{n}", f"text {n}", json.dumps([n, 0.5, -1])] for n in range(6)]
    outcome = upload(project, csv_of(["id", "text", "vector"], *rows), "x.csv")
    assert outcome.added == 6
    found = features_of(Project.objects.get(pk=project.pk))
    np.testing.assert_array_equal(np.asarray(found.features), [[n, 0.5, -1] for n in range(6)])


def test_items_without_vectors_are_told() -> None:
    project = texts_project(3)
    with pytest.raises(InvalidInputError, match="without a vector"):
        managing.change_settings(project, managing.Settings("Fruit", encoder="vectors"))
    project.encoder = Project.Encoder.VECTORS
    with pytest.raises(ValueError, match="brought no vector"):
        features_of(project)


def test_a_pool_without_items_is_told() -> None:
    with pytest.raises(ValueError, match="no items"):
        features_of(factories.project(items=0))


def test_rows_are_never_read_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    project = texts_project(60)
    asked: list[int] = []
    contents = encoding.sources.contents
    monkeypatch.setattr(
        encoding.sources, "contents", lambda project, ids: asked.append(len(ids)) or contents(project, ids)
    )
    monkeypatch.setattr(encoding.sources, "PIECE", 8)
    features_of(project)
    assert max(asked) == 8
