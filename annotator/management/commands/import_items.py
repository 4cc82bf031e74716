"""`manage.py import_items`: a file into a project, from the command line."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from alcore import catalog
from annotator import enqueue, importing, managing, reading
from annotator.errors import RefusedError
from annotator.models import Membership, Project


class Command(BaseCommand):
    help = "Import items from CSV, JSON lines or a ZIP of images. A repeat adds nothing twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--project", help="the slug of a project that is there")
        where.add_argument("--new", help="the name of a project to make")
        parser.add_argument("--owner", help="whose project it is (needed with --new)")
        parser.add_argument("--kind", choices=Project.Kind.values, default="text", help="of a new project")
        parser.add_argument("--labels", default="", help="labels of a new project, separated by commas")
        parser.add_argument("--strategy", default=catalog.DEFAULT, choices=catalog.KEYS)
        parser.add_argument("--limit", type=int, help="on answers; none if left out")
        parser.add_argument("--id-column", default="", help="your own ids; 'id' where there is such a column")
        parser.add_argument("--text-column", default="", help="the text; 'text', else the only other one")
        parser.add_argument("--label-column", default="", help="known labels; 'label' where there is such a column")
        parser.add_argument("--vector-column", default="", help="your own vectors, each a JSON array of numbers")
        parser.add_argument("--encoder", default="", choices=["", *Project.Encoder.values], help="of a new project")
        parser.add_argument("--model", default="", help="for the encoder transformer: a name under WINNOW_MODELS")
        parser.add_argument("--no-folders", action="store_true", help="a ZIP's folders are no labels")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"{path} is no file.")
        project = _project(options)
        outcome = self._imported(project, path, options)
        for bad in outcome.errors:
            self.stderr.write(f"line {bad['line']}: {bad['message']}")
        if outcome.rejected > len(outcome.errors):
            self.stderr.write(f"and {outcome.rejected - len(outcome.errors)} more")
        self.stdout.write(
            f"{project.slug}: {outcome.added} added, {outcome.repeated} repeated, {outcome.rejected} rejected"
        )
        enqueue.round_if_due(project)

    def _imported(self, project: Project, path: Path, options: dict[str, Any]) -> importing.Outcome:
        columns = reading.Options(
            id_column=options["id_column"],
            text_column=options["text_column"],
            label_column=options["label_column"],
            vector_column=options["vector_column"],
            folders=not options["no_folders"],
        )
        try:
            rows = reading.read(path, path.name, project.kind, importing.columns_of(project, columns))
            return importing.add_items(project, rows, importer=_owner_of(project), report=_progress)
        except RefusedError as error:
            if options["new"] and not project.items.exists():
                project.delete()  # nothing came of it
            raise CommandError(error.message) from error


def _project(options: dict[str, Any]) -> Project:
    if options["project"]:
        found = Project.objects.exclude(state=Project.State.DELETED).filter(slug=options["project"]).first()
        if found is None:
            known = Project.objects.exclude(state=Project.State.DELETED).values_list("slug", flat=True)[:20]
            raise CommandError(
                f"There is no project {options['project']!r}; there are {', '.join(known) or 'none yet'}."
            )
        return found
    owner = User.objects.filter(username=options["owner"]).first()
    if owner is None:
        raise CommandError(f"There is no account {options['owner']!r}; give --owner one that is there.")
    if options["limit"] is not None and options["limit"] < 0:
        raise CommandError("--limit is a number of answers, 0 or more.")
    labels = list(dict.fromkeys(name.strip() for name in options["labels"].split(",") if name.strip()))
    settings = managing.Settings(
        options["new"],
        strategy=options["strategy"],
        limit=options["limit"],
        encoder=options["encoder"],
        encoder_path=options["model"],
    )
    try:
        return managing.create_project(owner, settings, kind=options["kind"], label_names=labels)
    except RefusedError as error:
        raise CommandError(error.message) from error


def _owner_of(project: Project) -> User:
    owner = project.memberships.filter(role=Membership.Role.OWNER).select_related("user").first()
    if owner is None:
        raise CommandError(f"{project.slug} has no owner.")
    return owner.user


def _progress(outcome: importing.Outcome) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{outcome.line} rows read, {outcome.added} added\033[K")
        sys.stderr.flush()
