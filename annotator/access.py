"""Fetch and authorise in one step. Every view, endpoint and use case of a person starts here.

What a person may not see answers like what does not exist, so that an address gives nothing away.
"""

import hashlib
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.utils import timezone

from annotator.errors import NotFoundError, NotYoursError
from annotator.models import (
    Annotation,
    ApiToken,
    Import,
    Invitation,
    Item,
    LabelIssue,
    Membership,
    Novelty,
    Project,
    Query,
)

Person = User | AnonymousUser


def projects_of(user: User) -> list[Project]:
    """The person's projects, newest first."""
    return list(Project.objects.of(user.pk).order_by("-created_at"))


def project_for(user: Person, slug: str) -> Project:
    """A project that the person belongs to, as `project`; raises NotFoundError else."""
    return _membership(user, slug).project


def project_for_owner(user: Person, slug: str) -> Project:
    """A project that the person owns; NotYoursError for its annotators, NotFoundError for everyone else."""
    membership = _membership(user, slug)
    if membership.role != Membership.Role.OWNER:
        raise NotYoursError("Only the owner of this project may do that.")
    return membership.project


def is_owner(user: Person, project: Project) -> bool:
    return any(m.role == Membership.Role.OWNER for m in project.memberships.filter(user_id=user.pk or 0))


def item_for(user: Person, slug: str, item_id: int) -> Item:
    """An item of a project that the person belongs to. Annotators see only items that they were shown."""
    membership = _membership(user, slug)
    item = Item.objects.select_related("project", "label").filter(project=membership.project, pk=item_id).first()
    if item is None or not _may_see(membership, item):
        raise NotFoundError("There is no such item.")
    return item


def query_for(user: Person, slug: str, query_id: int) -> Query:
    """A query of a project that the person belongs to, whoever holds it now (a late answer is still an answer)."""
    project = project_for(user, slug)
    query = Query.objects.select_related("item").filter(project=project, pk=query_id).first()
    if query is None:
        raise NotFoundError("There is no such question.")
    query.project = project
    return query


def issue_for_owner(user: Person, slug: str, issue_id: int) -> LabelIssue:
    project = project_for_owner(user, slug)
    issue = LabelIssue.objects.select_related("item", "annotation", "given", "expected").filter(
        project=project, pk=issue_id
    )
    found = issue.first()
    if found is None:
        raise NotFoundError("There is no such label issue.")
    return found


def novelty_for_owner(user: Person, slug: str, novelty_id: int) -> Novelty:
    project = project_for_owner(user, slug)
    novelty = Novelty.objects.select_related("label", "round", "decided_by").filter(project=project, pk=novelty_id)
    found = novelty.first()
    if found is None:
        raise NotFoundError("There is no such group of answers; a later round may have found it no more.")
    found.project = project
    return found


def person_in_project(user: Person, slug: str, person_id: int) -> tuple[Project, User]:
    """A person who belongs to a project or has answered in it: for its owner anybody, else only oneself."""
    membership = _membership(user, slug)
    if person_id != user.pk and membership.role != Membership.Role.OWNER:
        raise NotFoundError("There is no such person here.")
    project = membership.project
    here = Q(memberships__project=project) | Q(annotations__project=project)
    person = User.objects.filter(here, pk=person_id).distinct().first()
    if person is None:
        raise NotFoundError("There is no such person here.")
    return project, person


def import_for_owner(user: Person, slug: str, import_id: int) -> Import:
    found = Import.objects.filter(project=project_for_owner(user, slug), pk=import_id).first()
    if found is None:
        raise NotFoundError("There is no such import.")
    return found


def invitation_for(token: str) -> Invitation:
    """A valid invitation by its link's token."""
    found = Invitation.objects.select_related("project").filter(token=token, withdrawn_at__isnull=True).first()
    if found is None or not (found.project.is_active or found.project.state == Project.State.PAUSED):
        raise NotFoundError("This invitation is not valid any more. Ask the project's owner for a new link.")
    return found


def project_for_token(secret: str, slug: str) -> Project | None:
    """The project that an API token opens; None if the token is unknown, revoked or of another project."""
    token = (
        ApiToken.objects.select_related("project")
        .filter(digest=token_digest(secret), revoked_at__isnull=True, project__slug=slug)
        .exclude(project__state=Project.State.DELETED)
        .first()
    )
    if token is None:
        return None
    ApiToken.objects.filter(pk=token.pk).update(used_at=timezone.now())
    return token.project


def token_digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def recent_answers(user: User, limit: int = 20) -> list[Annotation]:
    """The person's own latest answers in all projects."""
    return list(
        Annotation.objects.current()
        .filter(annotator=user, source=Annotation.Source.ANSWER)
        .exclude(project__state=Project.State.DELETED)
        .select_related("project", "item", "label")
        .order_by("-id")[:limit]
    )


def lease_of(text: str) -> UUID | None:
    """A lease as it came in a form; None where it is no UUID."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _membership(user: Person, slug: str) -> Membership:
    found = (
        Membership.objects.select_related("project")
        .filter(user_id=user.pk, project__slug=slug)
        .exclude(project__state=Project.State.DELETED)
        .first()
        if user.is_authenticated
        else None
    )
    if found is None:
        raise NotFoundError("There is no such project, or you are not a member of it.")
    return found


def _may_see(membership: Membership, item: Item) -> bool:
    if membership.role == Membership.Role.OWNER:
        return True
    return (
        item.queries.filter(annotator_id=membership.user_id).exists()
        or item.annotations.filter(annotator_id=membership.user_id).exists()
        or item.proposals.filter(annotator_id=membership.user_id).exists()
    )
