"""Runs that the benchmark has played are not played again."""

from dataclasses import replace
from pathlib import Path

import pytest

from alcore.simulation import Run
from benchmarks import played
from benchmarks.efficiency import SETS
from benchmarks.played import Played

RUN = Run("margin", 3, True, [20, 40], [0.5, 0.75], [0.1, 0.2], [0, 0], [0, 0], ["coverage", "margin"])


def test_a_run_is_read_as_it_was_played(tmp_path: Path) -> None:
    Played(tmp_path / "runs.jsonl").add(SETS[0], "margin_top", 3, RUN)
    again = Played(tmp_path / "runs.jsonl")
    assert again.get(SETS[0], "margin_top", 3) == RUN
    assert again.get(SETS[0], "margin_top", 4) is None
    assert again.get(replace(SETS[0], budget=500), "margin_top", 3) is None


def test_a_line_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    Played(path).add(SETS[0], "margin", 3, RUN)
    path.write_text(path.read_text()[:-30])
    assert Played(path).get(SETS[0], "margin", 3) is None
    Played(path).add(SETS[0], "margin", 3, RUN)
    assert Played(path).get(SETS[0], "margin", 3) == RUN


def test_other_code_plays_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Played(tmp_path / "runs.jsonl").add(SETS[0], "margin", 3, RUN)
    monkeypatch.setattr(played, "code_sum", lambda code: "changed")
    assert Played(tmp_path / "runs.jsonl").get(SETS[0], "margin", 3) is None
