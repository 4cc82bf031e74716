"""One contract for every strategy of the catalog."""

from dataclasses import replace

import numpy as np
import pytest

from alcore import catalog
from alcore.rounds import RoundInput, run_round
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS, config, digits_round

every_strategy = pytest.mark.parametrize("key", catalog.KEYS)


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
def test_out_of_scope_pulls_the_score_down(key: str) -> None:
    """Items that look like what people called out of scope are asked less often than they would be at random."""
    if catalog.get(key).needs == "nothing":
        pytest.skip("random asks all alike")
    data, _ = digits_round(items=600, labeled=150)
    labels = np.where(data.vote_label >= 8, 8, data.vote_label)  # eights and nines are out of scope, K = 8
    chosen = choose(replace(data, vote_label=labels), key, labels=8, batch=60, random_share=0.0)
    foreign = DIGITS.target[:600] >= 8
    assert foreign[chosen].mean() <= foreign[data.open].mean() + 0.05


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
    data, _ = digits_round()
    chosen = choose(data, key, guards=(guard,))
    assert len(chosen) == len(set(chosen)) == 12
    assert data.open[chosen].all()
    assert chosen.tolist() == choose(data, key, guards=(guard,)).tolist()


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
