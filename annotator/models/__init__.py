"""The data model, by subject; import the classes from here."""

from annotator.models.annotations import Annotation, Query
from annotator.models.budgets import Budget
from annotator.models.issues import LabelIssue
from annotator.models.items import FOLDS, Import, Item, Vector
from annotator.models.novelties import Novelty
from annotator.models.people import Quality
from annotator.models.projects import (
    AUDIT_SHARE,
    ENCODERS,
    ApiToken,
    Invitation,
    Label,
    Membership,
    Project,
    require_head_suits,
)
from annotator.models.proposals import Proposal
from annotator.models.rounds import Round, Worker
from annotator.models.trials import Trial

__all__ = [
    "AUDIT_SHARE",
    "ENCODERS",
    "FOLDS",
    "Annotation",
    "ApiToken",
    "Budget",
    "Import",
    "Invitation",
    "Item",
    "Label",
    "LabelIssue",
    "Membership",
    "Novelty",
    "Project",
    "Proposal",
    "Quality",
    "Query",
    "Round",
    "Trial",
    "Vector",
    "Worker",
    "require_head_suits",
]
