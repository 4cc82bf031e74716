"""Which strategy for my data: trials on the labels that a project has, asked for by its owner. Rows only."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from annotator.errors import RefusedError
from annotator.models import Budget, Item, Project, Trial

STRATEGIES = ("random", "auto", "margin", "entropy", "bald", "badge", "typiclust")
SEEDS = 5
SILENT_AFTER = timedelta(minutes=2)
FEWEST_CLASSES = 2
FEWEST_LABELS = 100  # below, a fifth held out is too few to tell strategies apart


def labeled_count(project: Project) -> int:
    """Items with a resolved label, without out of scope and what the audit keeps for reporting."""
    return _labeled(project).count()


def latest(project: Project) -> Trial | None:
    return project.trials.order_by("-id").first()


def start(project: Project, user: User) -> Trial:
    """Queue a trial of every strategy, seed by seed."""
    labels = labeled_count(project)
    if labels < FEWEST_LABELS:
        raise RefusedError(f"Trials need {FEWEST_LABELS} labeled items; there are {labels}.")
    if _labeled(project).values("label").distinct().count() < FEWEST_CLASSES:
        raise RefusedError("All labeled items have the same label; trials need two labels that were given.")
    try:
        with transaction.atomic():
            return Trial.objects.create(
                project=project,
                labels=labels,
                sequence=Budget.objects.get(project=project).sequence,
                plan=[[strategy, seed] for seed in range(SEEDS) for strategy in STRATEGIES],
                created_by=user,
            )
    except IntegrityError as error:
        raise RefusedError("A trial is already under way.") from error


def unfinished() -> list[int]:
    """Ids of trials to wake again: those that have not gone on for a while."""
    silent = Trial.objects.filter(state=Trial.State.RUNNING, touched_at__lt=timezone.now() - SILENT_AFTER)
    return list(silent.values_list("id", flat=True))


def _labeled(project: Project) -> QuerySet[Item]:
    unfit = [Item.State.WITHDRAWN, Item.State.CERTIFIED]  # a label that the model proposed is no truth to judge it by
    found = project.items.exclude(state__in=unfit).exclude(audit=Item.Audit.REPORTING)
    return found.filter(outcome="label")
