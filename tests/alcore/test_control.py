"""The live control: chosen against random labels, judged on random items."""

import numpy as np

from alcore import control, plans
from alcore.control import Answers, Control
from alcore.protocols import Ints
from tests.alcore.arrays import DIGITS

X, Y = (DIGITS.data / 16).astype(np.float32), DIGITS.target.astype(np.int64)
NOTHING: Ints = np.zeros(0, dtype=np.int64)


def answers(items: Ints) -> Answers:
    return Answers(items, Y[items])


def random_items(count: int) -> Ints:
    return np.random.default_rng(0).permutation(len(X))[:count]


def test_labels_of_two_classes_only_are_surely_worse() -> None:
    narrow = np.flatnonzero(Y < 2)[:200]
    found = control.compare(X, answers(narrow), answers(random_items(200)))
    assert found is not None
    assert found.is_surely_worse
    assert found.asked_right < found.random_right
    assert found.labels == 160


def test_equally_good_labels_are_not_worse() -> None:
    items = random_items(500)
    found = control.compare(X, answers(items[:250]), answers(items[250:]))
    assert found is not None
    assert not found.is_surely_worse


def test_too_few_answers_say_nothing() -> None:
    items = random_items(300)
    assert control.compare(X, answers(items[:200]), answers(items[200:240])) is None
    assert control.compare(X, answers(items[:20]), answers(items[200:300])) is None
    assert control.compare(X, answers(NOTHING), answers(NOTHING)) is None


def state(found: Control | None = None, agreement: float | None = None) -> plans.State:
    return plans.State(np.arange(10), 10, lambda: found, lambda: agreement)


def test_auto_asks_at_random_where_chosen_labels_taught_less() -> None:
    worse = Control(labels=80, judged=100, asked_right=50, random_right=80, p=0.0001)
    decision = plans.auto(state(worse))
    assert decision.key == "random"
    assert "80 labels as asked taught 50% of 100 random items, as many random ones 80%" in decision.why


def test_auto_goes_by_margin_and_says_what_the_control_found() -> None:
    fine = Control(labels=80, judged=100, asked_right=85, random_right=80, p=0.9)
    assert plans.auto(state(fine)).key == "margin"
    assert "85%" in plans.auto(state(fine)).why
    assert plans.auto(state()).why == "Close margins."


def test_auto_looks_elsewhere_when_all_members_agree() -> None:
    decision = plans.auto(state(agreement=0.999))
    assert (decision.key, decision.random_share) == ("margin", 0.5)


def test_auto_balances_the_classes_where_one_is_scarce() -> None:
    even, rare = np.repeat(np.arange(4), 10), np.repeat(np.arange(4), [20, 20, 20, 4])
    assert plans.auto(plans.State(even, 4)).guards == ()
    assert plans.auto(plans.State(rare, 4)).guards == ("class_balance",)
    assert "fewest labels" in plans.auto(plans.State(rare, 4)).why


def test_auto_does_not_balance_on_a_handful_of_labels() -> None:
    assert plans.auto(plans.State(np.array([0, 0, 0, 0, 1]), 4)).guards == ()
