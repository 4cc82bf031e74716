"""Labels that the model is sure of, offered to people to be confirmed many at a time."""

from django.conf import settings
from django.db import models

from annotator.models.annotations import Query
from annotator.models.items import Item
from annotator.models.projects import Label, Project
from annotator.models.rounds import Round


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def open(self) -> "ProposalQuerySet":
        return self.filter(state=Proposal.State.OPEN)

    def in_full(self) -> "ProposalQuerySet":
        """With what a page shows of each, the surest first."""
        return self.select_related("item", "label", "check_query").order_by("-confidence", "pk")

    def confirmed(self) -> "ProposalQuerySet":
        return self.filter(state=Proposal.State.CONFIRMED)


class Proposal(models.Model):
    """One item's label as a round proposes it. Confirmed, it is the item's label until somebody answers the item.

    It is no annotation, and lives apart from them: so it cannot train, pay or measure by mistake.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CONFIRMED = "confirmed", "Confirmed in bulk"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="proposals")
    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="proposals")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="proposals")
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="+")
    confidence = models.FloatField()  # the model's
    precision = models.FloatField()  # at least, of labels as sure as this one: lower 95 % bound
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    # who is shown it now, under a lease that all proposals of a page share; later, who decided
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="proposals"
    )
    lease = models.UUIDField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    check_query = models.OneToOneField(
        Query, null=True, blank=True, on_delete=models.SET_NULL, related_name="proposal"
    )  # by which the confirmed label is asked again, blind
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["round", "item"], name="proposal_once_per_round"),
            models.UniqueConstraint(
                fields=["item"], condition=models.Q(state="confirmed"), name="proposal_one_confirmed_per_item"
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["confirmed", "declined"])
                | models.Q(annotator__isnull=False, lease__isnull=False, decided_at__isnull=False),
                name="proposal_decided_by_somebody",
            ),
        ]
        indexes = [
            # the next page of one label is one step in this index (promise 7)
            models.Index(fields=["round", "state", "label", "-confidence"], name="proposal_next"),
            models.Index(fields=["project", "annotator", "-decided_at"], name="proposal_recent_of_person"),
            # how many were right of those asked again, at any number of confirmed ones (promise 7)
            models.Index(
                fields=["project"], condition=models.Q(check_query__isnull=False), name="proposal_asked_again"
            ),
        ]

    def __str__(self) -> str:
        return f"proposal {self.pk} of item {self.item_id}"
