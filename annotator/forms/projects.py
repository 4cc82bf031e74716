"""What an owner decides about a project: its settings, its labels, its items, its end."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import escape

from alcore import schemes, suspects
from alcore.catalog import DEFAULT, GUARDS, STRATEGIES
from annotator import pretrained
from annotator.errors import RefusedError
from annotator.models import ENCODERS, Project, require_head_suits

FEWEST_LABELS = 2
LONGEST_LABEL = 200
NEW_ENCODERS = [
    ("", "The usual: words of texts, pixels of images, columns of table rows"),
    (Project.Encoder.TRANSFORMER.value, Project.Encoder.TRANSFORMER.label),
    (Project.Encoder.VECTORS.value, Project.Encoder.VECTORS.label),
]
NOT_FOR_KIND = {
    Project.Kind.TEXT.value: "Texts are encoded by their words, a pretrained transformer, or vectors.",
    Project.Kind.IMAGE.value: "A ZIP of images brings no vectors: choose pixels or a pretrained transformer.",
    Project.Kind.TABLE.value: "There is no transformer for table rows: choose columns or vectors.",
}


def names_of(text: str) -> list[str]:
    """One label a line; empty lines and repeats left out, the order kept."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def short_enough(names: list[str]) -> list[str]:
    if too_long := [name for name in names if len(name) > LONGEST_LABEL]:
        raise ValidationError(f"A label has at most {LONGEST_LABEL} characters: {too_long[0][:60]}…")
    return names


class LabelsForm(forms.Form):
    """Labels to append, one a line."""

    names = forms.CharField(
        label="Labels, one a line",
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Their order gives the keys 1 to 9 and 0. Labels can be added later, never removed or renamed.",
    )

    def clean_names(self) -> list[str]:
        return short_enough(names_of(self.cleaned_data["names"]))


class NewLabelForm(forms.Form):
    """The name of one label to append."""

    name = forms.CharField(label="Name of the new class", max_length=LONGEST_LABEL)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class PercentField(forms.IntegerField):
    """A share, typed and shown in percent; None where it is left empty."""

    def prepare_value(self, value: Any) -> Any:
        return round(100 * value) if isinstance(value, float) else value

    def clean(self, value: Any) -> Any:
        percent = super().clean(value)
        return None if percent is None else percent / 100


class SettingsForm(forms.Form):
    """What an owner decides about a project."""

    name = forms.CharField(max_length=120)
    guidelines = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Shown to annotators beside every item: what each label means, what to do when in doubt.",
    )
    strategy = forms.ChoiceField(
        choices=lambda: [(strategy.key, strategy.title) for strategy in STRATEGIES],
        help_text="How a round chooses what to ask next.",
        initial=DEFAULT,
    )
    batch_size = forms.IntegerField(
        label="Answers between rounds",
        min_value=1,
        max_value=10_000,
        initial=20,
        help_text="So many new answers, and the model learns again.",
    )
    limit = forms.IntegerField(
        label="Limit on answers",
        required=False,
        min_value=0,
        max_value=2_000_000_000,
        help_text="Every answer but a skip counts, from all people together. Empty: no limit.",
    )
    cleaning = forms.BooleanField(
        label="Look for wrong labels on every round",
        required=False,
        initial=True,
        help_text="Suspect answers weigh less in training and are listed for you to decide; nothing is changed.",
    )
    overlap = forms.IntegerField(
        label="People asked about one item, at most",
        required=False,
        min_value=1,
        max_value=20,
        initial=3,
        help_text="Of several people, another is asked about what is doubtful, up to a third of all questions, and "
        "about one answer in 25 at random. 1: nobody is asked about what somebody has answered.",
    )
    confidence = PercentField(
        label="Sure enough, in percent",
        required=False,
        min_value=50,
        max_value=100,
        initial=90,
        help_text="From here on nobody else is asked. How often labels so sure turned out right is shown with them.",
    )
    guards = forms.MultipleChoiceField(
        choices=lambda: [(guard.key, f"{guard.title}: {guard.meaning}") for guard in GUARDS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They go with any strategy. Without a reason for one, leave them off.",
    )
    certify = forms.BooleanField(
        label="Offer what the model is sure of for confirmation, many at a time",
        required=False,
        help_text="Once people agreed with its surest labels often enough, 381 times of 381 for example, a page shows "
        "more such labels, to be confirmed with one key. They cost no answers and never train; one in fifty is asked "
        "again, without its label, to see how many are right.",
    )
    encoder = forms.ChoiceField(
        label="What the model sees of an item",
        required=False,
        help_text="A pretrained transformer often needs fewer answers, and more time. Vectors are your own, one of the "
        "file's columns. After a change all items are encoded anew.",
    )
    encoder_path = forms.CharField(label="Pretrained model", required=False, max_length=200)
    head = forms.ChoiceField(
        label="What a round trains",
        choices=Project.Head.choices,
        required=False,
        help_text="A linear layer does well on few labels; a network may do better on many, and takes longer.",
    )
    posterior = forms.ChoiceField(
        label="Samples of the model",
        choices=Project.Posterior.choices,
        required=False,
        help_text="What BALD and its kin compare. Other strategies look at no samples.",
    )
    balance_training = forms.BooleanField(
        label="Rare labels weigh more in training",
        required=False,
        help_text="So that a label with few answers is not drowned by those with many (Cui et al. 2019).",
    )
    training = forms.ChoiceField(
        label="Train on",
        choices=Project.Training.choices,
        required=False,
        help_text="A round that continues takes as long on many labels as on few. It starts fresh by itself now and "
        "then: every ten rounds, when labels were changed, or when the audit shows that it would be better.",
    )
    replay = forms.ChoiceField(
        label="Replay",
        choices=lambda: [(scheme.key, f"{scheme.title}: {scheme.meaning}") for scheme in schemes.OFFERED],
        required=False,
        help_text="How earlier labels are kept in mind where a round continues.",
    )
    suspects = forms.ChoiceField(
        label="Suspect answers in training",
        choices=lambda: [(way.key, f"{way.title}: {way.meaning}") for way in suspects.OFFERED],
        required=False,
        help_text="Until somebody has decided them. Whatever they do in training, they are listed and stay unchanged.",
    )
    semi_supervised = forms.BooleanField(
        label="Use unlabelled items too",
        required=False,
        help_text="The model also learns from what it is sure of among the items nobody has labelled. Where the audit "
        "shows that this hurts, a round leaves it out and says so.",
    )

    def __init__(self, *args: Any, project: Project | None = None, **kwargs: Any) -> None:
        """project: the one whose settings these are; None for a new one, whose kind is asked beside."""
        super().__init__(*args, **kwargs)
        self.now = project or Project()
        encoder = self.fields["encoder"]
        assert isinstance(encoder, forms.ChoiceField)  # noqa: S101
        suitable = ENCODERS.get(self.now.kind, ())
        encoder.choices = [(each.value, each.label) for each in suitable] or NEW_ENCODERS
        there = ", ".join(pretrained.names()) or "none on this server yet"
        self.fields["encoder_path"].help_text = f"For a pretrained transformer, its name: {escape(there)}."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        kind, encoder = self.now.kind or cleaned.get("kind"), cleaned.get("encoder")
        if kind and encoder and encoder not in ENCODERS[kind]:
            self.add_error("encoder", NOT_FOR_KIND[kind])
        if encoder == Project.Encoder.TRANSFORMER:
            self._locate(cleaned.get("encoder_path", ""))
        if kind and not self.errors:
            self._match(kind, encoder or self.now.encoder or ENCODERS[kind][0], cleaned["head"] or self.now.head)
        return cleaned

    def _match(self, kind: str, encoder: str, head: str) -> None:
        """What is left empty stays as it is, so that is what must go together."""
        try:
            require_head_suits(head, kind=kind, encoder=encoder)
        except RefusedError as error:
            self.add_error("head", error.message)

    def _locate(self, name: str) -> None:
        """The name as an error where it names no model."""
        try:
            pretrained.locate(name)
        except RefusedError as error:
            self.add_error("encoder_path", error.message if name else "Name the model.")


class ImportForm(forms.Form):
    """A file of items and, for a table, which column is what."""

    file = forms.FileField(
        help_text="CSV or JSON lines (UTF-8, one item a row), or a ZIP of images, with or without folders as labels.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.jsonl,.ndjson,.json,.zip"}),
    )
    id_column = forms.CharField(
        required=False, max_length=200, help_text="Your own id of a row. A repeated id adds nothing."
    )
    text_column = forms.CharField(required=False, max_length=200, help_text="For texts: the column to read.")
    label_column = forms.CharField(
        required=False, max_length=200, help_text="Labels known already; they are imported as answers."
    )
    vector_column = forms.CharField(
        required=False, max_length=200, help_text="Vectors of your own: a JSON array of numbers in every row."
    )
    ignore_folders = forms.BooleanField(
        label="The folders in a ZIP are no labels", required=False, help_text="Else each folder's name is a label."
    )

    def options(self) -> dict[str, Any]:
        """The columns that were named, and whether folders are labels where they are not."""
        names = ("id_column", "text_column", "label_column", "vector_column")
        named = {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}
        return {**named, "folders": False} if self.cleaned_data["ignore_folders"] else named


class ProjectForm(SettingsForm, ImportForm):
    """A new project, and the first file for it where there is one."""

    kind = forms.ChoiceField(
        label="What is labelled", choices=Project.Kind.choices, widget=forms.RadioSelect, initial=Project.Kind.IMAGE
    )
    label_names = forms.CharField(
        label="Labels, one a line",
        required=False,  # where the file brings them
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Their order gives the keys 1 to 9 and 0. Labels that the file brings are added. "
        "“Out of scope” and “skip” are always there beside them.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = False

    def clean_label_names(self) -> list[str]:
        return short_enough(names_of(self.cleaned_data["label_names"]))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if len(cleaned.get("label_names", ())) < FEWEST_LABELS and not self._brings_labels(cleaned):
            self.add_error("label_names", "Name at least two labels, each on a line of its own.")
        return cleaned

    @staticmethod
    def _brings_labels(cleaned: dict[str, Any]) -> bool:
        """Whether the file may name labels: by a column, or by a ZIP's folders."""
        file = cleaned.get("file")
        folders = file and file.name.lower().endswith(".zip") and not cleaned.get("ignore_folders")
        return bool(folders or (file and cleaned.get("label_column")))


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(max_length=80, label="What will use it", help_text="For example: nightly export")


class DeleteForm(forms.Form):
    """The project's name, typed by hand."""

    name = forms.CharField(label="Type the project's name")

    def __init__(self, project: Project, data: Any = None) -> None:
        super().__init__(data)
        self.project = project

    def clean_name(self) -> str:
        if self.cleaned_data["name"].strip() != self.project.name:
            raise ValidationError("This is not the project's name. Nothing was deleted.")
        return self.project.name
