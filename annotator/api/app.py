"""The JSON API: typed, with OpenAPI at /api/v1/openapi.json and a page for it at /api/v1/docs."""

from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.openapi.docs import Swagger
from ninja.openapi.schema import OpenAPISchema
from ninja.security import HttpBearer

from annotator import access, certifying, exporting
from annotator.api.schemas import LabelRow, Problem, ProjectOut
from annotator.models import Project


class ProjectToken(HttpBearer):
    """A token made on a project's settings page; it opens that project only."""

    def authenticate(self, request: HttpRequest, token: str) -> Project | None:
        slug = request.resolver_match.kwargs.get("slug", "") if request.resolver_match else ""
        return None if "\x00" in slug else access.project_for_token(token, slug)  # PostgreSQL refuses to look for NUL


class Api(NinjaAPI):
    """Describes the stream of labels as what it is; ninja takes every answer for one JSON object."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        described = super().get_openapi_schema(**kwargs)
        for path, operations in described["paths"].items():
            if path.endswith("/labels"):
                content = operations["get"]["responses"][200]["content"]
                content["application/x-ndjson"] = content.pop("application/json")
        return described


api = Api(
    title="Winnow",
    version="1",
    description="Labels out of Winnow, with where each one came from. Make a token on the project's settings page.",
    auth=ProjectToken(),
    urls_namespace="api-1",
    docs=Swagger(settings={"validatorUrl": None}),  # else the page asks a server of Swagger's
)


def _opened(request: HttpRequest) -> Project:
    """The project that the token has opened."""
    project: Any = getattr(request, "auth", None)
    if not isinstance(project, Project):
        raise HttpError(401, "Unauthorized")
    return project


@api.get("/projects/{slug}", response={200: ProjectOut, 401: Problem}, summary="A project and its rounds")
def project(request: HttpRequest, slug: str) -> dict[str, Any]:
    """Labels, counts, budget (in answers), labels confirmed in bulk, and every round with its times and its accuracy.

    401 without a token of this project.
    """
    found = _opened(request)
    return {
        "slug": found.slug,
        "name": found.name,
        "kind": found.kind,
        "state": found.state,
        "labels": [label.name for label in found.labels.all()],
        "item_count": found.item_count,
        "sequence": found.budget.sequence,
        "budget": found.budget,
        "certified": certifying.figures(found),
        "rounds": list(found.rounds.order_by("number")),
    }


@api.get(
    "/projects/{slug}/labels",
    response={200: LabelRow, 401: Problem},
    summary="All labels, as JSON lines",
    openapi_extra={"responses": {200: {"description": "JSON lines: one LabelRow a line, streamed"}}},
)
def labels(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """Streams one JSON object a line for every item with an annotation or a confirmed label, in the order of import.

    Confidence and probabilities lie in 0 to 1, seconds are seconds, times are UTC. 401 without a token of this project.
    """
    lines = exporting.json_lines(_opened(request))
    return StreamingHttpResponse(lines, content_type="application/x-ndjson")
