"""From scores to a batch: plans, guards and shortlists on real digits."""

from dataclasses import replace

import numpy as np

from alcore import plans
from alcore.rounds import run_round
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS, config, digits_round


def test_tcm_begins_typical_and_goes_on_with_margins() -> None:
    few, _ = digits_round(labeled=30)
    many, _ = digits_round(labeled=60)
    first, second = (run_round(data, config("tcm"), Ensemble()) for data in (few, many))
    assert (first.strategy, second.strategy) == ("typiclust", "margin")
    assert any("Typical items" in note for note in first.notes)


def test_tcm_counts_labels_per_class() -> None:
    labels = np.zeros(20, dtype=np.int64)
    assert plans.tcm(plans.State(labels, classes=4)).key == "margin"
    assert plans.tcm(plans.State(labels, classes=5)).key == "typiclust"


def test_class_balance_asks_for_the_class_with_fewest_labels() -> None:
    data, _ = digits_round(items=900, labeled=300)
    labels = DIGITS.target[:300]
    rare = labels == 7
    keep = ~rare | (np.cumsum(rare) <= 8)
    scarce = replace(
        data,
        vote_item=data.vote_item[keep],
        vote_annotator=data.vote_annotator[keep],
        vote_label=data.vote_label[keep],
    )
    plain, balanced = (
        run_round(scarce, config(batch=20, random_share=0.0, guards=guards), Ensemble()).selection.items
        for guards in ((), ("class_balance",))
    )
    sevens = DIGITS.target[:900] == 7
    assert sevens[balanced].sum() >= max(8, 2 * sevens[plain].sum())


def test_a_group_with_a_label_is_asked_only_when_nothing_else_is_left() -> None:
    data, _ = digits_round()
    groups = np.zeros(len(data.open), dtype=np.int64)  # all alike, and some labeled
    chosen = run_round(replace(data, groups=groups), config(), Ensemble()).selection.items
    assert len(chosen) == 1


def test_the_most_uncertain_are_left_out_of_a_large_pool() -> None:
    data, _ = digits_round(items=1700, labeled=100)
    plain = run_round(data, config(random_share=0.0, spread=False), Ensemble()).selection.items
    guard = ("ignore_most_uncertain",)
    guarded = run_round(data, config(random_share=0.0, spread=False, guards=guard), Ensemble()).selection.items
    assert not set(plain) & set(guarded)


def test_the_top_alone_is_what_scores_highest() -> None:
    data, _ = digits_round()
    selection = run_round(data, config(random_share=0.0, spread=False), Ensemble()).selection
    assert (np.diff(selection.scores) <= 0).all()
