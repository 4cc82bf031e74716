"""Out-of-scope answers that look alike, offered to the owner as a new class."""

from django.conf import settings
from django.db import models

from annotator.models.projects import Label, Project
from annotator.models.rounds import Round


class NoveltyQuerySet(models.QuerySet["Novelty"]):
    def open(self) -> "NoveltyQuerySet":
        """What the newest round found, the largest first; without the items, which may be many."""
        return self.filter(state=Novelty.State.OPEN).defer("items").order_by("-size", "pk")


class Novelty(models.Model):
    """One group of answers "out of scope" that look alike. Rounds find it and see it grow; the owner decides."""

    class State(models.TextChoices):
        OPEN = "open", "To be decided"
        PROMOTED = "promoted", "Made a label"
        DISMISSED = "dismissed", "Not a class"
        WITHDRAWN = "withdrawn", "Not found any more"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="novelties")
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="novelties")  # the last that found it
    items = models.JSONField(default=list)  # ids, the most typical first
    size = models.PositiveIntegerField()  # how many items
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    label = models.OneToOneField(Label, null=True, blank=True, on_delete=models.CASCADE, related_name="novelty")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = NoveltyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="promoted", label__isnull=False)
                | (~models.Q(state="promoted") & models.Q(label__isnull=True)),
                name="novelty_promoted_to_a_label",
            ),
        ]
        indexes = [models.Index(fields=["project", "state"], name="novelty_to_decide")]

    def __str__(self) -> str:
        return f"novelty {self.pk} of {self.project_id}"

    @property
    def may_be_decided(self) -> bool:
        """A group that a round has not found again may still be what the owner was looking for."""
        return self.state in (self.State.OPEN, self.State.WITHDRAWN)
