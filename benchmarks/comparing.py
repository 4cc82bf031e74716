"""Arms against each other, paired by seed: areas, permutation tests, labels saved, who surely beats whom."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcore import evaluation
from alcore.simulation import Run

FLIPS = 10_000  # of signs, in a permutation test
RESAMPLES = 2_000  # of seeds, in a bootstrap
SURE = 0.05
Results = dict[str, dict[str, list[Run]]]


def compare(results: Results, baseline: str = "random") -> dict[str, Any]:
    """For every set and arm: area, difference to the baseline, corrected p, labels saved; and over all sets."""
    sets = {name: _one_set(arms, baseline) for name, arms in results.items()}
    return {"sets": sets, "overall": _overall(sets), "beats": penalty_matrix(results)}


def permutation_p(differences: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Two-sided p of a mean difference, by flipping the signs of paired differences."""
    signs = rng.choice([-1.0, 1.0], (FLIPS, len(differences)))
    seen = np.abs((signs * differences).mean(axis=1))
    return float((1 + (seen >= abs(differences.mean()) - 1e-12).sum()) / (FLIPS + 1))


def holm(ps: list[float]) -> list[float]:
    """Corrected for as many tests. Source: Holm (1979)."""
    order = np.argsort(ps)
    corrected = np.maximum.accumulate([(len(ps) - rank) * ps[at] for rank, at in enumerate(order)])
    out = np.empty(len(ps))
    out[order] = np.minimum(corrected, 1)
    return [float(p) for p in out]


def share_needed(runs: list[Run], baseline: list[Run], rng: np.random.Generator) -> dict[str, Any]:
    """Labels that reach the baseline's final accuracy, as a share of those it spent; with a bootstrap over seeds."""
    spent = float(baseline[0].labels[-1])

    def needed(rows: NDArray[np.int64]) -> float:
        target = float(np.mean([baseline[row].accuracy[-1] for row in rows]))
        curve = np.maximum.accumulate(np.mean([runs[row].accuracy for row in rows], axis=0))
        return evaluation.labels_to_reach(np.array(runs[0].labels, dtype=float), curve, target) / spent

    drawn = np.array([needed(rng.integers(0, len(runs), len(runs))) for _ in range(RESAMPLES)])
    share = needed(np.arange(len(runs)))
    low, high = np.quantile(np.where(np.isnan(drawn), np.inf, drawn), [0.025, 0.975], method="nearest")
    return {"share": _known(share), "low": _known(low), "high": _known(high)}


def penalty_matrix(results: Results) -> dict[str, dict[str, float]]:
    """beats[a][b]: share of the sets on which arm a is surely better than b. Source: after Ash et al. (2020)."""
    arms = list(next(iter(results.values())))
    beats = {a: dict.fromkeys(arms, 0.0) for a in arms}
    for found in results.values():
        areas = {arm: np.array([run.area for run in runs]) for arm, runs in found.items()}
        for a in arms:
            for b in arms:
                change = areas[a] - areas[b]
                sure = a != b and change.mean() > 0 and permutation_p(change, np.random.default_rng(0)) < SURE
                beats[a][b] += sure / len(results)
    return beats


def set_table(name: str, arms: dict[str, list[Run]], baseline: str = "random") -> str:
    """One set's arms, the best first."""
    lines = ["", name, f"  {'arm':16}{'area':>8}{'- random':>28}{'p (Holm)':>10}{'labels needed':>22}{'final':>8}"]
    entries = _one_set(arms, baseline)
    return "\n".join([*lines, *(_line(*found) for found in sorted(entries.items(), key=lambda e: -e[1]["area"]))])


def overall_table(verdict: dict[str, Any]) -> str:
    """Over all sets: regret and worst in points, the median share of labels needed, and who surely beats whom."""
    lines = ["", f"  {'over all sets':16}{'regret':>8}{'worst - random':>16}{'median labels needed':>22}"]
    for arm, entry in sorted(verdict["overall"].items(), key=lambda item: item[1]["regret"]):
        needed = "-" if entry["median_share"] is None else f"{entry['median_share']:.2f}"
        lines.append(f"  {arm:16}{100 * entry['regret']:8.2f}{100 * entry['worst']:16.2f}{needed:>22}")
    return "\n".join([*lines, "", *_matrix(verdict["beats"])])


def _matrix(beats: dict[str, dict[str, float]]) -> list[str]:
    width = 2 + max(len(arm) for arm in beats)
    head = "beats".ljust(width) + "".join(arm[:10].rjust(12) for arm in beats)
    rows = [arm.ljust(width) + "".join(f"{value:12.2f}" for value in row.values()) for arm, row in beats.items()]
    return ["Share of the sets on which the row is surely better than the column:", head, *rows]


def _line(arm: str, entry: dict[str, Any]) -> str:
    against, needed = entry.get("minus_random"), entry.get("needed")
    difference = "" if against is None else f"{against['mean']:+.4f} [{against['low']:+.4f}, {against['high']:+.4f}]"
    p = "" if against is None else f"{entry['p_holm']:.4f}"
    share = "" if needed is None else _share(needed)
    return f"  {arm:16}{entry['area']:8.4f}{difference:>28}{p:>10}{share:>22}{entry['final']:8.3f}"


def _share(needed: dict[str, Any]) -> str:
    told = [("never" if needed[key] is None else f"{needed[key]:.2f}") for key in ("share", "low", "high")]
    return f"{told[0]} [{told[1]}, {told[2]}]"


def _one_set(arms: dict[str, list[Run]], baseline: str) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    areas = {arm: np.array([run.area for run in runs]) for arm, runs in arms.items()}
    entries: dict[str, Any] = {
        arm: {"area": float(areas[arm].mean()), "final": float(np.mean([run.accuracy[-1] for run in runs]))}
        for arm, runs in arms.items()
    }
    others = [arm for arm in arms if arm != baseline and baseline in arms]
    corrected = holm([permutation_p(areas[arm] - areas[baseline], rng) for arm in others])
    for arm, p in zip(others, corrected, strict=True):
        change = evaluation.paired_difference(areas[arm], areas[baseline])
        entries[arm] |= {"minus_random": {"mean": change.mean, "low": change.low, "high": change.high}, "p_holm": p}
        entries[arm]["needed"] = share_needed(arms[arm], arms[baseline], rng)
    return entries


def _overall(sets: dict[str, Any]) -> dict[str, Any]:
    """regret: mean over sets of the area behind the set's best arm. worst: the lowest difference to random."""
    arms = list(next(iter(sets.values())))
    out = {}
    for arm in arms:
        behind = [max(entry["area"] for entry in found.values()) - found[arm]["area"] for found in sets.values()]
        changes = [found[arm]["minus_random"]["mean"] for found in sets.values() if "minus_random" in found[arm]]
        shares = [found[arm]["needed"]["share"] for found in sets.values() if "needed" in found[arm]]
        median = float(np.median([np.inf if share is None else share for share in shares])) if shares else np.inf
        out[arm] = {
            "regret": float(np.mean(behind)),
            "worst": min(changes, default=0.0),
            "median_share": _known(median),
        }
    return out


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
