"""Queries and annotations."""

from django.conf import settings
from django.db import models

from annotator.models.items import Item
from annotator.models.projects import Label, Project
from annotator.models.rounds import Round


class QueryQuerySet(models.QuerySet["Query"]):
    def open(self) -> "QueryQuerySet":
        return self.filter(state=Query.State.OPEN)

    def chosen_by_rounds(self) -> "QueryQuerySet":
        return self.filter(draw__in=[Query.Draw.RANKED, Query.Draw.RANDOM, Query.Draw.SAMPLED])

    def asking_again(self) -> "QueryQuerySet":
        """Second answers, of another person."""
        return self.filter(draw__in=Query.AGAIN)

    def answered(self) -> "QueryQuerySet":
        return self.filter(state=Query.State.ANSWERED)

    def held(self) -> "QueryQuerySet":
        return self.filter(state=Query.State.HELD)


class Query(models.Model):
    """An item that a round, the audit or the review wants answered."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        HELD = "held", "Held"
        ANSWERED = "answered", "Answered"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Draw(models.TextChoices):
        RANKED = "ranked", "Ranked by the strategy"
        RANDOM = "random", "Drawn at random"
        SAMPLED = "sampled", "Drawn by its score"
        AUDIT = "audit", "Drawn for the audit"
        REVIEW = "review", "Sent back for review"
        OPINION = "opinion", "Asked again, of somebody else"
        RECHECK = "recheck", "Drawn at random to be asked twice"
        CHECK = "check", "Drawn to check labels confirmed in bulk"

    AGAIN = (Draw.OPINION, Draw.RECHECK)  # of an item that somebody has answered, for another person

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="queries")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="queries")
    round = models.ForeignKey(Round, null=True, blank=True, on_delete=models.CASCADE, related_name="queries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.CharField(max_length=200, blank=True)  # why it is asked, in one sentence
    strategy = models.CharField(max_length=40, blank=True)
    draw = models.CharField(max_length=10, choices=Draw.choices)
    score = models.FloatField(null=True, blank=True)
    rank = models.PositiveIntegerField(default=0)
    probability = models.FloatField(null=True, blank=True)  # of this draw at its step; null where ranked
    draw_step = models.PositiveIntegerField(null=True, blank=True)
    pool_size = models.PositiveIntegerField(null=True, blank=True)
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="queries"
    )
    # whose opinion tells most of it; others get it where that person is away, or where nothing else is left
    wanted = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # of an item that is asked again: the label it had, null for out of scope; beside it, `score` is how sure that was,
    # and `uncalibrated` the same before it was made as sure as labels have proved right
    standing = models.ForeignKey(Label, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    uncalibrated = models.FloatField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True, unique=True)
    held_until = models.DateTimeField(null=True, blank=True)
    shown_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = QueryQuerySet.as_manager()

    class Meta:
        constraints = [
            # promise 3: no two people hold the same item
            models.UniqueConstraint(
                fields=["item"],
                condition=models.Q(state__in=["open", "held"]),
                name="query_one_live_per_item",
            ),
            models.UniqueConstraint(
                fields=["item", "annotator"],
                condition=models.Q(state__in=["held", "answered"]) & ~models.Q(draw="review"),
                name="query_item_once_per_person",
            ),
            models.UniqueConstraint(
                fields=["project", "annotator"],
                condition=models.Q(state="held"),
                name="query_one_held_per_person",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="held")
                | models.Q(annotator__isnull=False, lease__isnull=False, held_until__isnull=False),
                name="query_held_by_somebody",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="open") | models.Q(annotator__isnull=True, lease__isnull=True),
                name="query_open_held_by_nobody",
            ),
        ]
        indexes = [
            # the next query to serve is one step in this index (promises 2 and 7)
            models.Index(fields=["project", "state", "rank", "id"], name="query_next"),
            # what was asked twice at random, at any number of questions (promise 7)
            models.Index(fields=["project"], condition=models.Q(draw="recheck"), name="query_asked_twice"),
        ]

    def __str__(self) -> str:
        return f"query {self.pk} of item {self.item_id}"


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def current(self) -> "AnnotationQuerySet":
        """What people say now: rows that no later row replaces, without undone ones."""
        return self.filter(superseded_by__isnull=True).exclude(outcome=Annotation.Outcome.UNDONE)


class Annotation(models.Model):
    """One person's answer on one item. Rows are only ever added: undo and revision are new rows."""

    class Outcome(models.TextChoices):
        LABEL = "label", "Label"
        OUT_OF_SCOPE = "out_of_scope", "Out of scope"
        SKIPPED = "skipped", "Skipped"
        UNDONE = "undone", "Undone"

    class Source(models.TextChoices):
        ANSWER = "answer", "Answered in Winnow"
        REVIEW = "review", "Decided in review"
        IMPORT = "import", "Came with the file"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="annotations")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="annotations")
    query = models.ForeignKey(Query, null=True, blank=True, on_delete=models.CASCADE, related_name="annotations")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="annotations")
    sequence = models.PositiveBigIntegerField()  # per project, under the budget row's lock
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.CASCADE, related_name="annotations")
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.ANSWER)
    lease = models.UUIDField(null=True, blank=True)  # a repeated POST carries the same one
    late = models.BooleanField(default=False)  # the lease was lost when the answer came
    paid = models.BooleanField(default=False)  # settled against the limit when it was recorded
    seconds = models.FloatField(null=True, blank=True)
    supersedes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="superseded_by"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AnnotationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "sequence"], name="annotation_sequence_once"),
            models.UniqueConstraint(
                fields=["project", "lease"],
                condition=models.Q(lease__isnull=False),
                name="annotation_once_per_lease",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="label", label__isnull=False)
                | (~models.Q(outcome="label") & models.Q(label__isnull=True)),
                name="annotation_label_with_outcome",
            ),
        ]
        indexes = [
            models.Index(fields=["item", "annotator"], name="annotation_of_item"),
            models.Index(fields=["project", "annotator", "-sequence"], name="annotation_recent_of_person"),
        ]

    def __str__(self) -> str:
        return f"annotation {self.sequence} of project {self.project_id}"

    @property
    def says(self) -> str:
        """What the person said, in words."""
        return self.label.name if self.label is not None else self.get_outcome_display()
