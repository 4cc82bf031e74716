"""The README says what there is: every strategy, every setting."""

import re
from pathlib import Path

from alcore.catalog import GUARD_KEYS, STRATEGIES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_strategy_stands_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)`", README.split("## Strategies")[1].split("## ")[0], re.MULTILINE)
    assert rows == [strategy.key for strategy in STRATEGIES]


def test_every_guard_stands_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)`", README.split("### Guards")[1].split("## ")[0], re.MULTILINE)
    assert rows == list(GUARD_KEYS)


def test_every_setting_stands_in_the_table() -> None:
    read = set(re.findall(r'"(WINNOW_\w+)"', (ROOT / "annotator" / "settings.py").read_text()))
    told = set(re.findall(r"^\| `(WINNOW_\w+)`", README, re.MULTILINE))
    assert told == read
