"""Winnow's background path over large pools: a batch from 1,000,000 rows of a memory-mapped file.

Each strategy runs in a process of its own, which is watched from outside every few milliseconds: what counts is the
growth of its anonymous memory, since pages of the mapped file can be dropped at any time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import arrays, environments
from benchmarks.peers.measuring import resident_mb

TRAIN = "train"
STRATEGIES = {"margin": "herding", "bald": "herding", "badge": "BADGE", "lcmd": "LCMD"}
KNOWN, BATCH, ROWS = 1000, 100, 65_536
GOALS = {"margin": 8.0, "bald": 20.0}  # seconds of scoring a million
PICK_GOAL, MEMORY_GOAL = 3.0, 1024.0  # seconds, MB
EVERY = 0.005  # seconds between looks at the memory


@dataclass(frozen=True)
class Asked:
    """One run over the pool in `path`."""

    path: str
    strategy: str
    seed: int


def run(sizes: list[int], *, repeats: int, seed: int, keep: bool) -> list[dict[str, Any]]:
    """A row for every size and strategy."""
    rows = []
    for size in sizes:
        path = pool_of(size)
        try:
            write_pool(path, size, seed)
            rows += run_pool(path, size, repeats, seed)
        finally:
            for file in () if keep else (path, clouds_of(path), model_of(path)):
                file.unlink(missing_ok=True)
    return rows


def run_pool(path: Path, size: int, repeats: int, seed: int) -> list[dict[str, Any]]:
    """Trained once; each strategy `repeats` times."""
    rows, trained = [], watched(Asked(str(path), TRAIN, seed)) or {}
    for strategy in STRATEGIES:
        turns = [watched(Asked(str(path), strategy, seed + turn)) for turn in range(repeats)]
        rows.append(row(size, strategy, [one | trained for one in turns if one]))
        print(f"  {rows[-1]}", file=sys.stderr, flush=True)
    return rows


def row(size: int, strategy: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians and the best of the runs of one strategy over one pool; memory is the most of any run."""
    if not found:
        return {"items": size, "strategy": strategy, "runs": 0}
    steps = {step: [one[step] for one in found] for step in ("score", "pick", "score_mb", "pick_mb")}
    return {
        "items": size,
        "strategy": strategy,
        "runs": len(found),
        "train": found[0].get("train"),
        **{step: statistics.median(steps[step]) for step in ("score", "pick")},
        **{f"{step}_best": min(steps[step]) for step in ("score", "pick")},
        **{step: max(steps[step]) for step in ("score_mb", "pick_mb")},
        "picked": found[0]["picked"],
    }


def write_pool(path: Path, size: int, seed: int) -> None:
    """The pool's file and, beside it, its clouds; left alone where it is there already."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, size])
    clouds = arrays.clouds(rng)
    np.save(clouds_of(path), clouds)
    file = np.lib.format.open_memmap(path, "w+", np.float32, (size, arrays.WIDTH))
    for start in range(0, size, ROWS):
        cloud = rng.integers(arrays.CLOUDS, size=min(ROWS, size - start))
        file[start : start + ROWS] = arrays.around(clouds[cloud], rng)
    file.flush()


def pool_of(size: int) -> Path:
    return environments.OUT / f"pool-{size}.npy"


def clouds_of(path: Path) -> Path:
    return path.with_suffix(".clouds.npy")


def model_of(path: Path) -> Path:
    return path.with_suffix(".model.pt")


def watched(asked: Asked) -> dict[str, Any] | None:
    """One run in a process of its own, with the growth in MB of its anonymous memory in each step; None if it fails."""
    call = [sys.executable, "-m", "benchmarks.peers.scaling", json.dumps(asdict(asked))]
    surroundings = environments.surroundings(os.cpu_count() or 1)
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
        seen = looks(process)
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:  # its own words are on stderr
        return None
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    for step in found.keys() & {"score", "pick"}:
        (start, end), before = found[f"{step}_span"], found["before"]
        found[f"{step}_mb"] = max((mb for at, mb in seen if start <= at <= end), default=before) - before
    return found


def looks(process: subprocess.Popen[str]) -> list[tuple[float, float]]:
    """When, and how many MB of anonymous memory, until the process ends."""
    seen = []
    while process.poll() is None:
        try:
            seen.append((time.monotonic(), resident_mb("RssAnon", str(process.pid))))
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(EVERY)
    return [look for look in seen if look[1] == look[1]]


def child(asked: Asked) -> dict[str, Any]:
    """Train on 1,000 labels, or score the pool with what was trained and pick a batch; torch as a worker sets it."""
    from models_zoo import device

    device.use_threads()
    features, path = np.load(asked.path, mmap_mode="r"), Path(asked.path)
    known = np.sort(np.random.default_rng(len(features)).permutation(len(features))[:KNOWN])
    labels = labels_of(np.asarray(features[known]), np.load(clouds_of(path)))
    if asked.strategy == TRAIN:
        return train(np.asarray(features[known]), labels, model_of(path), asked.seed)
    return chosen(asked, features, known, labels)


def train(rows: Any, labels: Any, path: Path, seed: int) -> dict[str, Any]:
    """The members and the model behind draws, into a file."""
    import torch

    from models_zoo.heads import Ensemble

    model, rng = Ensemble(), np.random.default_rng(seed)
    weights, folds = np.ones(len(rows), np.float32), rng.integers(model.config.members, size=len(rows))

    def fit() -> None:
        model.fit(rows, labels, weights, folds, classes=arrays.LABELS + 1, seed=seed)
        torch.save(model.state(), path)

    seconds, _ = timed(fit)
    return {"train": seconds}


def chosen(asked: Asked, features: Any, known: Any, labels: Any) -> dict[str, Any]:
    """Seconds of scoring all that is not labeled, and of picking a batch."""
    from alcore.choosing import Choice, Pool
    from alcore.rounds import RoundConfig

    open_items = np.ones(len(features), dtype=bool)
    open_items[known] = False
    config = RoundConfig(labels=arrays.LABELS, strategy=asked.strategy, batch=BATCH, seed=asked.seed)
    pool, model = Pool(features, open_items, known, labels), loaded(model_of(Path(asked.path)))
    choice = Choice(pool, config, model, lambda step, share: None)
    before = resident_mb("RssAnon")
    score, score_span = timed(choice.score)
    picked: list[Any] = []
    pick, pick_span = timed(lambda: picked.append(choice.made()))
    spans = {"score_span": score_span, "pick_span": pick_span, "before": before}
    return {"score": score, "pick": pick, "picked": len(picked[0].selection), **spans}


def loaded(path: Path) -> Any:
    """The trained model, warm: its first prediction loads libraries."""
    import torch

    from models_zoo.heads import Ensemble

    model = Ensemble()
    model.load_state(torch.load(path))
    few = np.zeros((8, arrays.WIDTH), dtype=np.float32)
    model.predict_probs(few)
    model.draw_probs(few, draws=2, seed=0)
    return model


def labels_of(rows: Any, clouds: Any) -> Any:
    """The nearest cloud's label: an item may lie nearer to another than its own, as people err."""
    rows, clouds = rows / arrays.spread(), clouds / arrays.spread()
    return ((rows @ clouds.T - (clouds**2).sum(axis=1) / 2).argmax(axis=1) % arrays.LABELS).astype(np.int64)


def timed(step: Callable[[], Any]) -> tuple[float, tuple[float, float]]:
    """Seconds, and from when to when by the clock that all processes share."""
    start = time.monotonic()
    step()
    end = time.monotonic()
    return end - start, (start, end)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; seconds are medians, and per million so that growth shows."""
    lines = [
        "| items | strategy | train s | score s | score s per million | pick s | by | memory score / pick MB | goals |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for found in rows:
        if not found["runs"]:
            lines.append(f"| {found['items']:,} | {found['strategy']} | failed |" + " |" * 6)
            continue
        each = found["score"] / found["items"] * 1e6
        seconds = [f"{found[step] or 0:.2f}" for step in ("train", "score", "pick")]
        memory = f"{found['score_mb']:,.0f} / {found['pick_mb']:,.0f}"
        cells = [f"{found['items']:,}", found["strategy"], *seconds[:2], f"{each:.1f}", seconds[2]]
        lines.append("| " + " | ".join([*cells, STRATEGIES[found["strategy"]], memory, verdict(found)]) + " |")
    return "\n".join(lines)


def verdict(found: dict[str, Any]) -> str:
    """Which goal for a million items was missed, "met" for none."""
    millions = max(1.0, found["items"] / 1e6)
    missed = [
        name
        for name, limit, value in (
            ("score", GOALS.get(found["strategy"], GOALS["margin"]) * millions, found["score"]),
            ("pick", PICK_GOAL, found["pick"]),
            ("memory", MEMORY_GOAL, max(found["score_mb"], found["pick_mb"])),
        )
        if value > limit
    ]
    return "missed: " + ", ".join(missed) if missed else "met"


if __name__ == "__main__":
    print("\n" + json.dumps(child(Asked(**json.loads(sys.argv[1])))))
