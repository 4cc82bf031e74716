"""The one Django app of Winnow."""

from django.apps import AppConfig


class AnnotatorConfig(AppConfig):
    name = "annotator"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from annotator import checks  # noqa: F401 - registers the system checks
