"""What is known of the people who annotate a project."""

from django.conf import settings
from django.db import models

from annotator.models.projects import Project
from annotator.models.rounds import Round


class Quality(models.Model):
    """How often a person's answers in a project are right, as the last round saw it; nobody is banned by it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="qualities")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="qualities")
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="qualities")  # the last that measured it
    answers = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    value = models.FloatField()  # probability that an answer is right
    low = models.FloatField()  # 95 %
    high = models.FloatField()
    judged = models.FloatField()  # how many answers' worth of evidence it rests on
    latest = models.FloatField(null=True, blank=True)  # of the last 50 answers; null where too little is known
    before = models.FloatField(null=True, blank=True)  # of those before them
    changed = models.BooleanField(default=False)  # they differ by three standard errors
    # [{"true": label id or null, "given": the same, "expected": of "of" answers}]: null stands for out of scope
    confused = models.JSONField(default=list)
    curve = models.JSONField(default=list)  # quality of 20 answers at a time; null where nothing is known

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "annotator"], name="quality_once_per_person")]

    def __str__(self) -> str:
        return f"quality of {self.annotator_id} in project {self.project_id}"
