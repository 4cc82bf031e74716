"""Our selection strategies beside those of baal, small-text, scikit-activeml and modAL; and ours over large pools.

    python -m benchmarks.selection --out benchmarks/out/selection.json            # both parts
    python -m benchmarks.selection --compare --skip-install --pools digits,1000   # libraries only, installed before
    python -m benchmarks.selection --scale --largest 3000000                      # ours alone, 4.6 GB of disk

Libraries: each has its own environment under benchmarks/out/peers, and every selection its own process, with the same
arrays, threads, limit of memory and of time. Seconds are those of the selection alone, of three repeats or more (one
where it takes 10 s), best and median; memory is the growth of the resident peak over the loaded arrays. "equal" is
the share of our picks that the library picks too; for strategies that draw, our own line shows the share that two of
our seeds have in common, which is what the others have to be held against. A batch is judged by one estimator for all
(benchmarks.peers.judging):

    batch_bald      joint mutual information in nats, with the draws it was given / with 1,000 fresh ones
    k_center        largest distance of an item to the nearest labeled or picked (less is better)
    badge           mean logarithm by which a pick widens the volume of the batch's gradients (more is better)
    max_herding     mean Gaussian kernel of the pool to the nearest pick (more is better; of typiclust and drop_query
                    too, which do not strive for it)

Printed as Markdown, and written as JSON with machine, versions of all libraries, and seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import write_report
from benchmarks.peers import arrays, environments, judging, scaling
from benchmarks.peers.environments import LIBRARIES, OURS, PEERS, Library
from benchmarks.peers.measuring import OUT_OF_MEMORY, Wanted

Run = dict[str, Any]

BATCH, JOINT_BATCH = 100, 20
POOLS = ("digits", "1000", "10000", "50000")
JOINT = ((500, 20), (1000, 20), (500, 100))  # candidates and draws
JOINT_SOURCE = 10_000
SIZES = (10_000, 100_000, 1_000_000)
OTHER_SEED = 1  # added to the seed for our second batch
# strategy -> library -> the names under which its adapter has it
OFFERED: dict[str, dict[str, tuple[str, ...]]] = {
    "margin": dict.fromkeys(LIBRARIES, ("margin",)),
    "least_confidence": dict.fromkeys(LIBRARIES, ("least_confidence",)),
    "entropy": dict.fromkeys(LIBRARIES, ("entropy",)),
    "bald": dict.fromkeys(("winnow", "baal", "small-text", "scikit-activeml"), ("bald",)),
    "disagreement": dict.fromkeys(("winnow", "scikit-activeml"), ("disagreement",)),
    "k_center": dict.fromkeys(("winnow", "small-text", "scikit-activeml"), ("k_center",)),
    "badge": dict.fromkeys(("winnow", "small-text", "scikit-activeml"), ("badge",)),
    "typiclust": dict.fromkeys(("winnow", "scikit-activeml"), ("typiclust",)),
    "drop_query": dict.fromkeys(("winnow", "scikit-activeml"), ("drop_query",)),
    "max_herding": {"winnow": ("max_herding", "max_herding_later"), "scikit-activeml": ("max_herding",)},
}
OFFERED_JOINT = {
    "winnow": ("batch_bald",),
    **dict.fromkeys(("baal", "scikit-activeml"), ("batch_bald", "batch_bald_2000")),
}
DRAWN = ("badge", "typiclust", "drop_query", "max_herding", "batch_bald")  # differ by seed
JUDGES: dict[str, Callable[[Path, Any], float]] = {
    "k_center": judging.radius,
    "badge": judging.gradient_volume,
    "typiclust": judging.coverage,
    "drop_query": judging.coverage,
    "max_herding": judging.coverage,
}


def compare(options: argparse.Namespace, missing: dict[str, str]) -> dict[str, list[Run]]:
    """Rows for the pools and for joint information."""
    with tempfile.TemporaryDirectory(prefix="winnow-selection-") as place:
        folder = Path(place)
        pools = [write_pool(folder, name, options.seed) for name in options.pools.split(",")]
        rows = [row for pool in pools for row in compare_pool(pool, options, missing)]
        return {"pools": rows, "joint": [] if options.without_joint else compare_joint(folder, options, missing)}


def write_pool(folder: Path, name: str, seed: int) -> Path:
    """The arrays of one pool."""
    target = folder / name
    if not target.exists():
        is_digits, known = name == "digits", 100 if name == "digits" else 200
        features, labels = arrays.digits(seed) if is_digits else arrays.synthetic(int(name) + known, seed)
        arrays.write_pool(target, features, labels, known=known, seed=seed)
    return target


def compare_pool(folder: Path, options: argparse.Namespace, missing: dict[str, str]) -> list[Run]:
    rows = []
    for strategy, offered in OFFERED.items():
        found = compare_one(folder, offered, BATCH, options, missing)
        judge = JUDGES.get(strategy)
        found += [by_chance(folder, options.seed)] if judge else []
        for row in found:
            row |= {"pool": folder.name, "strategy": strategy}
            if judge and "picks" in row:
                row["quality"] = judge(folder, np.array(row["picks"]))
        rows += found
    return rows


def by_chance(folder: Path, seed: int) -> Run:
    """What a batch is worth that was drawn without looking."""
    count = len(np.load(folder / "probs.npy", mmap_mode="r"))
    picks = np.random.default_rng(seed).permutation(count)[:BATCH]
    return {"library": "", "variant": "random", "result": "ok", "picks": picks.tolist()}


def compare_joint(folder: Path, options: argparse.Namespace, missing: dict[str, str]) -> list[Run]:
    source, rows = write_pool(folder, str(JOINT_SOURCE), options.seed), []
    for candidates, draws in JOINT:
        target = folder / f"joint-{candidates}-{draws}"
        arrays.write_joint(target, source, candidates=candidates, draws=draws, seed=options.seed)
        some = compare_one(target, OFFERED_JOINT, JOINT_BATCH, options, missing)
        some += [baseline(target, name, options.seed) for name in ("highest BALD", "random")]
        for row in some:
            row |= {"candidates": candidates, "draws": draws, **joint_information(target, row, options.seed)}
        rows += some
    return rows


def baseline(folder: Path, name: str, seed: int) -> Run:
    """What the joint information is without any regard for the batch."""
    chances = np.load(folder / "draws.npy").astype(np.float64)
    if name == "random":
        picks = np.random.default_rng(seed).permutation(len(chances))[:JOINT_BATCH]
    else:
        entropy, mean = -(chances * np.log(chances + 1e-30)).sum(axis=1).mean(axis=1), chances.mean(axis=2)
        picks = np.argsort(entropy + (mean * np.log(mean + 1e-30)).sum(axis=1))[:JOINT_BATCH]
    return {"library": "", "variant": name, "result": "ok", "picks": picks.tolist()}


def joint_information(folder: Path, row: Run, seed: int) -> Run:
    if "picks" not in row:
        return {}
    given, fresh = (np.load(folder / f"{name}.npy") for name in ("draws", "judges"))
    picks = np.array(row["picks"])
    found = {name: judging.joint_information(of, picks, seed=seed) for name, of in (("given", given), ("fresh", fresh))}
    return {f"information_{name}": value for name, value in found.items()}


def compare_one(
    folder: Path, offered: dict[str, tuple[str, ...]], batch: int, options: argparse.Namespace, missing: dict[str, str]
) -> list[Run]:
    """A row for each library and variant, beside ours."""
    rows = []
    for library, variants in offered.items():
        for variant in variants:
            why = missing.get(library)
            row = {"result": why} if why else measured(LIBRARIES[library], folder, variant, batch, options)
            rows.append({"library": library, "variant": variant, **row})
            print(f"  {folder.name} {library} {variant}: {brief(row)}", file=sys.stderr, flush=True)
    first = rows[0]
    if first["variant"] in DRAWN:
        other = argparse.Namespace(**{**vars(options), "seed": options.seed + OTHER_SEED})
        first["equal"] = shared(first, measured(OURS, folder, first["variant"], batch, other))
    for row in rows[1:]:
        row |= {"equal": shared(first, row), "times": times(first, row)}
    return rows


def measured(library: Library, folder: Path, variant: str, batch: int, options: argparse.Namespace) -> Run:
    """One selection in a process of its own."""
    wanted = Wanted(variant, str(folder), batch, options.seed, int(options.memory * 2**30))
    call = [str(library.python), "-m", f"benchmarks.peers.{library.module}", json.dumps(asdict(wanted))]
    try:
        done = subprocess.run(
            call,
            capture_output=True,
            text=True,
            check=False,
            timeout=options.timeout,
            env=environments.surroundings(options.threads),
            cwd=environments.ROOT,
        )
    except subprocess.TimeoutExpired:
        return {"result": f"longer than {options.timeout:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"result": OUT_OF_MEMORY if "memory" in last.lower() else f"failed: {last}"}
    found: Run = json.loads(done.stdout.splitlines()[-1])
    return found


def shared(first: Run, other: Run) -> float | None:
    """The share of the first's picks that are the other's too."""
    if "picks" not in first or "picks" not in other:
        return None
    return len(set(first["picks"]) & set(other["picks"])) / len(first["picks"])


def times(first: Run, other: Run) -> float | None:
    """How many times as long the other took, best against best."""
    return other["best"] / first["best"] if "best" in first and "best" in other else None


def brief(row: Run) -> str:
    return f"{row['best']:.4f} s, {row['peak_mb']:.0f} MB" if "best" in row else str(row["result"])


def pool_table(rows: list[Run]) -> str:
    """Markdown: one line for each strategy, library and pool."""
    lines = [
        "| pool | strategy | library | best s | median s | ours times | peak MB | equal | judged |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name = row["library"] if row["variant"] == row["strategy"] else f"{row['library']} {row['variant']}".strip()
        cells = [row["pool"], row["strategy"], name, *timing(row), shown(row.get("equal"), "{:.2f}")]
        lines.append("| " + " | ".join([*cells, shown(row.get("quality"), "{:.3f}")]) + " |")
    return "\n".join(lines)


def joint_table(rows: list[Run]) -> str:
    """Markdown: BatchBALD with the information of its batches."""
    lines = [
        "| candidates | draws | library | best s | median s | ours times | peak MB | nats, given | nats, fresh |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name = f"{row['library']} {row['variant']}".strip()
        cells = [str(row["candidates"]), str(row["draws"]), name, *timing(row)]
        told = [shown(row.get(f"information_{of}"), "{:.3f}") for of in ("given", "fresh")]
        lines.append("| " + " | ".join([*cells, *told]) + " |")
    return "\n".join(lines)


def timing(row: Run) -> list[str]:
    """Best, median, how many times ours, and peak; or what came instead."""
    if row["result"] != "ok":
        return [row["result"], "", "", ""]
    found = [shown(row.get(name), "{:.4f}") for name in ("best", "median")]
    return [*found, shown(row.get("times"), "{:.1f}"), shown(row.get("peak_mb"), "{:.0f}")]


def shown(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def install_all(skip: bool) -> dict[str, str]:
    """Libraries that cannot be had, and why."""
    problems = {}
    for library in PEERS:
        why = (None if library.python.exists() else "not installed") if skip else environments.install(library)
        if why:
            problems[library.name] = f"not installed: {why}"
    return problems


def main() -> None:
    options = arguments()
    both = options.compare == options.scale
    report: dict[str, Any] = {
        "seed": options.seed,
        "threads": options.threads,
        "batch": BATCH,
        "joint_batch": JOINT_BATCH,
    }
    if both or options.compare:
        missing = install_all(options.skip_install)
        report["libraries"] = {library.name: environments.versions(library) for library in PEERS}
        report |= {"missing": missing, **compare(options, missing)}
        print(pool_table(report["pools"]) + "\n\n" + joint_table(report["joint"]) + "\n")
    if both or options.scale:
        sizes = sorted({*(size for size in SIZES if size <= options.largest), options.largest})
        report["scale"] = scaling.run(sizes, repeats=options.repeats, seed=options.seed, keep=options.keep)
        print(scaling.table(report["scale"]))
    write_report(options.out, report)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", action="store_true", help="the libraries only")
    parser.add_argument("--scale", action="store_true", help="ours over large pools only")
    parser.add_argument("--skip-install", action="store_true", help="use the environments as they are")
    parser.add_argument("--pools", default=",".join(POOLS), help="digits, or how many synthetic items")
    parser.add_argument("--without-joint", action="store_true", help="leave BatchBALD out")
    parser.add_argument("--timeout", type=float, default=180, help="seconds that one process may take")
    parser.add_argument("--memory", type=float, default=12, help="GiB that one process may take")
    parser.add_argument("--threads", type=int, default=1, help="of each library; more measure the neighbours too")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="items of the largest pool of --scale")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each step of --scale")
    parser.add_argument("--keep", action="store_true", help="leave the pools of --scale on the disk")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    return parser.parse_args()


if __name__ == "__main__":
    main()
