"""Rounds, and the workers that run them."""

from django.db import models

from annotator.models.projects import Project


class RoundQuerySet(models.QuerySet["Round"]):
    def unfinished(self) -> "RoundQuerySet":
        return self.filter(state__in=[Round.State.QUEUED, Round.State.RUNNING])


class Round(models.Model):
    """One clean-train-evaluate-select pass. The row is the truth; a Celery message only wakes somebody."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    cause = models.CharField(max_length=200, blank=True)  # why it was started, for the page
    strategy = models.CharField(max_length=40)  # as configured when it started
    used_strategy = models.CharField(max_length=40, blank=True)  # as used: "coverage" without labels
    head = models.CharField(max_length=12, blank=True, choices=Project.Head.choices)  # as trained; empty: no model
    seed = models.PositiveIntegerField()
    sequence = models.PositiveBigIntegerField(default=0)  # the last annotation it saw
    attempt = models.PositiveIntegerField(default=0)
    boot = models.CharField(max_length=36, blank=True)  # of the worker that runs it
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    step = models.CharField(max_length=20, blank=True)
    progress = models.FloatField(default=0)
    timings = models.JSONField(default=dict)  # step -> seconds
    training = models.JSONField(default=dict)  # how its model came to be: alcore.training.Training, without its memory
    labels_used = models.PositiveIntegerField(default=0)
    issues_found = models.PositiveIntegerField(default=0)
    downweighted = models.PositiveIntegerField(default=0)
    calibration_error = models.FloatField(null=True, blank=True)  # expected, out of fold, on what trained
    queries_made = models.PositiveIntegerField(default=0)
    # labels that are taken for each other: [{"first": label id or null, "second": ..., "disagreements": n,
    # "suspects": n, "items": [ids]}]; null stands for out of scope
    confused = models.JSONField(default=list)
    # on the audit, a model of the labels as first given and one of those that stand now: annotator.learning.worth.Worth
    worth = models.JSONField(default=dict)
    # the reporting half of the audit; sharpened by later answers
    audit_answered = models.PositiveIntegerField(default=0)
    accuracy = models.FloatField(null=True, blank=True)
    accuracy_low = models.FloatField(null=True, blank=True)
    accuracy_high = models.FloatField(null=True, blank=True)
    notes = models.JSONField(default=list)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RoundQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="round_number_once"),
            # promise 5: one round at a time per project
            models.UniqueConstraint(
                fields=["project"],
                condition=models.Q(state__in=["queued", "running"]),
                name="round_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"round {self.number} of {self.project_id}"

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class Worker(models.Model):
    """A worker process by its fixed name; a new boot under the same name means that the old process is gone."""

    name = models.CharField(max_length=120, unique=True)
    queue = models.CharField(max_length=20)
    boot = models.CharField(max_length=36)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
