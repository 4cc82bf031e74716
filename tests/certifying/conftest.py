"""Projects with labels on offer."""

import pytest

from annotator import certifying
from annotator.models import Project
from tests import factories


@pytest.fixture
def project() -> Project:
    """60 items that may train, 30 of them offered as apples and 10 as bananas."""
    made = factories.project(items=0, certify=True)
    factories.add_items(made, 60, audit="")
    factories.proposals(made, "apple", 30)
    factories.proposals(made, "banana", 10, number=1)
    return made


@pytest.fixture
def always_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifying, "CHECKED_SHARE", 1.1)
