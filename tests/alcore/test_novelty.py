"""Clusters among out-of-scope answers: a class is found among scatter, scatter is not."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from alcore import novelty
from alcore.novelty import Alike, look_alike

DIGITS = load_digits()
PIXELS = (DIGITS.data / 16).astype(np.float32)
Floats = NDArray[np.float32]


def scatter(rng: np.random.Generator, count: int) -> Floats:
    """Pixels of digits, each drawn by itself: as dark as digits in every place, and like nothing."""
    return rng.permuted(PIXELS, axis=0)[:count]


def digits(digit: int, count: int, rng: np.random.Generator) -> Floats:
    return PIXELS[rng.permutation(np.flatnonzero(DIGITS.target == digit))[:count]]


def labeled(rng: np.random.Generator, within: range = range(6), each: int = 20) -> tuple[Floats, NDArray[np.int64]]:
    return np.concatenate([digits(digit, each, rng) for digit in within]), np.repeat(np.arange(len(within)), each)


def test_a_class_is_found_among_scattered_answers_and_its_most_typical_come_first() -> None:
    rng = np.random.default_rng(0)
    features, labels = labeled(rng)
    outliers = np.concatenate([scatter(rng, 60), digits(6, 38, rng)])
    (found,) = look_alike(outliers, features, labels, seed=0)
    assert (found.items >= 60).mean() == 1.0
    assert len(found.items) >= 19
    assert found.cohesion > novelty.COMPACT * found.usual
    assert len(set(found.items.tolist())) == len(found.items)
    from_middle = np.linalg.norm(outliers[found.items] - outliers[found.items].mean(axis=0), axis=1)
    assert from_middle[:5].mean() < from_middle[-5:].mean()


def test_two_classes_are_two_clusters() -> None:
    rng = np.random.default_rng(1)
    features, labels = labeled(rng)
    outliers = np.concatenate([digits(6, 40, rng), digits(7, 40, rng), scatter(rng, 40)])
    found = look_alike(outliers, features, labels, seed=0)
    owners = [np.bincount(np.minimum(cluster.items // 40, 2), minlength=3) for cluster in found]
    assert {int(owner.argmax()) for owner in owners} == {0, 1}, "and none of what is scattered"
    assert all(owner.max() / owner.sum() > 0.9 for owner in owners)
    sizes = [len(cluster.items) for cluster in found]
    assert sizes == sorted(sizes, reverse=True)
    assert len(np.unique(np.concatenate([cluster.items for cluster in found]))) == sum(sizes)


@pytest.mark.parametrize("count", [8, 60, 200])
def test_scattered_answers_are_no_class(count: int) -> None:
    found = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        found += look_alike(scatter(rng, count), *labeled(rng), seed=seed)
    assert found == []


def test_answers_that_are_like_a_class_there_is_are_not_offered_as_a_new_one() -> None:
    rng = np.random.default_rng(2)
    features, labels = labeled(rng)
    assert look_alike(np.concatenate([digits(0, 30, rng), scatter(rng, 40)]), features, labels, seed=0) == ()


def test_copies_of_one_item_are_no_class() -> None:
    rng = np.random.default_rng(3)
    outliers = np.concatenate([np.repeat(digits(6, 1, rng), 30, axis=0), scatter(rng, 40)])
    assert look_alike(outliers, *labeled(rng), seed=0) == ()


def test_the_same_seed_finds_the_same_and_no_argument_is_changed() -> None:
    rng = np.random.default_rng(4)
    features, labels = labeled(rng)
    outliers = np.concatenate([digits(6, 38, rng), scatter(rng, 60)])
    before = outliers.copy(), features.copy(), labels.copy()
    first, second = (look_alike(outliers, features, labels, seed=7) for _ in range(2))
    assert [each.items.tolist() for each in first] == [each.items.tolist() for each in second]
    assert all(np.array_equal(a, b) for a, b in zip(before, (outliers, features, labels), strict=True))
    with pytest.raises(FrozenInstanceError):
        first[0].usual = 0.0  # type: ignore[misc]


@pytest.mark.parametrize("outliers", [0, 1, 7])
def test_too_few_answers_are_no_cluster(outliers: int) -> None:
    rng = np.random.default_rng(5)
    assert look_alike(digits(6, outliers, rng), *labeled(rng), seed=0) == ()


@pytest.mark.parametrize(("within", "each"), [(range(0), 0), (range(1), 20), (range(6), 2)])
def test_without_classes_to_compare_with_nothing_is_said(within: range, each: int) -> None:
    rng = np.random.default_rng(6)
    features = PIXELS[: len(within) * each] if within else PIXELS[:0]
    labels = np.repeat(np.arange(len(within)), each)
    assert look_alike(digits(6, 40, rng), features, labels, seed=0) == ()


def test_more_answers_than_a_tree_holds_join_what_a_part_of_them_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "MOST", 40)
    rng = np.random.default_rng(7)
    features, labels = labeled(rng, range(1, 7))
    outliers = np.concatenate([digits(0, 150, rng), scatter(rng, 50)])
    (found,) = look_alike(outliers, features, labels, seed=0)
    assert len(found.items) > 40, "more than the tree held"
    assert (found.items < 150).mean() > 0.95


def test_many_dimensions_and_equal_items_of_a_class_are_no_trouble() -> None:
    rng = np.random.default_rng(8)
    features, labels = labeled(rng)
    features[labels == 0] = features[0]
    wide = rng.normal(size=(64, 300)).astype(np.float32)
    outliers = np.concatenate([digits(6, 38, rng), scatter(rng, 60)])
    found = look_alike(outliers @ wide, features @ wide, labels, seed=0)
    assert found
    assert (found[0].items < 38).mean() > 0.9


def test_what_does_not_fit_is_refused() -> None:
    rng = np.random.default_rng(9)
    features, labels = labeled(rng)
    with pytest.raises(ValueError, match="n, D"):
        look_alike(PIXELS[:10, :5], features, labels, seed=0)
    with pytest.raises(ValueError, match="labels"):
        look_alike(PIXELS[:10], features, labels[:-1], seed=0)
    bad = PIXELS[:10].copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="outliers must be finite"):
        look_alike(bad, features, labels, seed=0)


def test_cohesion_by_hand() -> None:
    """Three directions: two equal ones and one at a right angle have cosines 1, 0 and 0."""
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert novelty._cohesion(rows) == pytest.approx(1 / 3)
    tree = novelty._tree(rows)
    assert tree.cohesion[3:].tolist() == pytest.approx([1.0, 1 / 3])
    assert tree.points_of(3).tolist() == [0, 1]
    assert isinstance(Alike(np.arange(2), 1.0, 1.0), Alike)
