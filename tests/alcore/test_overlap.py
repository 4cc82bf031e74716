"""Another opinion: of which item, of whom, and how sure is sure."""

import numpy as np
import pytest

from alcore.overlap import expected_gain, recalibrated, unsettled


def table(right: float, classes: int = 3) -> np.ndarray:
    rows = np.full((classes, classes), (1 - right) / (classes - 1), dtype=np.float32)
    np.fill_diagonal(rows, right)
    return rows


def test_unsure_items_are_asked_again_until_they_have_enough_votes() -> None:
    found = unsettled(np.array([0.95, 0.8, 0.6, 0.5], dtype=np.float32), np.array([1, 1, 3, 2]), confidence=0.9, most=3)
    assert found.tolist() == [False, True, False, True]


def test_a_better_person_tells_more_and_of_a_doubtful_item_more() -> None:
    posterior = np.array([[0.5, 0.5, 0.0], [0.9, 0.05, 0.05]], dtype=np.float32)
    gain = expected_gain(posterior, np.stack([table(0.95), table(0.7), table(1 / 3)]))
    assert gain.shape == (3, 2)
    assert gain[0, 0] > gain[1, 0] > gain[2, 0]
    assert gain[0, 0] > gain[0, 1]
    assert gain[2] == pytest.approx(0, abs=1e-6), "who guesses tells nothing"
    assert gain[0, 0] == pytest.approx(2 * 0.5 * 0.95 + 0.5 * 0.025 - 0.5, abs=1e-3)


def test_somebody_who_knows_just_this_pair_is_asked_of_it() -> None:
    """One confuses 0 with 1, the other 1 with 2; the item is 0 or 1."""
    first, second = table(0.9), table(0.9)
    first[:2, :2] = [[0.5, 0.45], [0.45, 0.5]]
    second[1:, 1:] = [[0.5, 0.45], [0.45, 0.5]]
    gain = expected_gain(np.array([[0.5, 0.5, 0.0]], dtype=np.float32), np.stack([first, second]))
    assert gain[1, 0] > gain[0, 0] + 0.2


def test_certainty_becomes_what_it_was_seen_to_be() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.6, 0.99, 400).astype(np.float32)
    posterior = np.column_stack([sure, 1 - sure]).astype(np.float32)
    told, temperature = recalibrated(posterior, sure, rng.random(400) < sure)
    assert temperature == pytest.approx(1, abs=0.25)
    assert told == pytest.approx(posterior, abs=0.06)
    shared_mistakes = rng.random(400) < 0.5 + (sure - 0.5) / 2
    told, temperature = recalibrated(posterior, sure, shared_mistakes)
    assert temperature > 1.6
    assert told.max(axis=1).mean() == pytest.approx(shared_mistakes.mean(), abs=0.04)
    nothing = np.zeros(0, dtype=np.float32)
    assert recalibrated(posterior, nothing, nothing.astype(bool))[1] == pytest.approx(1, abs=0.05)


def test_what_does_not_fit_is_refused() -> None:
    half = np.full((2, 2), 0.5, dtype=np.float32)
    with pytest.raises(ValueError, match="votes"):
        unsettled(half[0], np.ones(3), confidence=0.9, most=3)
    with pytest.raises(ValueError, match="confidence"):
        unsettled(half[0], np.ones(2), confidence=1.5, most=3)
    with pytest.raises(ValueError, match="confusions"):
        expected_gain(half, np.ones((1, 3, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="agreed"):
        recalibrated(half, np.ones(2, dtype=np.float32), np.ones(3, dtype=bool))


def test_people_of_whom_one_number_is_known_tell_as_much_as_with_even_tables() -> None:
    rng = np.random.default_rng(0)
    posterior = rng.dirichlet(np.ones(5), 40).astype(np.float32)
    given = rng.random((40, 5)) < 0.4
    rates = np.array([0.9, 0.6], dtype=np.float32)
    tables = np.stack([table(float(rate), 5) for rate in rates])
    for said in (None, given):
        assert expected_gain(posterior, rates, said) == pytest.approx(expected_gain(posterior, tables, said), abs=1e-5)
