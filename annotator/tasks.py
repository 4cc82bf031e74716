"""Celery tasks: a few lines each, ids in, safe to run twice. Only the worker imports this."""

from celery.signals import task_postrun
from django.db import close_old_connections

from annotator import advising, deleting, enqueue, importing, scheduling, serving
from annotator.broker import app
from annotator.models import Import, Project


@app.task(name="annotator.run_round")
def run_round(round_id: int) -> None:
    """Run a queued round; nothing if it is not queued any more."""
    from annotator.learning import running

    project = running.run(round_id)
    if project is not None:
        enqueue.round_if_due(project)


@app.task(name="annotator.run_import")
def run_import(import_id: int) -> None:
    """Read an uploaded file, then start the first round."""
    importing.run(import_id)
    enqueue.round_if_due(Import.objects.select_related("project").get(pk=import_id).project)


@app.task(name="annotator.delete_project")
def delete_project(project_id: int) -> None:
    deleting.delete_in_pieces(project_id)


@app.task(name="annotator.play_trial")
def play_trial(trial_id: int) -> None:
    """One run of a trial, then back to the end of the queue, so that rounds come between."""
    from annotator.learning import trying

    if trying.play_next(trial_id):
        enqueue.play_trial(trial_id)


@app.task(name="annotator.sweep")
def sweep() -> None:
    """Give expired leases back, and send again what a dead worker or a lost message left behind."""
    serving.release_expired()
    for round_id in scheduling.sweep():
        enqueue.run_round(round_id)
    for import_id in importing.unfinished():
        enqueue.run_import(import_id)
    for trial_id in advising.unfinished():
        enqueue.play_trial(trial_id)
    for project_id in deleting.unfinished():
        enqueue.delete_project(project_id)
    for project in Project.objects.filter(state=Project.State.ACTIVE):
        enqueue.round_if_due(project)


@task_postrun.connect
def _close_connections(**kwargs: object) -> None:
    close_old_connections()
