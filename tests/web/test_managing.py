"""Use cases of the owner."""

import pytest
from django.contrib.auth.models import User

from annotator import access, managing
from annotator.errors import InvalidInputError, NotFoundError, RefusedError
from annotator.models import ApiToken, Membership
from tests import factories


@pytest.mark.django_db
def test_new_project_has_labels_in_order_a_budget_and_its_owner() -> None:
    project = factories.project(labels=["b", "a"], limit=7, items=0)
    assert [(label.name, label.key) for label in project.labels.all()] == [("b", "1"), ("a", "2")]
    assert project.budget.limit == 7
    assert access.is_owner(factories.user("alice"), project)


@pytest.mark.django_db
def test_labels_are_only_appended() -> None:
    project = factories.project(labels=["a", "b"], items=0)
    managing.add_labels(project, ["c"])
    assert [label.name for label in project.labels.all()] == ["a", "b", "c"]
    with pytest.raises(InvalidInputError, match="already"):
        managing.add_labels(project, ["a"])


@pytest.mark.django_db
def test_limit_cannot_go_below_what_is_spent(bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob)
    with pytest.raises(InvalidInputError):
        managing.change_settings(project, managing.Settings(name="New name", limit=0))
    project.refresh_from_db()
    assert project.name == "Fruit"


@pytest.mark.django_db
def test_a_token_opens_the_project_until_it_is_revoked(alice: User) -> None:
    project = factories.project(items=0)
    secret = managing.create_token(project, "notebook", by=alice)
    assert access.project_for_token(secret, project.slug) == project
    token = ApiToken.objects.get()
    assert secret not in (token.digest, token.name)
    managing.revoke_token(project, token.pk)
    assert access.project_for_token(secret, project.slug) is None


@pytest.mark.django_db
def test_an_owner_who_follows_the_link_stays_owner(alice: User, charlie: User) -> None:
    project = factories.project(items=0)
    link = managing.invite(project, by=alice)
    assert managing.join(link, alice).role == Membership.Role.OWNER
    assert managing.join(link, charlie).role == Membership.Role.ANNOTATOR
    managing.withdraw_invitation(project, link.pk)
    with pytest.raises(NotFoundError):
        access.invitation_for(link.token)


@pytest.mark.django_db
def test_removing_a_person_gives_back_what_they_hold_and_keeps_their_answers(bob: User) -> None:
    project = factories.project()
    factories.answered(project, bob)
    factories.held_query(project, bob)
    managing.remove_person(project, bob.pk)
    assert project.queries.held().count() == 0
    assert project.annotations.count() == 1
    assert not project.memberships.filter(user=bob).exists()


@pytest.mark.django_db
def test_an_archived_project_cannot_pause() -> None:
    project = factories.project(items=0)
    managing.move(project, "archive")
    with pytest.raises(RefusedError):
        managing.move(project, "pause")
    managing.move(project, "resume")
    assert project.is_active
