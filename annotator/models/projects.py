"""Projects, their labels and their people."""

import secrets

from django.conf import settings
from django.db import models
from django.utils.text import slugify

from alcore import asking_again, schemes, suspects
from annotator.errors import InvalidInputError

AUDIT_SHARE = 0.2  # of the questions asked, while the audit has items left


def _seed() -> int:
    return secrets.randbelow(2**31)


def _invitation_token() -> str:
    return secrets.token_urlsafe(24)


class ProjectQuerySet(models.QuerySet["Project"]):
    def of(self, user_id: int) -> "ProjectQuerySet":
        """Projects that the person belongs to."""
        return self.filter(memberships__user_id=user_id).exclude(state=Project.State.DELETED)


class Project(models.Model):
    """One labelling job: items of one kind, a label set, a strategy and a limit on answers."""

    class Kind(models.TextChoices):
        IMAGE = "image", "Images"
        TEXT = "text", "Texts"
        TABLE = "table", "Table rows"

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        ARCHIVED = "archived", "Archived"
        DELETED = "deleted", "Being deleted"

    class Encoder(models.TextChoices):
        LSA = "lsa", "Words and word pairs (TF-IDF and LSA)"
        PIXELS = "pixels", "Pixels (28 by 28 grays, PCA)"
        COLUMNS = "columns", "Columns by their types"
        TRANSFORMER = "transformer", "A pretrained transformer"
        VECTORS = "vectors", "Vectors that come with the items"

    class Head(models.TextChoices):  # keys of models_zoo.heads.KINDS
        LINEAR = "linear", "Linear layer (logistic regression)"
        MLP = "mlp", "Network with one hidden layer"
        ADAPTER = "adapter", "Adapter: a small network that bends what a pretrained model sees"
        NETWORK = "network", "Small convolutional network, trained on the pictures themselves"
        TEXT = "text", "Small text network, trained on the words themselves"

    class Posterior(models.TextChoices):
        MC_DROPOUT = "mc_dropout", "Dropout: samples of a network with units left out (MC dropout)"
        LAPLACE = "laplace", "Laplace: samples of the last layer's weights around the trained ones"

    class Training(models.TextChoices):
        AUTO = "auto", "Automatic: networks continue, layers start fresh"
        CONTINUE = "continue", "Continue from the last round, with replay of earlier labels"
        FRESH = "fresh", "Start fresh each round"

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    guidelines = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    strategy = models.CharField(max_length=40, default="auto")
    batch_size = models.PositiveIntegerField(default=20)
    random_share = models.FloatField(default=0.1)
    cleaning = models.BooleanField(default=True)
    suspects = models.CharField(max_length=10, default=suspects.DEFAULT)  # a key of alcore.suspects.OFFERED
    overlap = models.PositiveSmallIntegerField(default=3)  # people that one item is asked of, at most
    confidence = models.FloatField(default=0.9)  # in an item's label, from which on nobody else is asked
    review_share = models.FloatField(default=asking_again.START)  # of a batch that asks again; rounds adapt it
    guards = models.JSONField(default=list, blank=True)  # keys of alcore.catalog.GUARDS
    certify = models.BooleanField(default=False)  # offer what the model is sure of to be confirmed in bulk
    encoder = models.CharField(max_length=12, choices=Encoder.choices)
    encoder_path = models.CharField(max_length=200, blank=True)  # the pretrained model's name, never a path
    head = models.CharField(max_length=12, choices=Head.choices, default=Head.LINEAR)
    posterior = models.CharField(max_length=12, choices=Posterior.choices, default=Posterior.MC_DROPOUT)
    balance_training = models.BooleanField(default=False)  # rare labels weigh more
    training = models.CharField(max_length=10, choices=Training.choices, default=Training.AUTO)
    replay = models.CharField(max_length=10, default=schemes.DEFAULT)  # a key of alcore.schemes.OFFERED
    semi_supervised = models.BooleanField(default=False)  # unlabelled items train too
    vector_length = models.PositiveIntegerField(null=True, blank=True)  # of the vectors that came with the items
    seed = models.PositiveIntegerField(default=_seed)
    item_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(batch_size__gte=1), name="project_batch_at_least_one"),
            models.CheckConstraint(condition=models.Q(overlap__gte=1), name="project_overlap_at_least_one"),
            models.CheckConstraint(
                condition=models.Q(confidence__gt=0) & models.Q(confidence__lte=1), name="project_confidence"
            ),
            models.CheckConstraint(
                condition=models.Q(random_share__gte=0) & models.Q(random_share__lte=1),
                name="project_random_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE

    @property
    def goes_on(self) -> bool:
        """Whether a round goes on from the last one's model: by default where a network is trained end to end."""
        if self.training == self.Training.AUTO:
            return self.head in END_TO_END
        return self.training == self.Training.CONTINUE

    @classmethod
    def free_slug(cls, name: str) -> str:
        """A slug made of the name that no project has yet."""
        stem = slugify(name)[:70] or "project"
        slug, number = stem, 1
        while cls.objects.filter(slug=slug).exists():
            number += 1
            slug = f"{stem}-{number}"
        return slug


# heads for which a retraining takes minutes where going on takes seconds (benchmarks.continual)
END_TO_END = (Project.Head.NETWORK, Project.Head.TEXT)

# what may encode items of a kind, the usual one first
ENCODERS: dict[str, tuple[Project.Encoder, ...]] = {
    Project.Kind.TEXT: (Project.Encoder.LSA, Project.Encoder.TRANSFORMER, Project.Encoder.VECTORS),
    Project.Kind.IMAGE: (Project.Encoder.PIXELS, Project.Encoder.TRANSFORMER),
    Project.Kind.TABLE: (Project.Encoder.COLUMNS, Project.Encoder.VECTORS),
}


def require_head_suits(head: str, *, kind: str, encoder: str) -> None:
    """Raises InvalidInputError where the head cannot be trained on items of that kind that are encoded so."""
    if head == Project.Head.NETWORK and (kind, encoder) != (Project.Kind.IMAGE, Project.Encoder.PIXELS):
        raise InvalidInputError("A convolutional network learns from images by their pixels; choose another head here.")
    if head == Project.Head.TEXT and (kind, encoder) != (Project.Kind.TEXT, Project.Encoder.LSA):
        raise InvalidInputError("A text network learns from texts by their words; choose another head here.")


class Label(models.Model):
    """A class one may choose; its position gives the key that types it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=200)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="label_name_once"),
            models.UniqueConstraint(fields=["project", "position"], name="label_position_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """The key that chooses this label: 1-9, then 0; none beyond ten."""
        return "1234567890"[self.position] if self.position < 10 else ""


class Membership(models.Model):
    """A person's place in a project."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        ANNOTATOR = "annotator", "Annotator"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="member_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}"


class Invitation(models.Model):
    """A link by which people join as annotators until its owner withdraws it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    token = models.CharField(max_length=64, unique=True, default=_invitation_token)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"invitation to {self.project}"


class ApiToken(models.Model):
    """A program's right to read a project's labels; only its hash is kept."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
