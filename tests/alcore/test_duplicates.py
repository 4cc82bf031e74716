"""Near-duplicates: found among many, told apart when they differ, and stable when items come later."""

import numpy as np
import pytest

from alcore.duplicates import near_duplicates, with_repeats

RNG = np.random.default_rng(0)


def strangers(count: int, width: int = 32) -> np.ndarray:
    return RNG.normal(size=(count, width)).astype(np.float32)


def copies(rows: np.ndarray, change: float = 0.01) -> np.ndarray:
    return (rows + change * RNG.normal(size=rows.shape)).astype(np.float32)


def test_copies_join_the_first_and_strangers_stay_alone() -> None:
    first = strangers(2000)
    vectors = np.concatenate([first, copies(first[:300]), copies(first[:100])])
    groups = near_duplicates(vectors)
    np.testing.assert_array_equal(groups[:2000], np.arange(2000))
    assert (groups[2000:2300] == np.arange(300)).mean() > 0.99
    assert (groups[2300:] == np.arange(100)).mean() > 0.99


def test_equal_and_zero_vectors_are_one_group() -> None:
    vectors = np.array([[0, 0], [1, 2], [0, 0], [1, 2], [0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(near_duplicates(vectors), [0, 1, 0, 1, 0])


def test_what_the_caller_tells_apart_stays_apart() -> None:
    vectors = np.ones((6, 3), dtype=np.float32)
    kinds = np.array([0, 1, 0, 1, 2, 2])
    groups = near_duplicates(vectors, same=lambda first, second: kinds[first] == kinds[second])
    np.testing.assert_array_equal(groups, [0, 1, 0, 1, 4, 4])


def test_a_large_group_is_found_whole() -> None:
    one = strangers(1)
    vectors = np.concatenate([strangers(500), np.repeat(one, 5000, axis=0)])
    np.testing.assert_array_equal(near_duplicates(vectors)[500:], 500)


def test_groups_do_not_drift_along_a_chain() -> None:
    angles = np.linspace(0, np.pi / 2, 60)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    groups = near_duplicates(vectors, cosine=0.98)
    assert len(np.unique(groups)) > 3
    assert ((vectors * vectors[groups]).sum(axis=1) >= 0.98 - 1e-5).all()


def test_later_items_change_no_group_that_was_found() -> None:
    first = strangers(400)
    vectors = np.concatenate([first, copies(first[:50]), copies(first[:80]), strangers(20)])
    known = near_duplicates(vectors[:450])
    groups = near_duplicates(vectors, known=known)
    np.testing.assert_array_equal(groups[:450], known)
    assert (groups[450:530] == np.arange(80)).mean() > 0.97
    np.testing.assert_array_equal(groups[530:], np.arange(530, 550))
    np.testing.assert_array_equal(near_duplicates(vectors, known=groups), groups)


def test_the_seed_alone_decides() -> None:
    vectors = copies(np.repeat(strangers(100), 5, axis=0), 0.1)
    np.testing.assert_array_equal(near_duplicates(vectors, seed=4), near_duplicates(vectors, seed=4))


def test_every_first_is_its_own() -> None:
    groups = near_duplicates(copies(np.repeat(strangers(200, 8), 6, axis=0), 0.12), cosine=0.95)
    np.testing.assert_array_equal(groups[groups], groups)
    assert (groups <= np.arange(len(groups))).all()


def test_repeated_contents_share_a_group_whatever_their_vectors() -> None:
    groups = with_repeats(np.array([0, 1, 2, 2, 4]), np.array([7, 8, 7, 9, 8]))
    np.testing.assert_array_equal(groups, [0, 1, 0, 0, 1])


@pytest.mark.parametrize("count", [0, 1])
def test_next_to_nothing_is_no_error(count: int) -> None:
    np.testing.assert_array_equal(near_duplicates(np.ones((count, 3), dtype=np.float32)), np.arange(count))


@pytest.mark.parametrize(
    ("vectors", "options", "said"),
    [
        (np.ones(3, dtype=np.float32), {}, "items, D"),
        (np.ones((3, 2), dtype=np.float32), {"cosine": 1.0}, "between 0 and 1"),
        (np.full((3, 2), np.nan, dtype=np.float32), {}, "finite"),
        (np.ones((3, 2), dtype=np.float32), {"known": np.array([1, 1])}, "first"),
        (np.ones((1, 2), dtype=np.float32), {"known": np.array([0, 1])}, "shape"),
    ],
)
def test_wrong_input_is_named(vectors: np.ndarray, options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        near_duplicates(vectors, **options)  # type: ignore[arg-type]
