"""One contract for every strategy of the catalog."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from alcore import catalog
from alcore.inputs import RoundInput
from alcore.rounds import run_round
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS, config, digits_round

COSTS = np.linspace(1, 5, 300).astype(np.float32)
every_strategy = pytest.mark.parametrize("key", catalog.KEYS)


@cache
def earlier_model() -> Ensemble:
    """The last round's, of fewer labels."""
    model = Ensemble()
    run_round(digits_round(labeled=40)[0], config(), model)
    return model


def choose(data: RoundInput, key: str, **changes: object) -> np.ndarray:
    return run_round(data, config(key, **changes), Ensemble()).selection.items


@every_strategy
def test_right_count_no_repeats_only_open(key: str) -> None:
    data, _ = digits_round()
    chosen = choose(data, key)
    assert len(chosen) == len(set(chosen)) == 12
    assert data.open[chosen].all()


@every_strategy
def test_same_seed_same_batch(key: str) -> None:
    data, _ = digits_round()
    assert choose(data, key).tolist() == choose(data, key).tolist()


@every_strategy
def test_inputs_stay_untouched(key: str) -> None:
    data, _ = digits_round()
    before = {name: array.copy() for name, array in vars(data).items() if array is not None}
    choose(data, key)
    assert all(np.array_equal(getattr(data, name), array) for name, array in before.items())


@every_strategy
def test_exhausted_pool_gives_what_is_left(key: str) -> None:
    data, _ = digits_round()
    few = np.zeros(len(data.open), dtype=bool)
    few[[100, 120, 140]] = True
    assert sorted(choose(replace(data, open=few), key).tolist()) == [100, 120, 140]
    assert len(choose(replace(data, open=np.zeros_like(few)), key)) == 0


@every_strategy
def test_one_class_only_falls_back_to_coverage(key: str) -> None:
    data, _ = digits_round()
    one = replace(data, vote_label=np.full_like(data.vote_label, 4))
    result = run_round(one, config(key), Ensemble())
    assert result.strategy == "coverage"
    assert len(result.selection) == 12


@every_strategy
def test_two_classes(key: str) -> None:
    data, _ = digits_round(items=200, classes=2, labeled=30)
    assert len(choose(data, key, labels=2)) == 12


@every_strategy
def test_ties_are_broken_by_the_seed(key: str) -> None:
    data, _ = digits_round()
    same = replace(data, features=np.concatenate([data.features[:60], np.tile(data.features[:1], (240, 1))]))
    first, other = choose(same, key), choose(same, key, seed=4)
    assert len(set(first)) == 12
    assert first.tolist() == choose(same, key).tolist()
    assert first.tolist() != other.tolist()


@every_strategy
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(key: str, bad: float) -> None:
    data, _ = digits_round()
    spoiled = data.features.copy()
    spoiled[[5, 100]] = bad
    with pytest.raises(ValueError, match="finite"):
        choose(replace(data, features=spoiled), key)


@every_strategy
def test_no_two_items_of_one_near_duplicate_group(key: str) -> None:
    data, _ = digits_round()
    groups = np.arange(len(data.open)) // 4 * 4
    chosen = choose(replace(data, groups=groups), key)
    assert len(set(groups[chosen])) == len(chosen) == 12
    assert not set(groups[chosen]) & set(groups[data.vote_item])


@every_strategy
@pytest.mark.parametrize("guard", catalog.GUARD_KEYS)
def test_every_guard_goes_with_every_strategy(key: str, guard: str) -> None:
    data, setting = replace(digits_round(labeled=100)[0], costs=COSTS), config(key, guards=(guard,))
    first, again = (run_round(data, setting, Ensemble(), previous=earlier_model()).selection.items for _ in range(2))
    assert len(first) == len(set(first)) == 12
    assert data.open[first].all()
    assert first.tolist() == again.tolist()


@pytest.mark.parametrize("key", ["auto", "random", "bald", "badge"])
@pytest.mark.parametrize("guard", catalog.GUARD_KEYS)
def test_guards_at_the_edges(key: str, guard: str) -> None:
    """Few items left, none at all, two classes, one class, and items that are all alike."""
    data, few = replace(digits_round()[0], costs=COSTS), np.zeros(300, dtype=bool)
    few[[100, 120]] = True
    two = replace(digits_round(classes=2)[0], costs=COSTS)
    alike = replace(data, features=np.ones_like(data.features))
    cases = (
        (replace(data, open=few), 10, 2),
        (replace(data, open=few & False), 10, 0),
        (two, 2, 12),
        (replace(data, vote_label=np.full_like(data.vote_label, 4)), 10, 12),
        (alike, 10, 12),
    )
    for case, labels, wanted in cases:
        earlier = Ensemble()
        run_round(two if labels == 2 else data, config(labels=labels), earlier)
        setting = config(key, labels=labels, guards=(guard,))
        chosen = run_round(case, setting, Ensemble(), previous=earlier).selection.items
        assert len(chosen) == len(set(chosen)) == wanted
        assert case.open[chosen].all()


@every_strategy
def test_what_was_drawn_by_weight_has_its_probability(key: str) -> None:
    data, _ = digits_round()
    selection = run_round(data, config(key), Ensemble()).selection
    drawn = selection.draw != "ranked"
    assert (np.isnan(selection.probability) == ~drawn).all()
    assert ((selection.pool_size > 0) == drawn).all()


@every_strategy
def test_catalog_entry_is_complete(key: str) -> None:
    entry = catalog.get(key)
    assert entry.title
    assert entry.meaning.endswith(".")
    assert entry.paper
    assert entry.kind in ("score", "batch", "plan")
    assert entry.needs in ("nothing", "probs", "members", "draws", "targets", "features")
    assert entry.cost in ("low", "medium", "high")
    assert entry.kind == "batch" or not entry.ranked_by
    assert callable(catalog.load(key))


@every_strategy
def test_class_balance_asks_for_the_rare_class_with_every_strategy(key: str) -> None:
    """Of a class with few labels it asks no fewer than without."""
    data, _ = digits_round(items=900, labeled=300)
    rare = DIGITS.target[:300] == 7
    keep = ~rare | (np.cumsum(rare) <= 8)
    votes = {name: getattr(data, name)[keep] for name in ("vote_item", "vote_annotator", "vote_label")}
    scarce = replace(data, **votes)
    plain, balanced = (
        choose(scarce, key, batch=20, random_share=0.0, guards=guards) for guards in ((), ("class_balance",))
    )
    sevens = DIGITS.target[:900] == 7
    assert sevens[balanced].sum() >= sevens[plain].sum()


def test_an_unknown_guard_is_refused() -> None:
    with pytest.raises(ValueError, match="class_balance"):
        config("margin", guards=("magic",))


def test_unknown_strategy_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="margin"):
        catalog.get("magic")


def test_the_catalog_loads_no_array_library() -> None:
    import subprocess
    import sys

    code = "import sys, alcore.catalog; print([m for m in ('numpy', 'torch', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
