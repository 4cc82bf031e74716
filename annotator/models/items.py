"""Items and the imports that brought them."""

import hashlib
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from annotator.models.projects import Label, Project

if TYPE_CHECKING:
    from annotator.models.proposals import Proposal

FOLDS = 5  # members of the ensemble; fixed, so that a chain of rounds keeps its out-of-fold property
AUDIT_MEMBERSHIP = 0.2  # share of all items that may be asked for the audit and never train


def _digest(*parts: object) -> int:
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest(), "big")


class ItemQuerySet(models.QuerySet["Item"]):
    def unasked(self) -> "ItemQuerySet":
        return self.filter(state=Item.State.UNASKED)

    def of_pool(self) -> "ItemQuerySet":
        """Items that may train: all but the audit's."""
        return self.filter(audit=Item.Audit.NO)


class Item(models.Model):
    """One thing to be labelled. What it shows never changes; what is known of it does."""

    class State(models.TextChoices):
        UNASKED = "unasked", "Not asked yet"
        ASKED = "asked", "Asked"
        ANSWERED = "answered", "Answered"
        CERTIFIED = "certified", "Confirmed in bulk"
        SKIPPED = "skipped", "Skipped by everyone asked"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Audit(models.TextChoices):
        NO = "", "Not in the audit"
        CHOICES = "choices", "Audit: serves choices"
        REPORTING = "reporting", "Audit: only reporting"

    class Outcome(models.TextChoices):
        NONE = "", "No answer yet"
        LABEL = "label", "Label"
        OUT_OF_SCOPE = "out_of_scope", "Out of scope"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="items")
    key = models.CharField(max_length=200)  # the caller's id
    text = models.TextField(blank=True)
    row = models.JSONField(null=True, blank=True)  # a table row: column -> value
    file = models.CharField(max_length=200, blank=True)  # an image, relative to MEDIA_ROOT
    digest = models.CharField(max_length=32, blank=True)  # of the content: repeats share their first item's group
    group = models.BigIntegerField()  # near-duplicates share it
    fold = models.PositiveSmallIntegerField()
    audit = models.CharField(max_length=10, choices=Audit.choices, default=Audit.NO, blank=True)
    order = models.BigIntegerField()  # a fixed random order: the audit and the random queries follow it
    state = models.CharField(max_length=10, choices=State.choices, default=State.UNASKED)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.NONE, blank=True)
    label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.CASCADE, related_name="items")
    confidence = models.FloatField(null=True, blank=True)
    confidence_source = models.CharField(
        max_length=10, blank=True
    )  # "votes", "model", "consensus", "review" or "certified"
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="item_key_once"),
            models.CheckConstraint(
                condition=models.Q(outcome="label", label__isnull=False)
                | (~models.Q(outcome="label") & models.Q(label__isnull=True)),
                name="item_label_with_outcome",
            ),
        ]
        indexes = [
            # the next random or audit item is one step in this index, at any pool size (promise 7)
            models.Index(fields=["project", "audit", "state", "order"], name="item_next_random"),
            models.Index(fields=["project", "outcome", "label"], name="item_label_counts"),
            # an import finds the first item of the same content in one step
            models.Index(fields=["project", "digest"], name="item_same_content"),
        ]

    def __str__(self) -> str:
        return self.key

    def place(self, first_key: str | None = None) -> None:
        """Give the item its group, fold, audit membership and order, all by hash, none by chance.

        `first_key` is the key of the first item that this one (nearly) repeats; itself if it repeats none.
        """
        seed = self.project.seed
        self.group = _digest(seed, "group", first_key or self.key)
        self.fold = self.group % FOLDS
        draw = _digest(seed, "audit", first_key or self.key) / 2**56
        if draw < AUDIT_MEMBERSHIP:
            self.audit = self.Audit.REPORTING if draw < AUDIT_MEMBERSHIP / 2 else self.Audit.CHOICES
        self.order = _digest(seed, "order", self.key)

    @property
    def check_draw(self) -> float:
        """In [0, 1), by hash: a label confirmed in bulk is asked again where this is low."""
        return _digest(self.project.seed, "check", self.key) / 2**56

    def certify(self, proposal: "Proposal | None") -> None:
        """Take over a label that was confirmed in bulk, or none; not saved."""
        self.outcome = self.Outcome.LABEL if proposal else self.Outcome.NONE
        self.label_id = proposal.label_id if proposal else None
        self.confidence = proposal.confidence if proposal else None
        self.confidence_source = "certified" if proposal else ""


class Vector(models.Model):
    """The vector that came with an item, beside it, so that reading an item does not read the vector."""

    item = models.OneToOneField(Item, on_delete=models.CASCADE, primary_key=True, related_name="vector")
    values = models.BinaryField()  # float32, little-endian; of the project's vector_length

    def __str__(self) -> str:
        return f"vector of {self.item_id}"


class Import(models.Model):
    """A file on its way into a project: its progress, what it added, and what was wrong in it."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Reading"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="imports")
    file = models.CharField(max_length=300)
    name = models.CharField(max_length=200)
    options = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(default=0)
    added = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)  # the first hundred, each {"line": n, "message": text}
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
