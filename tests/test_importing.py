"""Files become items: ids kept, repeats added once, counters true, whatever is interrupted."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from annotator import importing, labeling, reading
from annotator.errors import RefusedError
from annotator.models import Budget, Import, Project
from annotator.reading import Options, Record
from tests import factories
from tests.files import csv_of, picture, upload, zip_of

pytestmark = pytest.mark.django_db


def assert_counters_match(project: Project) -> None:
    budget = Budget.objects.get(project=project)
    assert budget.unasked == project.items.of_pool().unasked().count()
    assert budget.unasked_reporting == project.items.unasked().filter(audit="reporting").count()
    assert budget.unasked_choices == project.items.unasked().filter(audit="choices").count()
    assert Project.objects.get(pk=project.pk).item_count == project.items.count()


def test_items_are_added_with_ids_counters_and_places() -> None:
    project = factories.project(items=0)
    data = csv_of(["id", "text"], *[[f"row-{n}", f"Text {n}"] for n in range(450)])
    row = upload(project, data, "rows.csv")
    assert (row.state, row.added, row.repeated, row.rejected, row.progress) == ("done", 450, 0, 0, 1.0)
    assert set(project.items.values_list("key", flat=True)) == {f"row-{n}" for n in range(450)}
    assert set(project.items.values_list("fold", flat=True)) == set(range(5))
    assert_counters_match(project)
    assert not (Path(settings.MEDIA_ROOT) / row.file).exists()


def test_repeat_adds_nothing() -> None:
    project = factories.project(items=0)
    data = csv_of(["id", "text", "label"], ["a", "one", "apple"], ["b", "two", ""], ["a", "other", "banana"])
    assert upload(project, data, "rows.csv").repeated == 1
    row = upload(project, data, "rows.csv")
    assert (row.added, row.repeated) == (0, 3)
    assert project.items.get(key="a").text == "one"
    assert project.annotations.count() == 1
    assert_counters_match(project)


def test_rows_without_ids_get_one_of_their_content() -> None:
    project = factories.project(items=0)
    row = upload(project, csv_of(["text"], ["Same"], ["Same"], ["same"], ["Other"]), "rows.csv")
    assert (row.added, row.repeated) == (3, 1)
    assert all(key.startswith("auto-") for key in project.items.values_list("key", flat=True))


def test_same_content_shares_group_fold_and_audit_in_and_across_files() -> None:
    project = factories.project(items=0)
    texts = [f"Text {n}" for n in range(40)]
    upload(project, csv_of(["id", "text"], *[[f"a{n}", t] for n, t in enumerate(texts)]), "x.csv")
    upload(
        project,
        csv_of(["id", "text"], *[[f"{c}{n}", f" {t.upper()}"] for n, t in enumerate(texts) for c in "bc"]),
        "x.csv",
    )
    for number in range(40):
        places = project.items.filter(key__in=[f"{c}{number}" for c in "abc"]).values_list("group", "fold", "audit")
        assert len(places) == 3
        assert len(set(places)) == 1
    assert project.items.exclude(audit="").exists()


def test_labels_in_the_file_are_unpaid_answers_of_their_own_source() -> None:
    project = factories.project(items=0, limit=5)
    rows = [[f"r{n}", f"Text {n}", "apple" if n % 2 else "mango"] for n in range(60)]
    row = upload(project, csv_of(["id", "text", "label"], *rows), "rows.csv")
    assert row.error == ""
    assert [label.name for label in project.labels.all()] == ["apple", "banana", "cherry", "mango"]
    said = project.annotations.order_by("sequence")
    assert [one.sequence for one in said] == list(range(1, 61))
    assert {(one.source, one.paid, one.query_id, one.annotator.username) for one in said} == {
        ("import", False, None, "alice")
    }
    budget = Budget.objects.get(project=project)
    assert (budget.settled, budget.reserved, budget.sequence) == (0, 0, 60)
    assert set(project.items.filter(audit="").values_list("state", flat=True)) == {"answered"}
    assert set(project.items.exclude(audit="").values_list("state", flat=True)) == {"unasked"}
    assert_counters_match(project)


def test_imported_items_are_as_resolving_would_leave_them() -> None:
    project = factories.project(items=0)
    rows = [[f"r{n}", f"Text {n}", "apple" if n % 3 else ""] for n in range(30)]
    upload(project, csv_of(["id", "text", "label"], *rows), "rows.csv")
    fields = ("id", "outcome", "label_id", "confidence", "confidence_source", "state")
    before = list(project.items.order_by("id").values_list(*fields))
    budget = Budget.objects.get(project=project)
    for item in project.items.all():
        labeling.resolve_item(item, budget)
    assert list(project.items.order_by("id").values_list(*fields)) == before
    assert budget.unasked == Budget.objects.get(project=project).unasked


def test_too_many_labels_stop_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_LABELS", 10)
    project = factories.project(items=0)
    row = upload(project, csv_of(["text", "label"], *[[f"t{n}", f"l{n}"] for n in range(20)]), "rows.csv")
    assert row.state == "failed"
    assert "more than 10 labels" in row.error
    assert project.labels.count() == 3
    assert not project.items.exists()


def test_first_hundred_errors_are_kept_and_all_counted() -> None:
    project = factories.project(items=0)
    row = upload(project, csv_of(["id", "text"], *[[f"r{n}", ""] for n in range(130)]), "rows.csv")
    assert (row.state, row.rejected, len(row.errors)) == ("done", 130, 100)
    assert row.errors[0]["line"] == 2


def test_import_that_was_interrupted_is_completed_and_counted_once() -> None:
    project = factories.project(items=0)
    data = csv_of(["id", "text"], *[[f"r{n}", f"Text {n}"] for n in range(300)])
    row = importing.start_upload(project, SimpleUploadedFile("x.csv", data), user=factories.user("alice"), options={})
    path = Path(settings.MEDIA_ROOT) / row.file
    first = [r for r in reading.read(path, "x.csv", "text", Options()) if r.line < 200]
    outcome = importing.add_items(project, first, importer=factories.user("alice"))
    long_ago = timezone.now() - timedelta(minutes=1)
    Import.objects.filter(pk=row.pk).update(state="running", heartbeat_at=long_ago, added=outcome.added)
    assert importing.unfinished() == [row.pk]
    importing.run(row.pk)
    importing.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.added, row.repeated) == ("done", 300, 0)
    assert_counters_match(project)


def test_import_that_another_worker_reads_is_left_to_it() -> None:
    project = factories.project(items=0)
    row = importing.start_upload(
        project, SimpleUploadedFile("x.csv", b"text\nx\n"), user=factories.user("alice"), options={}
    )
    Import.objects.filter(pk=row.pk).update(state="running", heartbeat_at=timezone.now())
    importing.run(row.pk)
    assert importing.unfinished() == []
    assert not project.items.exists()


def test_waiting_import_is_woken_again_after_ten_seconds() -> None:
    project = factories.project(items=0)
    row = importing.start_upload(
        project, SimpleUploadedFile("x.csv", b"text\nx\n"), user=factories.user("alice"), options={}
    )
    assert importing.unfinished() == []
    Import.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(seconds=11))
    assert importing.unfinished() == [row.pk]


def test_lost_upload_and_wrong_file_are_told_to_the_owner() -> None:
    project = factories.project(items=0)
    row = importing.start_upload(
        project, SimpleUploadedFile("x.csv", b"text\nx\n"), user=factories.user("alice"), options={}
    )
    (Path(settings.MEDIA_ROOT) / row.file).unlink()
    importing.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "The uploaded file is gone. Send it again.")
    assert "no known kind" in upload(project, b"x", "rows.xlsx").error


def test_upload_larger_than_the_limit_is_refused(settings: Any) -> None:
    settings.UPLOAD_LIMIT = 2**20
    project = factories.project(items=0)
    with pytest.raises(RefusedError, match="larger than 1 MB"):
        importing.start_upload(
            project, SimpleUploadedFile("x.csv", bytes(2**20 + 1)), user=factories.user("alice"), options={}
        )
    assert not Import.objects.exists()


def test_two_imports_at_once_keep_the_count() -> None:
    project = factories.project(items=0)
    stale = Project.objects.get(pk=project.pk)
    importing.add_items(project, [Record(1, "a", text="one")], importer=factories.user("alice"))
    importing.add_items(stale, [Record(1, "b", text="two")], importer=factories.user("alice"))
    assert_counters_match(project)


def test_same_image_is_stored_once() -> None:
    project = factories.project(kind="image", items=0)
    row = upload(project, zip_of({"a.png": picture(1), "b.png": picture(1), "c.png": picture(2)}), "x.zip")
    assert row.added == 3
    assert len(set(project.items.values_list("file", flat=True))) == 2
    for item in project.items.all():
        assert (Path(settings.MEDIA_ROOT) / item.file).is_file()


def test_paths_in_a_zip_never_leave_the_projects_folder() -> None:
    project = factories.project(kind="image", items=0)
    row = upload(project, zip_of({"../../evil.png": picture(1), "/etc/evil.png": picture(2)}), "x.zip", folders=False)
    assert row.added == 2
    written = [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
    folder = Path(settings.MEDIA_ROOT) / "items" / str(project.pk)
    assert sorted(written) == sorted(Path(settings.MEDIA_ROOT) / item.file for item in project.items.all())
    assert all(path.is_relative_to(folder) for path in written)


# from the command line


def run_command(*args: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_items", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_command_makes_a_project_names_bad_rows_and_queues_a_round(tmp_path: Path) -> None:
    factories.user("alice")
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of(["id", "text"], ["a", "one"], ["b", ""], ["c", "three"]))
    out, err = run_command(str(path), "--new", "My texts", "--owner", "alice", "--labels", "yes, no", "--limit", "9")
    assert out == "my-texts: 2 added, 0 repeated, 1 rejected\n"
    assert err.startswith("line 3: column 'text'")
    project = Project.objects.get(slug="my-texts")
    assert [label.name for label in project.labels.all()] == ["yes", "no"]
    assert project.budget.limit == 9
    assert project.rounds.get().state == "queued"
    out, _ = run_command(str(path), "--project", "my-texts")
    assert out == "my-texts: 0 added, 2 repeated, 1 rejected\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--project", "nowhere"], "no project 'nowhere'; there are none yet"),
        (["--new", "X", "--owner", "nobody"], "no account 'nobody'"),
        (["--new", "X", "--owner", "alice", "--limit", "-1"], "0 or more"),
        (["--new", "X", "--owner", "alice", "--text-column", "body"], "no column 'body'; there are id, text"),
        (["--new", "X", "--owner", "alice", "--strategy", "magic"], "invalid choice: 'magic'"),
        ([], "one of the arguments --project --new is required"),
    ],
)
def test_command_refuses_clearly_and_leaves_nothing(tmp_path: Path, args: list[str], message: str) -> None:
    factories.user("alice")
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of(["id", "text"], ["a", "one"]))
    with pytest.raises(CommandError, match=message):
        run_command(str(path), *args)
    assert not Project.objects.exists()
