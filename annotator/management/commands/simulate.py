"""`manage.py simulate`: the whole loop against known labels, without browser, database or broker."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alcore import schemes
from alcore.catalog import GUARD_KEYS, KEYS

# head -> the encoder that it needs; "" for any
HEADS = {"linear": "", "mlp": "", "adapter": "", "network": "raw", "text": "words"}
REPLAYS = [scheme.key for scheme in schemes.OFFERED]


class Command(BaseCommand):
    help = "Play strategies against known labels and print what each one buys."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", required=True, help="digits, or a .npz, .csv or .csv.gz file")
        parser.add_argument("--text-column", help="CSV: the column that holds the text")
        parser.add_argument("--feature-columns", default="", help="CSV: columns of a table row (default: all others)")
        parser.add_argument("--label-column", default="label", help="CSV: the column that holds the known label")
        parser.add_argument("--split-column", help="CSV: the column that says test for the test rows")
        parser.add_argument("--out-of-scope-value", help="CSV: the label that means out of scope")
        parser.add_argument("--encoder", default="", help="lsa, words, pixels, raw, columns, vectors, or a folder")
        parser.add_argument("--head", choices=list(HEADS), default="linear", help="what a round trains")
        parser.add_argument("--training", choices=["fresh", "continue", "both"], default="fresh", help="of each round")
        parser.add_argument("--replay", default=schemes.DEFAULT, help=f"when it continues: of {', '.join(REPLAYS)}")
        parser.add_argument("--semi-supervised", action="store_true", help="unlabelled items train too")
        parser.add_argument("--posterior", choices=["mc_dropout", "laplace"], default="mc_dropout", help="of draws")
        parser.add_argument("--limit", type=int, help="draw a pool of so many items, anew for every seed")
        parser.add_argument("--strategies", default="random,margin", help=f"of {', '.join(KEYS)}")
        parser.add_argument("--seeds", type=int, default=5)
        parser.add_argument("--batch", type=int, default=20)
        parser.add_argument("--budget", type=int, default=300, help="answers to spend, the audit's fifth included")
        parser.add_argument("--cleaning", choices=["on", "off", "both"], default="on")
        parser.add_argument("--noise", type=float, default=0.0, help="share of answers that name a wrong label")
        parser.add_argument("--guards", default="", help=f"go with every strategy: of {', '.join(GUARD_KEYS)}")
        parser.add_argument("--top", action="store_true", help="take the best scores alone, not spread over the pool")
        parser.add_argument("--jobs", type=int, default=1, help="processes that play side by side")
        parser.add_argument("--json", type=Path, help="write all runs and the summary to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        from annotator.learning import simulating
        from annotator.learning.datasets import DataError

        wish = _wish(options)
        try:
            runs = simulating.compare(wish, _Progress())
        except DataError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(_tables(runs)))
        if options["json"]:
            options["json"].parent.mkdir(parents=True, exist_ok=True)
            options["json"].write_text(simulating.report(wish, runs))


def _wish(options: dict[str, Any]) -> Any:
    from annotator.learning.datasets import Columns
    from annotator.learning.simulating import Wish

    strategies = tuple(name.strip() for name in options["strategies"].split(",") if name.strip())
    if unknown := [name for name in strategies if name not in KEYS]:
        raise CommandError(f"There is no strategy {', '.join(unknown)}; there are {', '.join(KEYS)}.")
    guards = tuple(name.strip() for name in options["guards"].split(",") if name.strip())
    if unknown := [name for name in guards if name not in GUARD_KEYS]:
        raise CommandError(f"There is no guard {', '.join(unknown)}; there are {', '.join(GUARD_KEYS)}.")
    if not strategies or options["seeds"] < 1 or options["jobs"] < 1:
        raise CommandError("Name at least one strategy; seeds and jobs are at least 1.")
    if not 2 <= options["batch"] <= options["budget"] or not 0 <= options["noise"] < 1:
        raise CommandError("A batch is at least 2, a budget at least one batch, and noise a share below 1.")
    if options["replay"] not in REPLAYS:
        raise CommandError(f"There is no replay {options['replay']!r}; there are {', '.join(REPLAYS)}.")
    needed = HEADS[options["head"]]
    if needed and options["encoder"] not in ("", needed):
        raise CommandError(f"The {options['head']} head is trained on what the encoder {needed} gives.")
    features = tuple(name.strip() for name in options["feature_columns"].split(",") if name.strip())
    columns = Columns(
        text=options["text_column"],
        features=features,
        label=options["label_column"],
        split=options["split_column"],
        out_of_scope=options["out_of_scope_value"],
    )
    cleaning = {"on": (True,), "off": (False,), "both": (True, False)}[options["cleaning"]]
    return Wish(
        options["data"],
        columns,
        strategies,
        options["seeds"],
        options["batch"],
        options["budget"],
        cleaning,
        options["noise"],
        options["limit"],
        options["jobs"],
        options["encoder"] or needed,
        options["head"],
        options["posterior"],
        guards,
        options["top"],
        {"fresh": ("",), "continue": (options["replay"],), "both": ("", options["replay"])}[options["training"]],
        options["semi_supervised"],
    )


class _Progress:
    """Runs done and time left, on one line of stderr."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        left = (time.monotonic() - self.start) / done * (total - done)
        end = "\n" if done == total or not sys.stderr.isatty() else "\r"
        sys.stderr.write(f"{done}/{total} runs, about {left:.0f} s left{end}")
        sys.stderr.flush()


def _tables(runs: list[Any]) -> list[str]:
    from annotator.learning import simulating

    arms = simulating.arms_of(runs)
    lines = ["Accuracy by labels spent (mean over seeds, 95 % interval; the audit's answers count)", ""]
    width = max(len(name) for name in arms) + 2
    lines.append("labels".rjust(8) + "".join(name.rjust(max(width, 22)) for name in arms))
    curves = {name: simulating.curve(found) for name, found in arms.items()}
    for at in range(min(len(points) for points in curves.values())):
        spent = next(iter(curves.values()))[at][0]
        cells = (f"{p[at][1]:.3f} [{p[at][2]:.3f}, {p[at][3]:.3f}]".rjust(max(width, 22)) for p in curves.values())
        lines.append(str(spent).rjust(8) + "".join(cells))
    return [*lines, "", *_summary_lines(simulating.summarize(runs)), ""]


def _summary_lines(summary: dict[str, Any]) -> list[str]:
    lines = []
    for arm, entry in summary.items():
        area = entry["area"]
        lines.append(f"{arm}: area under the curve {area['mean']:.4f} [{area['low']:.4f}, {area['high']:.4f}]")
        if "area_minus_random" in entry:
            lines.append("  against random: " + _difference(entry["area_minus_random"]))
            lines.append("  " + _saved(entry["labels_saved"]))
        spent = entry["training"]
        lines.append(
            f"  training: {spent['seconds']:.1f} s and {spent['samples']:,.0f} gradient samples a run,"
            f" {spent['fresh_rounds']:.1f} rounds from scratch"
        )
        if "area_continued_minus_fresh" in entry:
            lines.append("  continued against fresh: " + _difference(entry["area_continued_minus_fresh"]))
        if "area_cleaning_on_minus_off" in entry:
            lines.append("  cleaning on against off: " + _difference(entry["area_cleaning_on_minus_off"]))
    return lines


def _difference(found: dict[str, Any]) -> str:
    return (
        f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}] area,"
        f" paired over {found['pairs']} seeds, p = {found['p']:.2g}"
    )


def _saved(found: dict[str, Any]) -> str:
    if found["labels"] is None:
        return f"never reached random's final accuracy of {found['accuracy']:.3f}"
    return (
        f"reaches random's final accuracy of {found['accuracy']:.3f} with {found['labels']:.0f} labels"
        f" instead of {found['random_labels']:.0f}: {100 * found['share_saved']:.0f} % saved"
    )
