"""The limit on answers and the counters that live under its lock."""

from django.db import models

from annotator.models.projects import Project


class Budget(models.Model):
    """One row a project. Whoever records, reserves or draws holds its lock; so no counter is ever read stale."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="budget")
    limit = models.PositiveIntegerField(null=True, blank=True)  # answers; null: no limit
    reserved = models.PositiveIntegerField(default=0)  # shown and not yet answered
    settled = models.PositiveIntegerField(default=0)  # answers paid; every outcome but skip, audit included
    sequence = models.PositiveBigIntegerField(default=0)  # of the last annotation
    unasked = models.PositiveIntegerField(default=0)  # pool items never asked: the size of a random draw
    random_draws = models.PositiveIntegerField(default=0)  # random queries drawn outside rounds so far
    unasked_reporting = models.PositiveIntegerField(default=0)
    unasked_choices = models.PositiveIntegerField(default=0)
    audit_draws = models.PositiveIntegerField(default=0)
    certified = models.PositiveIntegerField(default=0)  # labels confirmed in bulk; they cost no answers

    class Meta:
        constraints = [
            # promise 4: never overspent, whatever the code does
            models.CheckConstraint(
                condition=models.Q(limit__isnull=True)
                | models.Q(limit__gte=models.F("settled") + models.F("reserved")),
                name="budget_never_overspent",
            ),
        ]

    def __str__(self) -> str:
        return f"budget of {self.project_id}"

    @property
    def left(self) -> int | None:
        """Answers that may still be reserved; None without a limit."""
        return None if self.limit is None else self.limit - self.settled - self.reserved
