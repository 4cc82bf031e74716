"""Labels as files, streamed."""

from django.http import HttpResponseBase, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotator import access, exporting
from annotator.views.requests import PersonRequest, signed_in


@never_cache
@require_GET
@signed_in
def labels_csv(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    answer = StreamingHttpResponse(exporting.csv_lines(project), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{project.slug}-labels.csv"'
    return answer


@never_cache
@require_GET
@signed_in
def labels_jsonl(request: PersonRequest, slug: str) -> HttpResponseBase:
    project = access.project_for_owner(request.user, slug)
    answer = StreamingHttpResponse(exporting.json_lines(project), content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="{project.slug}-labels.jsonl"'
    return answer
