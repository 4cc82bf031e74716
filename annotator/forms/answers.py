"""What people say: an answer, a decision, what they look for, who they are."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.core import signing
from django.core.exceptions import ValidationError

from annotator.models import Annotation, Item, Label, Project

Outcome = Annotation.Outcome
LONGEST_SECONDS = 24 * 3600
ANSWER_SALT = "annotator.answer"


def stamp(user: User) -> str:
    """Says on a form for whom it was made, so that an answer kept past a session goes to no other account."""
    return signing.dumps(user.pk, salt=ANSWER_SALT)


class AnswerForm(forms.Form):
    """One answer: a label, or an outcome without one."""

    label = forms.IntegerField(required=False)
    outcome = forms.ChoiceField(choices=Outcome.choices, required=False)
    lease = forms.UUIDField(error_messages={"required": "The form came without its lease; reload the page."})
    seconds = forms.FloatField(required=False, min_value=0)

    def __init__(self, labels: list[Label], data: Any) -> None:
        super().__init__(data)
        self.labels = {label.pk: label for label in labels}

    def clean_label(self) -> Label | None:
        chosen = self.cleaned_data["label"]
        if chosen is not None and chosen not in self.labels:
            raise ValidationError("This label is not one of the project's.")
        return self.labels.get(chosen)

    def clean_seconds(self) -> float | None:
        seconds = self.cleaned_data["seconds"]
        return seconds if seconds is None else min(seconds, LONGEST_SECONDS)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        cleaned["outcome"] = Outcome.LABEL if cleaned["label"] else cleaned["outcome"]
        if cleaned["outcome"] not in (Outcome.LABEL, Outcome.OUT_OF_SCOPE, Outcome.SKIPPED):
            raise ValidationError("Choose a label, out of scope, or skip.")
        if cleaned["outcome"] == Outcome.LABEL and cleaned["label"] is None:
            raise ValidationError("Choose a label.")
        return cleaned

    def answer(self) -> dict[str, Any]:
        """What labeling.Answer is made of."""
        return {name: self.cleaned_data[name] for name in ("outcome", "label", "lease", "seconds")}

    def complaint(self) -> str:
        """The first thing that is wrong, as a sentence."""
        return next((str(error) for errors in self.errors.values() for error in errors), "")


class ChoiceForm(forms.Form):
    """A reviewer's choice: one of the project's labels, or out of scope."""

    choice = forms.CharField()

    def __init__(self, project: Project, data: Any) -> None:
        super().__init__(data)
        self.project = project

    def clean_choice(self) -> Label | None:
        """The label; None stands for out of scope."""
        choice = self.cleaned_data["choice"]
        if choice == Outcome.OUT_OF_SCOPE:
            return None
        label = self.project.labels.filter(pk=choice).first() if choice.isdecimal() and len(choice) < 19 else None
        if label is None:
            raise ValidationError("Choose one of the project's labels, or out of scope.")
        return label

    def decision(self) -> dict[str, Any]:
        """What labeling.revise takes."""
        label = self.cleaned_data["choice"]
        return {"outcome": Outcome.LABEL if label else Outcome.OUT_OF_SCOPE, "label": label}


class ItemSearchForm(forms.Form):
    """What a table of items is narrowed by; all of it may be left out."""

    q = forms.CharField(label="Id or text", required=False, max_length=200, strip=True)
    outcome = forms.ChoiceField(
        label="State",
        required=False,
        choices=[
            ("", "Any"),
            (Item.Outcome.LABEL, "Labelled"),
            (Item.Outcome.OUT_OF_SCOPE, "Out of scope"),
            (Item.State.UNASKED, "Not asked yet"),
            (Item.State.ASKED, "Asked, no answer yet"),
            (Item.State.CERTIFIED, "Confirmed in bulk"),
            (Item.State.SKIPPED, "Skipped by everyone asked"),
        ],
    )
    label = forms.ModelChoiceField(Label.objects.none(), required=False, empty_label="Any")
    person = forms.TypedChoiceField(label="Answered by", required=False, coerce=int, empty_value=None)
    round = forms.IntegerField(label="Round", required=False, min_value=1, max_value=1_000_000)
    after = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)

    def __init__(self, project: Project, people: list[tuple[int, str]], data: Any) -> None:
        super().__init__(data)
        label, person = self.fields["label"], self.fields["person"]
        assert isinstance(label, forms.ModelChoiceField)  # noqa: S101
        assert isinstance(person, forms.ChoiceField)  # noqa: S101
        label.queryset = project.labels.all()
        person.choices = [("", "Anyone"), *people]


class AccountForm(UserCreationForm):  # type: ignore[type-arg]
    """A new account, made by somebody who follows an invitation."""

    class Meta:
        model = User
        fields = ("username",)
        widgets = {"username": forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"})}
