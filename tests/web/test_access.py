"""Who may open which address. An address that is not listed here fails the first test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from annotator import managing
from annotator.models import Project
from tests import factories


@dataclass(frozen=True)
class World:
    """One project with a row of everything that an address can name."""

    project: Project
    ids: dict[str, dict[str, object]] = field(default_factory=dict)

    def address(self, name: str) -> str:
        kwargs = self.ids.get(name, {})
        return reverse(name, kwargs=kwargs or None) if name in OPEN else reverse(name, kwargs=self._of_project(kwargs))

    def _of_project(self, kwargs: dict[str, object]) -> dict[str, object]:
        return {"slug": self.project.slug, **kwargs}


# address name -> method; the status that the owner, the member and the outsider get
OPEN = {
    "home": ("get", 200),
    "strategies": ("get", 200),
    "password": ("get", 200),
    "password-done": ("get", 200),
    "project-new": ("get", 200),
    "join": ("get", 200),
}
FOR_MEMBERS = {
    "project": ("get", 200),
    "label": ("get", 200),
    "label-status": ("get", 200),
    "answer-undo": ("post", 409),
    "confirm": ("get", 200),
    "confirm-decide": ("post", 422),
    "confirm-undo": ("post", 409),
    "person": ("get", 200),
    "answer-submit": ("post", 422),
}
FOR_OWNERS = {
    "project-live": ("get", 200),
    "project-figures": ("get", 200),
    "project-train": ("post", 302),
    "project-state": ("post", 422),
    "advice": ("get", 200),
    "advice-begin": ("post", 409),
    "issues": ("get", 200),
    "issue-decide": ("post", 422),
    "issues-keep": ("post", 422),
    "issues-undo": ("post", 409),
    "issue-pairs": ("get", 200),
    "novelties": ("get", 200),
    "novelty": ("get", 200),
    "novelty-promote": ("post", 422),
    "novelty-dismiss": ("post", 302),
    "novelty-again": ("post", 409),
    "novelty-confirm": ("post", 422),
    "items": ("get", 200),
    "item": ("get", 200),
    "import": ("get", 200),
    "labels-csv": ("get", 200),
    "labels-jsonl": ("get", 200),
    "settings": ("get", 200),
    "labels-add": ("post", 422),
    "invite": ("post", 302),
    "invitation-withdraw": ("post", 302),
    "person-remove": ("post", 404),
    "token-create": ("post", 422),
    "token-revoke": ("post", 404),
    "project-delete": ("get", 200),
}
# tested on their own: in test_accounts.py, test_items.py and below
ELSEWHERE = {"healthz", "sign-in", "sign-out", "kept-answer", "item-image"}


def named_patterns() -> Iterator[str]:
    def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                if not (pattern.namespace or "").startswith("api"):  # tests/api
                    yield from walk(pattern.url_patterns)
            else:
                yield pattern.name or str(pattern.pattern)

    yield from (name for name in walk(get_resolver().url_patterns) if not name.startswith(("api-", "openapi")))


@pytest.fixture
def world(db: None) -> World:
    project = factories.project(items=10)
    bob, alice = factories.user("bob"), factories.user("alice")
    said = factories.answered(project, alice, "apple")
    issue = factories.issue(said, "banana")
    novelty = factories.novelty(project, alice, 2)
    link = managing.invite(project, by=alice)
    query = factories.held_query(project, bob)
    ids: dict[str, dict[str, object]] = {
        "join": {"token": link.token},
        "answer-submit": {"query_id": query.pk},
        "issue-decide": {"issue_id": issue.pk},
        "item": {"item_id": said.item_id},
        **{f"novelty{act}": {"novelty_id": novelty.pk} for act in ("", "-promote", "-dismiss", "-again", "-confirm")},
        "invitation-withdraw": {"invitation_id": link.pk},
        "person": {"person_id": bob.pk},
        "person-remove": {"user_id": alice.pk},
        "token-revoke": {"token_id": 1},
    }
    return World(project, ids)


def test_every_address_is_listed() -> None:
    listed = OPEN.keys() | FOR_MEMBERS.keys() | FOR_OWNERS.keys() | ELSEWHERE
    assert set(named_patterns()) == listed


def asked(client: Client, world: World, name: str, method: str) -> int:
    ask: Callable[..., object] = getattr(client, method)
    return int(ask(world.address(name)).status_code)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [*OPEN])
def test_open_to_everyone_signed_in(world: World, as_charlie: Client, name: str) -> None:
    method, status = OPEN[name]
    assert asked(as_charlie, world, name, method) == status


@pytest.mark.parametrize("name", [*FOR_MEMBERS])
def test_open_to_members_only(world: World, as_bob: Client, as_charlie: Client, name: str) -> None:
    method, status = FOR_MEMBERS[name]
    assert asked(as_bob, world, name, method) == status
    assert asked(as_charlie, world, name, method) == 404


@pytest.mark.parametrize("name", [*FOR_OWNERS])
def test_open_to_the_owner_only(world: World, as_alice: Client, as_bob: Client, as_charlie: Client, name: str) -> None:
    method, status = FOR_OWNERS[name]
    assert asked(as_charlie, world, name, method) == 404
    assert asked(as_bob, world, name, method) == 403
    assert asked(as_alice, world, name, method) == status


@pytest.mark.parametrize("name", [*OPEN, *FOR_MEMBERS, *FOR_OWNERS])
def test_strangers_are_sent_to_sign_in(world: World, client: Client, name: str) -> None:
    method, _ = {**OPEN, **FOR_MEMBERS, **FOR_OWNERS}[name]
    if name == "join":
        assert asked(client, world, name, method) == 200
        return
    answer = getattr(client, method)(world.address(name))
    assert answer.status_code == 302
    assert "/sign-in/" in answer["Location"]


@pytest.mark.parametrize("name", [*FOR_OWNERS])
def test_addresses_that_change_something_refuse_get(world: World, as_alice: Client, name: str) -> None:
    if FOR_OWNERS[name][0] == "post":
        assert as_alice.get(world.address(name)).status_code == 405


@pytest.mark.django_db
def test_another_projects_rows_are_not_found_through_ones_own(world: World, as_charlie: Client) -> None:
    own = managing.create_project(
        factories.user("charlie"), managing.Settings(name="Own"), kind="text", label_names=["a", "b"]
    )
    stranger = World(own, world.ids)
    novelties = [name for name in world.ids if name.startswith("novelty")]
    for name in ("item", "issue-decide", "answer-submit", "invitation-withdraw", *novelties):
        method = {**FOR_OWNERS, **FOR_MEMBERS}[name][0]
        assert asked(as_charlie, stranger, name, method) == 404


@pytest.mark.django_db
def test_healthz_answers_strangers(client: Client) -> None:
    assert client.get(reverse("healthz")).content == b"ok"


@pytest.mark.django_db
def test_every_answer_carries_the_content_security_policy(client: Client) -> None:
    for address in ("/sign-in/", "/nowhere/", "/healthz"):
        policy = client.get(address)["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
