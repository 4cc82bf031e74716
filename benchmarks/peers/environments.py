"""An environment for each library, under benchmarks/out/peers, with pins that install on Python 3.11."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "benchmarks" / "out"
TORCH = ("torch==2.13.0",)
ARRAYS = ("numpy==2.4.6", "scipy==1.17.1", "scikit-learn==1.9.1")
NAMED_BY_BAAL = ("matplotlib==3.11.2", "structlog==26.1.0", "torchmetrics==1.9.0", "tqdm==4.70.1", "pillow==13.0.0")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Library:
    """A library. steps: what `pip install` is given, one call each. module: the adapter."""

    name: str
    package: str
    module: str
    steps: tuple[tuple[str, ...], ...]

    @property
    def python(self) -> Path:
        """The interpreter of its environment; ours is the one that runs this."""
        return OUT / "peers" / self.name / "bin" / "python" if self.steps else Path(sys.executable)


OURS = Library("winnow", "", "run_winnow", ())
PEERS = (
    # baal names jupyter and some 100 packages that its heuristics never import
    Library("baal", "baal", "run_baal", (TORCH, ("--no-deps", "baal==2.1.0"), ARRAYS + NAMED_BY_BAAL)),
    Library("small-text", "small-text", "run_small_text", (TORCH, ("small-text==1.4.1", *ARRAYS))),
    Library("scikit-activeml", "scikit-activeml", "run_scikit_activeml", (("scikit-activeml==1.0.1", *ARRAYS),)),
    Library("modAL", "modAL-python", "run_modal", (("modAL-python==0.4.2.1", *ARRAYS),)),
)
LIBRARIES = {library.name: library for library in (OURS, *PEERS)}


def install(library: Library) -> str | None:
    """Makes the environment, or completes it; what went wrong, or None."""
    folder = library.python.parents[1]
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for step in library.steps:
        call = [str(library.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *step]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return None


def versions(library: Library) -> dict[str, str]:
    """Of the library, numpy, scikit-learn and torch in its environment; none where it has no environment."""
    names = [name for name in (library.package, "numpy", "scipy", "scikit-learn", "torch") if name]
    code = f"""
import importlib.metadata as m, json
found = {{d.metadata["Name"]: d.version for d in m.distributions()}}
print(json.dumps({{name: found[name] for name in {names!r} if name in found}}))
"""
    if not library.python.exists():
        return {}
    done = subprocess.run([library.python, "-c", code], capture_output=True, text=True, check=False)
    found: dict[str, str] = json.loads(done.stdout or "{}")
    return found


def surroundings(threads: int) -> dict[str, str]:
    """The same number of threads for all, and nothing but the repository and the environment to import from."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO"))}
    return {**plain, **dict.fromkeys(THREADS, str(threads)), "PYTHONPATH": str(ROOT)}
