"""The shape of every input, by subject; import the forms from here."""

from annotator.forms.answers import ANSWER_SALT, AccountForm, AnswerForm, ChoiceForm, ItemSearchForm, stamp
from annotator.forms.projects import (
    DeleteForm,
    ImportForm,
    LabelsForm,
    NewLabelForm,
    ProjectForm,
    SettingsForm,
    TokenForm,
)

__all__ = [
    "ANSWER_SALT",
    "AccountForm",
    "AnswerForm",
    "ChoiceForm",
    "DeleteForm",
    "ImportForm",
    "ItemSearchForm",
    "LabelsForm",
    "NewLabelForm",
    "ProjectForm",
    "SettingsForm",
    "TokenForm",
    "stamp",
]
