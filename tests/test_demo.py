"""The demo is made once, is whole however often it was interrupted, and tells nobody else its passwords."""

import io
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from PIL import Image

from annotator import demo, importing
from annotator.management.commands import demo as command
from annotator.management.commands import prepare
from annotator.models import Annotation, Budget, Item, Membership, Project, Round
from tests.test_supervisor import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _place(settings: Any, tmp_path: Path) -> None:
    settings.HOME, settings.PORT = tmp_path, free_port()
    settings.STATIC_ROOT = tmp_path / "static"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first twelve scans stand for all where the number does not matter."""
    records = [record for record, _ in zip(demo._records(), range(12), strict=False)]
    monkeypatch.setattr(demo, "_records", lambda: iter(records))


def make() -> str:
    out = io.StringIO()
    call_command("demo", "--no-start", stdout=out)
    return out.getvalue()


def test_demo_is_whole() -> None:
    said = make()
    project = Project.objects.get(slug="digits")
    assert said.count("1,797 of 1,797") == 1
    assert said.count(" of 1,797") <= 10
    assert (project.item_count, project.items.count(), project.kind) == (1797, 1797, "image")
    assert project.items.order_by("key").values_list("key", flat=True)[0] == "digit-0001"
    assert project.budget.limit == 1000
    in_audit = Counter(project.items.values_list("audit", flat=True))
    assert project.budget.unasked == in_audit[Item.Audit.NO]
    assert project.budget.unasked_reporting == in_audit[Item.Audit.REPORTING]
    assert Round.objects.get().state == Round.State.QUEUED


def test_each_key_types_its_own_digit(few: None) -> None:
    make()
    assert [(label.key, label.name) for label in Project.objects.get().labels.all()] == [(d, d) for d in "1234567890"]


def test_scans_are_files_of_a_readable_size_dark_on_light(few: None) -> None:
    make()
    for item in Item.objects.all():
        with Image.open(Path(settings.MEDIA_ROOT) / item.file) as picture:
            assert (picture.format, picture.size) == ("PNG", (160, 160))
            assert picture.getpixel((0, 0)) == 255
            assert picture.getextrema()[0] < 40


def test_no_known_label_comes_with_the_scans(few: None) -> None:
    make()
    assert not Annotation.objects.exists()
    assert set(Item.objects.values_list("outcome", flat=True)) == {""}


def test_printed_passwords_open_the_accounts(few: None, client: Any, tmp_path: Path) -> None:
    make()
    people = dict(line.split() for line in demo.sign_ins(tmp_path).splitlines())
    assert list(people) == ["alice", "bob", "carol"]
    assert all(client.login(username=name, password=word) for name, word in people.items())
    roles = Membership.objects.order_by("user__username").values_list("role", flat=True)
    assert list(roles) == ["owner", "annotator", "annotator"]


def test_only_this_user_may_read_passwords_and_key(few: None, tmp_path: Path) -> None:
    make()
    for name in ("demo_sign_in.txt", "secret_key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_second_demo_keeps_everything(few: None, tmp_path: Path) -> None:
    make()
    before = (demo.sign_ins(tmp_path), (tmp_path / "secret_key").read_text(), set(Item.objects.values_list("pk")))
    assert make() == ""
    after = (demo.sign_ins(tmp_path), (tmp_path / "secret_key").read_text(), set(Item.objects.values_list("pk")))
    assert before == after


def test_deleted_demo_project_does_not_come_back(few: None) -> None:
    make()
    Project.objects.all().delete()
    make()
    assert not Project.objects.exists()


def test_interrupted_demo_is_completed(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PIECE", 5)

    def interrupt(self: command.Command, outcome: importing.Outcome) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command.Command, "report", interrupt)
        with pytest.raises(CommandError, match="goes on from here"):
            make()
    assert Item.objects.count() == 5
    make()
    assert Project.objects.get().item_count == Item.objects.count() == 12
    assert Budget.objects.get().unasked == Item.objects.of_pool().count()


def test_account_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    User.objects.create_user("carol", password="her own, not ours")
    with pytest.raises(CommandError, match="an account named carol already"):
        make()
    assert User.objects.get().check_password("her own, not ours")
    assert not demo.sign_ins(tmp_path)


def test_prepare_finds_nothing_to_do_the_second_time(tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("prepare", stdout=out)
    assert "Made a secret key." in out.getvalue()
    second = io.StringIO()
    call_command("prepare", stdout=second)
    assert second.getvalue() == ""


def test_prepare_says_that_home_cannot_be_written(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.HOME = tmp_path / "file" / "var"
    with pytest.raises(CommandError, match="set WINNOW_HOME to a folder of yours"):
        call_command("prepare")


def test_interrupted_key_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    assert prepare.make_secret_key(tmp_path / "secret_key")
    assert len((tmp_path / "secret_key").read_text()) > 40
