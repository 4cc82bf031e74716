"""Trials of strategies on a project's own labels."""

from django.conf import settings
from django.db import models

from annotator.models.projects import Project


class Trial(models.Model):
    """One comparison of strategies, played run by run in the learner, between rounds.

    The row is the truth: `played` counts the runs that are stored, so a message that is lost or comes twice plays none
    twice.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="trials")
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    labels = models.PositiveIntegerField()  # labeled items when it was started
    sequence = models.PositiveBigIntegerField()  # the last annotation that counts
    plan = models.JSONField()  # [[strategy, seed], ...]
    runs = models.JSONField(default=list)  # as the simulator gives them
    played = models.PositiveIntegerField(default=0)
    summary = models.JSONField(default=list)  # of each strategy, the best first
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(auto_now_add=True)  # when it last went on
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=models.Q(state="running"), name="trial_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"trial {self.pk} of {self.project_id}"

    @property
    def progress(self) -> float:
        return self.played / max(1, len(self.plan))
