"""Agreement beyond chance: known values, other libraries' values, and how often the interval holds."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from alcore.agreement import cohen, fleiss, krippendorff

# Krippendorff (2011), example C: four observers, twelve units, nominal: alpha = .743
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
# Fleiss (1971): fourteen raters, ten subjects, five categories: kappa = .210
SUBJECTS = (
    (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
)  # fmt: skip


def test_krippendorffs_own_example() -> None:
    said = [(unit, int(value)) for row in OBSERVERS for unit, value in enumerate(row.split()) if value != "."]
    units, values = (np.array(column) for column in zip(*said, strict=True))
    found = krippendorff(units, values)
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.low < found.value < found.high
    assert found.items == 11, "the last unit has one value, which pairs with none"


def test_fleiss_own_example() -> None:
    said = [(s, label) for s, row in enumerate(SUBJECTS) for label, count in enumerate(row) for _ in range(count)]
    subjects, labels = (np.array(column) for column in zip(*said, strict=True))
    assert fleiss(subjects, labels).value == pytest.approx(0.210, abs=5e-4)


def test_cohen_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 4, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 4, 200))
    found = cohen(first, second)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.low < found.value < found.high


def test_all_agree_by_chance_alone_or_not_at_all() -> None:
    items = np.repeat(np.arange(400), 2)
    same = np.repeat(np.arange(400) % 3, 2)
    assert krippendorff(items, same).value == 1
    guessed = np.random.default_rng(0).integers(0, 3, 800)
    for measure in (krippendorff, fleiss):
        found = measure(items, guessed)
        assert found.low < 0 < found.high
    assert np.isnan(krippendorff(items, np.zeros(800, dtype=np.int64)).value), "nobody could have disagreed"
    assert krippendorff(np.arange(5), np.arange(5)).items == 0, "one vote an item tells nothing"
    assert np.isnan(cohen(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)).value)


def test_the_interval_holds_about_as_often_as_it_says() -> None:
    """Two people who are right .8 of the time, of two labels: alpha of ever so many items is .36."""
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 150)
        said = np.where(rng.random((2, 150)) < 0.8, truth, 1 - truth)
        found = krippendorff(np.tile(np.arange(150), 2), said.ravel(), seed=seed)
        held += found.low <= 0.36 <= found.high
    assert held >= 88


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="labels"):
        krippendorff(np.arange(3), np.arange(2))
    with pytest.raises(ValueError, match="second"):
        cohen(np.arange(3), np.arange(2))
