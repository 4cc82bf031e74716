"""Projects and who may do what in them: create, change, invite, join, tokens, pause, archive, delete."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from alcore.catalog import DEFAULT
from annotator import access, budgeting, certifying, pretrained, serving
from annotator.errors import InvalidInputError, NotFoundError, RefusedError
from annotator.models import ENCODERS, ApiToken, Budget, Invitation, Label, Membership, Project, require_head_suits

State = Project.State
Role = Membership.Role
# what an owner may do with a project's state: action -> (from, to)
MOVES: dict[str, tuple[tuple[str, ...], str]] = {
    "pause": ((State.ACTIVE,), State.PAUSED),
    "resume": ((State.PAUSED, State.ARCHIVED), State.ACTIVE),
    "archive": ((State.ACTIVE, State.PAUSED), State.ARCHIVED),
}


@dataclass(frozen=True)
class Settings:
    """What an owner decides about a project; the defaults are a new project's."""

    name: str
    guidelines: str = ""
    strategy: str = DEFAULT
    batch_size: int = 20
    cleaning: bool = True
    guards: Sequence[str] = ()
    certify: bool = False
    limit: int | None = None  # answers; None: no limit
    overlap: int | None = None  # people that one item is asked of; None, here and below: the usual, or what is chosen
    confidence: float | None = None  # in an item's label, from which on nobody else is asked
    encoder: str = ""  # empty: the kind's usual one, or the one that is chosen already
    encoder_path: str = ""
    head: str = ""  # empty, here and below: the usual one, or the one that is chosen already
    posterior: str = ""
    balance_training: bool = False
    training: str = ""
    replay: str = ""
    suspects: str = ""
    semi_supervised: bool = False


def create_project(owner: User, settings: Settings, *, kind: str, label_names: Sequence[str]) -> Project:
    """A project with its labels, its budget and its owner."""
    encoder = _suitable_encoder(kind, settings)
    with transaction.atomic():
        project = Project.objects.create(
            slug=_free_slug(settings.name),
            name=settings.name,
            kind=kind,
            guidelines=settings.guidelines,
            strategy=settings.strategy,
            batch_size=settings.batch_size,
            cleaning=settings.cleaning,
            guards=list(settings.guards),
            certify=settings.certify,
            **_again(settings, Project()),
            encoder=encoder,
            encoder_path=settings.encoder_path,
            **_training(settings, kind, encoder),
        )
        Budget.objects.create(project=project, limit=settings.limit)
        Membership.objects.create(project=project, user=owner, role=Role.OWNER)
        add_labels(project, label_names)
        return project


def _suitable_encoder(kind: str, settings: Settings, now: str = "") -> str:
    """The encoder that was chosen, or else the one of now, or the kind's usual one."""
    encoder = settings.encoder or now or ENCODERS[kind][0]
    if encoder not in ENCODERS[kind]:
        raise InvalidInputError(f"The encoder {encoder} is not for {kind}; there are {', '.join(ENCODERS[kind])}.")
    if encoder == Project.Encoder.TRANSFORMER:
        pretrained.locate(settings.encoder_path)
    return encoder


def _again(settings: Settings, now: Project) -> dict[str, Any]:
    """How often one item is asked: the fields of a project."""
    return {
        "overlap": now.overlap if settings.overlap is None else settings.overlap,
        "confidence": now.confidence if settings.confidence is None else settings.confidence,
    }


def _training(settings: Settings, kind: str, encoder: str, now: Project | None = None) -> dict[str, Any]:
    """How rounds train: the fields of a project, by what was chosen, or else what is chosen now, or the usual."""
    now = now or Project()
    names = ("head", "posterior", "training", "replay", "suspects")
    chosen = {name: getattr(settings, name) or getattr(now, name) for name in names}
    require_head_suits(chosen["head"], kind=kind, encoder=encoder)
    switches = {name: getattr(settings, name) for name in ("balance_training", "semi_supervised")}
    return {**chosen, **switches}


def _free_slug(name: str) -> str:
    """A slug that is neither taken nor the address of the page for new projects."""
    slug = Project.free_slug(name)
    return slug if slug != "new" else Project.free_slug("new-project")


def change_settings(project: Project, settings: Settings) -> None:
    """Put new settings in place; the next round uses them."""
    encoder = _suitable_encoder(project.kind, settings, now=project.encoder)
    if encoder == Project.Encoder.VECTORS and project.items.filter(vector__isnull=True).exists():
        raise InvalidInputError(
            "There are items that came without a vector, so vectors cannot be what is learned from."
        )
    training = _training(settings, project.kind, encoder, project)
    with transaction.atomic():
        budgeting.set_limit(project, settings.limit)
        project.name = settings.name
        project.guidelines = settings.guidelines
        project.strategy = settings.strategy
        project.batch_size = settings.batch_size
        project.cleaning, project.guards = settings.cleaning, list(settings.guards)
        project.certify = settings.certify
        project.encoder, project.encoder_path = encoder, settings.encoder_path
        others = {**_again(settings, project), **training}
        for name, value in others.items():
            setattr(project, name, value)
        fields = ["name", "guidelines", "strategy", "batch_size", "cleaning", "guards", "certify"]
        project.save(update_fields=[*fields, "encoder", "encoder_path", *others])


def add_labels(project: Project, names: Sequence[str]) -> None:
    """Append labels. Existing ones keep their place, and so their key."""
    with transaction.atomic():
        budgeting.locked(project.pk)  # so that two owners do not take the same position
        known = set(project.labels.values_list("name", flat=True))
        if taken := [name for name in names if name in known]:
            raise InvalidInputError(f"The project has this label already: {', '.join(taken)}.")
        last = project.labels.aggregate(last=Max("position"))["last"]
        start = 0 if last is None else last + 1
        Label.objects.bulk_create(
            Label(project=project, name=name, position=start + place) for place, name in enumerate(names)
        )


def move(project: Project, action: str) -> None:
    """Pause, resume or archive."""
    if action not in MOVES:
        raise InvalidInputError("Choose pause, resume or archive.")
    before, after = MOVES[action]
    if not Project.objects.filter(pk=project.pk, state__in=before).update(state=after):
        raise RefusedError(f"This project is {project.get_state_display().lower()}; it cannot {action} now.")
    project.state = after


def delete(project: Project) -> None:
    """Take the project out of everybody's sight; the caller sends the worker that removes its rows and files."""
    Project.objects.filter(pk=project.pk).update(state=State.DELETED)


def people(project: Project) -> QuerySet[Membership]:
    return project.memberships.select_related("user").order_by("joined_at", "id")


def invitations(project: Project) -> QuerySet[Invitation]:
    """Links that still let people in."""
    return project.invitations.filter(withdrawn_at__isnull=True).order_by("-id")


def tokens(project: Project) -> QuerySet[ApiToken]:
    """API tokens that still open the project."""
    return project.tokens.filter(revoked_at__isnull=True).order_by("-id")


def invite(project: Project, *, by: User) -> Invitation:
    return Invitation.objects.create(project=project, created_by=by)


def withdraw_invitation(project: Project, invitation_id: int) -> None:
    """The link lets nobody in any more; who joined by it stays."""
    if not invitations(project).filter(pk=invitation_id).update(withdrawn_at=timezone.now()):
        raise NotFoundError("There is no such invitation.")


def join(invitation: Invitation, user: User) -> Membership:
    """Make the person an annotator; who is a member already keeps their role."""
    membership, _ = Membership.objects.get_or_create(
        project=invitation.project, user=user, defaults={"role": Role.ANNOTATOR}
    )
    return membership


def remove_person(project: Project, user_id: int) -> None:
    """End an annotator's membership and give back what they hold; their answers stay."""
    membership = people(project).filter(user_id=user_id, role=Role.ANNOTATOR).first()
    if membership is None:
        raise NotFoundError("There is no such annotator in this project.")
    with transaction.atomic():
        serving.release_held(project, membership.user)
        certifying.give_back(project, membership.user)
        membership.delete()


def create_token(project: Project, name: str, *, by: User) -> str:
    """A new API token's secret. It is kept nowhere: only its digest is."""
    secret = secrets.token_urlsafe(32)
    ApiToken.objects.create(project=project, name=name, digest=access.token_digest(secret), created_by=by)
    return secret


def revoke_token(project: Project, token_id: int) -> None:
    if not tokens(project).filter(pk=token_id).update(revoked_at=timezone.now()):
        raise NotFoundError("There is no such token.")
