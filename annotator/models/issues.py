"""Answers that look wrong."""

from django.conf import settings
from django.db import models

from annotator.models.annotations import Annotation
from annotator.models.items import Item
from annotator.models.projects import Label, Project
from annotator.models.rounds import Round


class LabelIssue(models.Model):
    """An annotation that looks wrong; people decide."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CONFIRMED = "confirmed", "Given label confirmed"
        CORRECTED = "corrected", "Corrected"
        UNCLEAR = "unclear", "The guideline is unclear"
        DISMISSED = "dismissed", "No longer suspected"

    class Cause(models.TextChoices):
        MODEL = "model", "The model finds it hard to believe"
        DUPLICATE = "duplicate", "Nearly the same item has another label"
        NOVELTY = "novelty", "A new label was made of answers like it"
        NEW_LABEL = "new_label", "It was answered before there was a new label"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="issues")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="issues")
    annotation = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="issues")
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="issues")
    # null stands for out of scope
    given = models.ForeignKey(Label, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    expected = models.ForeignKey(Label, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    cause = models.CharField(max_length=10, choices=Cause.choices, default=Cause.MODEL)
    # probability that the given label is right, by votes and judges; low is suspect. Null where no model has doubted it
    quality = models.FloatField(null=True, blank=True)
    uncalibrated = models.FloatField(null=True, blank=True)  # the same, before it was made as sure as it proved right
    # what stands beside it: ids of the nearest items with each label, {"given": [...], "expected": [...]}
    neighbors = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    # what closed it; issues that one person closed in one step share the moment, and are undone together
    decision = models.ForeignKey(
        Annotation, null=True, blank=True, on_delete=models.SET_NULL, related_name="closed_issues"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["annotation"], condition=models.Q(state="open"), name="issue_one_open_per_annotation"
            )
        ]
        indexes = [
            models.Index(fields=["project", "state", "quality"], name="issue_worst_first"),
            models.Index(fields=["project", "decided_by", "-decided_at"], name="issue_decided_last"),
        ]

    def __str__(self) -> str:
        return f"issue {self.pk} of item {self.item_id}"
