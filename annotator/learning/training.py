"""The head that a project's rounds train, and the one that plays its trials."""

from dataclasses import replace
from typing import cast

from annotator.models import Project
from annotator.models.projects import END_TO_END
from models_zoo import heads
from models_zoo.crossfit import CrossFitted
from models_zoo.encoders.pixels import SIDE
from models_zoo.training import Posterior, TrainingConfig


def head_of(project: Project) -> CrossFitted:
    """By the project's settings, not trained."""
    config = _config_of(project)
    if project.head == Project.Head.NETWORK:
        config = replace(config, shape=(SIDE, SIDE))
    return heads.make(project.head, config)


def head_for_trials(project: Project) -> CrossFitted:
    """The same; a linear layer in place of a network trained end to end, which trials would train for hours."""
    kind = Project.Head.LINEAR if project.head in END_TO_END else project.head
    return heads.make(kind, _config_of(project))


def _config_of(project: Project) -> TrainingConfig:
    return TrainingConfig(posterior=cast(Posterior, project.posterior), balanced=project.balance_training)
