"""A batch spread over what scores high."""

import numpy as np
import pytest

from alcore.strategies import diversity
from alcore.strategies.diversity import uncertainty_herding

RNG = np.random.default_rng(0)
CENTERS = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
POINTS = (CENTERS.repeat(25, axis=0) + RNG.normal(0, 0.3, (100, 2))).astype(np.float32)
SCORES = np.repeat([1.0, 0.9, 0.8, 0.001], 25).astype(np.float32)
RANKED = np.argsort(-SCORES, kind="stable")
NOTHING = np.zeros((0, 2), dtype=np.float32)


def herd(labeled: np.ndarray = NOTHING, batch: int = 3, scores: np.ndarray = SCORES) -> np.ndarray:
    return uncertainty_herding(POINTS, scores, RANKED, labeled, batch=batch, rng=np.random.default_rng(1))


def test_one_of_each_doubt_before_a_second_of_any() -> None:
    assert sorted(herd() // 25) == [0, 1, 2]


def test_what_is_labeled_already_covers_its_surroundings() -> None:
    assert herd(labeled=POINTS[:1], batch=2).tolist() != herd(batch=2).tolist()
    assert sorted(herd(labeled=POINTS[:1], batch=2) // 25) == [1, 2]


def test_the_order_is_nested() -> None:
    assert herd(batch=6)[:3].tolist() == herd(batch=3).tolist()


def test_no_more_than_the_candidates_and_none_twice() -> None:
    assert sorted(herd(batch=500).tolist()) == list(range(100))


def test_scores_of_zero_keep_their_rank() -> None:
    assert herd(scores=np.zeros_like(SCORES)).tolist() == RANKED[:3].tolist()


@pytest.mark.parametrize(("bad", "said"), [(np.nan, "finite"), (-1.0, "negative")])
def test_bad_scores_are_refused(bad: float, said: str) -> None:
    spoiled = SCORES.copy()
    spoiled[4] = bad
    with pytest.raises(ValueError, match=said):
        herd(scores=spoiled)


def test_lazy_cover_picks_what_looking_at_everything_picks() -> None:
    rng = np.random.default_rng(5)
    kernel, weights = rng.random((60, 40)).astype(np.float32), rng.random(60).astype(np.float32)
    kernel[:, 7] = kernel[:, 3]  # a tie: the earlier one
    covered, wanted = np.zeros(60, dtype=np.float32), []
    for _ in range(12):
        gains = [-1.0 if c in wanted else float(np.maximum(kernel[:, c] - covered, 0) @ weights) for c in range(40)]
        wanted.append(int(np.argmax(gains)))
        covered = np.maximum(covered, kernel[:, wanted[-1]])
    assert diversity._cover(kernel, weights, np.zeros(60, dtype=np.float32), 12).tolist() == wanted
