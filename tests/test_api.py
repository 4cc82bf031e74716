"""The API: a token opens one project and nothing else; what it answers is what its description says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st

from annotator import managing
from annotator.api.schemas import LabelRow
from annotator.models import ApiToken, Project
from tests import factories

pytestmark = pytest.mark.django_db
SCHEMA = "/api/v1/openapi.json"


@pytest.fixture
def project(alice: User, bob: User) -> Project:
    made = factories.project(limit=50)
    measured = {"accuracy": 0.9, "accuracy_low": 0.8, "accuracy_high": 0.95, "calibration_error": 0.04}
    factories.finished_round(made, audit_answered=40, head="mlp", **measured)
    said = [factories.answered(made, bob, name) for name in ("apple", "banana", "apple")]
    factories.issue(said[0], "banana")
    factories.held_query(made, bob)
    return made


@pytest.fixture
def secret(project: Project, alice: User) -> str:
    return managing.create_token(project, "a program", by=alice)


def ask(address: str, secret: str = "", **headers: str) -> Any:
    return Client().get(address, headers={"Authorization": f"Bearer {secret}", **headers} if secret else headers)


def test_summary(project: Project, secret: str) -> None:
    answer = ask(f"/api/v1/projects/{project.slug}", secret)
    assert answer.status_code == 200
    told = answer.json()
    (found,) = told.pop("rounds")
    assert told == {
        "slug": "fruit", "name": "Fruit", "kind": "text", "state": "active", "labels": ["apple", "banana", "cherry"],
        "item_count": 10, "sequence": 3, "budget": {"limit": 50, "settled": 3, "reserved": 1},
        "certified": {"certified": 0, "checked": 0, "right": 0, "low": 0, "high": 1},
    }  # fmt: skip
    assert (found["number"], found["state"], found["strategy"], found["used_strategy"]) == (
        1,
        "done",
        "auto",
        "auto",
    )
    assert (found["head"], found["calibration_error"]) == ("mlp", 0.04)
    assert (found["accuracy"], found["accuracy_low"], found["accuracy_high"]) == (0.9, 0.8, 0.95)
    assert found["started_at"].endswith("Z") or found["started_at"].endswith("+00:00")


def test_labels_are_streamed_as_json_lines_of_the_described_shape(project: Project, secret: str, bob: User) -> None:
    factories.confirmed(project, bob, "apple", 2)
    answer = ask(f"/api/v1/projects/{project.slug}/labels", secret)
    assert answer.status_code == 200
    assert answer.streaming
    assert answer["Content-Type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert len(rows) == 5
    assert [row["certified"] is None for row in rows].count(False) == 2
    for row in rows:
        described = LabelRow.model_validate(row).model_dump(mode="json")
        assert set(described) == set(row), "nothing is sent that is not described"
        assert [set(one) for one in described["annotations"]] == [set(one) for one in row["annotations"]]
        assert set(described["certified"] or {}) == set(row["certified"] or {})
        assert [set(one) for one in described["label_issues"]] == [set(one) for one in row["label_issues"]]


@pytest.mark.parametrize("path", ["", "/labels"])
def test_wrong_tokens_are_refused_alike(project: Project, secret: str, alice: User, path: str) -> None:
    other = managing.create_token(factories.project(name="Other"), "x", by=alice)
    revoked = managing.create_token(project, "old", by=alice)
    managing.revoke_token(project, ApiToken.objects.get(name="old").pk)
    for wrong in ("", "wrong", other, revoked, secret + "x"):
        answer = ask(f"/api/v1/projects/fruit{path}", wrong)
        assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
    assert ask(f"/api/v1/projects/nowhere{path}", secret).status_code == 401


def test_signed_in_person_needs_a_token_too(project: Project, as_alice: Client) -> None:
    assert as_alice.get("/api/v1/projects/fruit/labels").status_code == 401


def test_deleted_project_is_closed(project: Project, secret: str) -> None:
    managing.delete(project)
    assert ask("/api/v1/projects/fruit", secret).status_code == 401


def test_use_of_a_token_is_noted(project: Project, secret: str) -> None:
    assert ApiToken.objects.get().used_at is None
    ask("/api/v1/projects/fruit", secret)
    assert ApiToken.objects.get().used_at is not None


def test_queries_of_the_summary_do_not_grow_with_rounds(
    project: Project, secret: str, django_assert_num_queries: Any
) -> None:
    for number in range(2, 20):
        factories.finished_round(project, number)
    with django_assert_num_queries(7):  # token, its use, labels, budget, what was confirmed in bulk (2), rounds
        ask("/api/v1/projects/fruit", secret)


def test_documentation_page_keeps_to_the_content_policy(client: Client) -> None:
    answer = client.get("/api/v1/docs")
    page = answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert "//" not in page.replace("://", "").split("<body")[0], "nothing comes from another host"
    assert "http" not in page.replace('"/api/v1/openapi.json"', "")
    assert "<style" not in page
    assert "onload" not in page
    for script in page.split("<script")[1:]:
        assert script.startswith((' type="application/json"', ' src="/static/')), "data or a file, no inline code"


def test_every_endpoint_and_field_is_described(client: Client) -> None:
    described = client.get(SCHEMA).json()
    assert set(described["paths"]) == {"/api/v1/projects/{slug}", "/api/v1/projects/{slug}/labels"}
    for path in described["paths"].values():
        assert path["get"]["summary"]
        assert path["get"]["security"]
        assert set(path["get"]["responses"]) == {"200", "401"}
    labels = described["paths"]["/api/v1/projects/{slug}/labels"]["get"]["responses"]["200"]["content"]
    assert set(labels) == {"application/x-ndjson"}
    assert "LabelRow" in described["components"]["schemas"]


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """The server side of a request ends in the test's own transaction, so it must not close its connection."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_one_connection")
@pytest.mark.parametrize("path", ["/api/v1/projects/{slug}", "/api/v1/projects/{slug}/labels"])
def test_answers_conform_to_the_description(project: Project, secret: str, path: str) -> None:
    """Schemathesis, bounded: whatever is sent, no 5xx, and nothing that the description does not say."""
    operation = schemathesis.openapi.from_wsgi(SCHEMA, get_wsgi_application())[path]["GET"]

    @tries(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(), slug=st.none() | st.just(project.slug))
    def probe(case: Any, slug: str | None) -> None:
        case.path_parameters = {"slug": slug} if slug else case.path_parameters
        case.headers.update({"Authorization": f"Bearer {secret}", "Accept-Encoding": "identity"})
        case.call_and_validate()

    probe()
