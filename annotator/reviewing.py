"""Label issues: raised by a round, decided by people."""

from django.contrib.auth.models import User
from django.db.models import QuerySet

from annotator import labeling
from annotator.errors import RefusedError
from annotator.models import Annotation, LabelIssue, Project


def open_issues(project: Project) -> QuerySet[LabelIssue]:
    """Open issues, the most suspect first."""
    return (
        LabelIssue.objects.filter(project=project, state=LabelIssue.State.OPEN)
        .select_related("item", "given", "expected", "annotation__annotator", "round")
        .order_by("quality", "id")
    )


def confirm(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The given label is right: recorded as the reviewer's decision, and never suspected again."""
    return _decide(issue, label_id=issue.given_id, reviewer=reviewer)


def correct(issue: LabelIssue, *, reviewer: User) -> Annotation:
    """The expected label is right."""
    return _decide(issue, label_id=issue.expected_id, reviewer=reviewer)


def _decide(issue: LabelIssue, *, label_id: int | None, reviewer: User) -> Annotation:
    if issue.state != LabelIssue.State.OPEN:
        raise RefusedError(f"This issue is already closed: {issue.get_state_display().lower()}.")
    label = issue.given if label_id == issue.given_id else issue.expected
    outcome = Annotation.Outcome.LABEL if label is not None else Annotation.Outcome.OUT_OF_SCOPE
    return labeling.revise(issue.item, outcome=outcome, label=label, reviewer=reviewer)
