"""Runs that have been played, on disk as they end: a table may grow over hours, and an interrupted one goes on."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alcore.simulation import Run

ROOT = Path(__file__).parent.parent
# what a run depends on, besides the description of its set and the file itself
CODE = ("alcore", "models_zoo", "annotator/learning/datasets.py", "annotator/vectors.py", "benchmarks/efficiency.py")


class Played:
    """Lines of JSON, one a run. A run counts as played only by the same code on a set of the same description.

    kind: the dataclass of a run. code: files and folders that it depends on.
    """

    def __init__(self, path: Path, kind: Any = Run, code: tuple[str, ...] = CODE) -> None:
        self.path, self.kind, self.code = path, kind, code_sum(code)
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # the last line was cut off
            path.write_text(whole)
        found = [json.loads(line) for line in whole.splitlines()]
        self.runs = {self._key(one["set"], one["arm"], one["seed"]): one for one in found if one["code"] == self.code}

    def get(self, wanted: Any, arm: str, seed: int) -> Any:
        """The run of that arm and seed on the set (a dataclass), if it has been played; else None."""
        one = self.runs.get(self._key(_described(wanted), arm, seed))
        return None if one is None else self.kind(**one["run"])

    def add(self, wanted: Any, arm: str, seed: int, run: Any) -> None:
        one = {"set": _described(wanted), "arm": arm, "seed": seed, "code": self.code, "run": asdict(run)}
        self.runs[self._key(one["set"], arm, seed)] = one
        with self.path.open("a") as file:
            file.write(json.dumps(one) + "\n")

    def _key(self, described: dict[str, Any], arm: str, seed: int) -> str:
        return json.dumps([described, arm, seed])


def code_sum(code: tuple[str, ...] = CODE) -> str:
    """A sum of all sources that a run depends on."""
    total = hashlib.sha256()
    for name in code:
        found = ROOT / name
        for path in [found] if found.is_file() else sorted(found.rglob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _described(wanted: Any) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(json.dumps(asdict(wanted)))
    return described
