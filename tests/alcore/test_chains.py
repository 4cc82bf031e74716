"""When a chain of rounds goes on, and when it begins anew."""

import numpy as np
import pytest

from alcore import chains
from alcore.chains import Memory

ITEMS = np.array([7, 3, 9, 1])
MEMORY = Memory(ITEMS, np.array([0, 1, 0, 2]), rounds=2, seconds=8.0, trained=2)


def why(memory: Memory | None, items: list[int], labels: list[int], *, every: int = 10) -> str:
    found, said = np.array(items), np.array(labels)
    if memory is None:
        return chains.why_fresh(None, np.zeros(len(found), dtype=bool), said, every=every)
    learned = memory.learned(found, said)
    return chains.why_fresh(memory.after(learned), learned, said, every=every)


def test_what_was_learned_is_known_by_item_and_label() -> None:
    assert MEMORY.learned(np.array([1, 3, 4, 9]), np.array([2, 0, 0, 0])).tolist() == [True, False, False, True]
    assert not Memory(ITEMS[:0], ITEMS[:0]).learned(ITEMS, ITEMS).any()


def test_new_labels_go_on() -> None:
    assert why(MEMORY, [7, 3, 9, 1, 5], [0, 1, 0, 2, 1]) == ""


def test_the_first_round_is_fresh() -> None:
    assert "no earlier model" in why(None, [1, 2], [0, 1])


@pytest.mark.parametrize(("every", "fresh"), [(3, True), (4, False)])
def test_a_chain_begins_anew_every_so_many_rounds(every: int, fresh: bool) -> None:
    assert bool(why(MEMORY, [7, 3, 9, 1, 5], [0, 1, 0, 2, 1], every=every)) == fresh


def test_changed_labels_begin_anew() -> None:
    assert "1 of 4 learned labels were changed" in why(MEMORY, [7, 3, 9, 1, 5], [0, 1, 0, 0, 1])


def test_labels_that_were_taken_back_begin_anew() -> None:
    assert "changed or taken back" in why(MEMORY, [7, 3, 9, 5], [0, 1, 0, 1])


def test_few_changes_add_up_over_rounds() -> None:
    items = np.arange(200)
    memory = chains.begun(items, items % 3, seconds=1.0)
    labels = items % 3
    for changed in range(3):
        labels = labels.copy()
        labels[changed * 2 : changed * 2 + 2] = (labels[changed * 2 : changed * 2 + 2] + 1) % 3
        learned = memory.learned(items, labels)
        told = memory.after(learned)
        reason = chains.why_fresh(told, np.append(learned, False), np.append(labels, 0), every=10)
        assert bool(reason) == (changed == 2)
        memory = chains.gone_on(told, items, labels)


def test_a_label_that_was_never_given_begins_anew() -> None:
    assert "1 of the labels were never given before" in why(MEMORY, [7, 3, 9, 1, 5], [0, 1, 0, 2, 4])


def test_no_rule_begins_anew_what_never_should() -> None:
    assert why(MEMORY, [7, 3, 9, 1, 5, 6, 8, 10], [1, 1, 0, 2, 4, 4, 4, 4], every=0) == ""
    assert why(MEMORY, [7, 3, 9, 1], [0, 1, 0, 2], every=0) == "no label is new"
    assert "no earlier model" in why(MEMORY, [20], [0], every=0)


def test_nothing_new_begins_anew() -> None:
    assert why(MEMORY, [7, 3, 9, 1], [0, 1, 0, 2]) == "no label is new"


def test_more_new_than_old_begins_anew() -> None:
    assert "little would be saved" in why(MEMORY, [7, 3, 9, 1, *range(20, 26)], [0, 1, 0, 2, *[0] * 6])


def test_what_a_retrain_would_take_grows_with_the_labels() -> None:
    assert chains.retrain_seconds(MEMORY, 20) == 80
    later = chains.gone_on(MEMORY, np.arange(20), np.zeros(20, dtype=np.int64))
    assert (later.rounds, chains.retrain_seconds(later, 20)) == (3, 80)


def audit(right: int, of: int = 60) -> Memory:
    """A chain whose fresh model named so many of the audit's items rightly."""
    return chains.watched(MEMORY, np.arange(100, 100 + of), np.where(np.arange(of) < right, 1, 0))


@pytest.mark.parametrize(("now", "drifted"), [(50, False), (46, False), (40, True), (60, False)])
def test_a_chain_that_is_surely_worse_than_its_start_has_drifted(now: int, drifted: bool) -> None:
    answers, said = np.ones(60, dtype=np.int64), np.where(np.arange(60) < now, 1, 0)
    assert chains.has_drifted(audit(50), np.arange(100, 160), answers, said) == drifted


def test_only_items_that_both_named_count() -> None:
    ones = np.ones(60, dtype=np.int64)
    assert not chains.has_drifted(audit(60), np.arange(500, 560), ones, 0 * ones)
    assert not chains.has_drifted(MEMORY, np.arange(100, 160), ones, 0 * ones)
    assert not chains.has_drifted(audit(60), ones[:0], ones[:0], ones[:0])
