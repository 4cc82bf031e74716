"""Rounds played to their end within a test."""

from annotator import scheduling
from annotator.learning import running
from annotator.models import Project, Round


def next_round(project: Project) -> Round:
    project.refresh_from_db()
    found = scheduling.start_round(project, cause="A test")
    assert found is not None
    running.run(found.pk)
    found.refresh_from_db()
    assert found.state == "done", found.error
    return found
