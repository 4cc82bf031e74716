"""What is replayed beside new labels, and with what targets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alcore import replay, schemes
from alcore.protocols import Floats, Ints
from alcore.replay import Pace

NEW = np.arange(100) >= 80


def said(rows: Ints) -> Floats:
    """(1, n, 3) logits of one member."""
    return np.stack([rows, -rows, rows % 7], axis=1)[None].astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("key", schemes.KEYS)
def test_batches_hold_what_is_new_and_beside_them_what_is_old(key: str) -> None:
    steps, scheme = replay.steps(NEW, key, said, pace=Pace(epochs=3, batch=8), rng=rng()), schemes.get(key)
    assert len(steps.batches) == len(steps.beside)
    batches = np.concatenate(steps.batches)
    assert set(np.flatnonzero(NEW)) <= set(batches)
    assert NEW[batches].all() == scheme.new_only
    beside = np.concatenate(steps.beside)
    assert not NEW[beside].any()
    assert bool(len(beside)) == bool(scheme.replays)


def test_twice_as_many_are_replayed_each_once_in_a_step() -> None:
    steps = replay.steps(NEW, "er", said, rng=rng())
    assert {len(batch) for batch in steps.batches} == {20}
    assert {len(rows) for rows in steps.beside} == {40}
    assert all(len(set(rows)) == 40 for rows in steps.beside)


def test_fewer_old_ones_than_wanted_are_all_replayed() -> None:
    steps = replay.steps(np.arange(30) >= 12, "er", said, rng=rng())
    assert set(steps.beside[0]) == set(range(12))


def test_the_losses_are_the_papers() -> None:
    shares = {key: replay.steps(NEW, key, said, rng=rng()).shares for key in schemes.KEYS}
    assert shares["er"] == pytest.approx((1 / 3, 2 / 3))
    assert shares["mir"] == shares["er"]
    assert shares["der"] == (1, 1)
    assert shares["sd"] == shares["sds2"] == pytest.approx((0.2, 0.8))
    assert shares["warm"] == shares["fine_tune"] == (1, 0)
    sd, der = (replay.steps(NEW, key, said, rng=rng()) for key in ("sd", "der"))
    assert (sd.distance, sd.alpha, sd.beta) == ("kl", 0.25, 0.75)
    assert (der.distance, der.alpha, der.beta) == ("mse", 0.1, 1.0)


def test_logits_are_asked_for_what_is_replayed_alone() -> None:
    asked: list[Ints] = []
    steps = replay.steps(
        NEW, "sd", lambda rows: asked.append(rows) or said(rows), pace=Pace(epochs=1, batch=4, replayed=1), rng=rng()
    )
    replayed = np.unique(np.concatenate(steps.beside))
    assert [rows.tolist() for rows in asked] == [replayed.tolist()]
    assert steps.known is not None
    assert np.flatnonzero(steps.known).tolist() == replayed.tolist()
    assert steps.logits is not None
    assert np.array_equal(steps.logits[:, replayed], said(replayed))
    assert not steps.logits[:, ~steps.known].any()


def test_plain_replay_asks_for_no_logits() -> None:
    def never(rows: Ints) -> Floats:
        raise AssertionError

    assert replay.steps(NEW, "er", never, rng=rng()).logits is None


def test_interference_chooses_among_more_candidates() -> None:
    steps = replay.steps(np.arange(200) >= 180, "mir", said, rng=rng())
    assert steps.interfered == 40
    assert {len(rows) for rows in steps.beside} == {80}


def test_all_that_is_to_be_known_is_judged() -> None:
    judged = {key: replay.steps(NEW, key, said, rng=rng()).judged for key in ("sd", "warm", "fine_tune")}
    assert set(judged["sd"][0]) == set(judged["warm"][0]) == set(range(100))
    assert set(judged["fine_tune"][0]) == set(np.flatnonzero(NEW))
    assert len(replay.steps(np.arange(2_000) >= 1_900, "sd", said, rng=rng()).judged[0]) == replay.JUDGED


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 70), st.sampled_from(schemes.OFFERED))
@settings(max_examples=60, deadline=None)
def test_every_new_label_comes_once_in_an_epoch(fresh: int, old: int, batch: int, scheme: schemes.Scheme) -> None:
    new = np.arange(fresh + old) >= old
    steps = replay.steps(new, scheme.key, said, pace=Pace(epochs=2, batch=batch), rng=rng())
    epoch = len(steps.batches) // 2
    first = np.concatenate(steps.batches[:epoch])
    assert set(first) == set(np.flatnonzero(new))
    assert len(first) < fresh + epoch, "an epoch is filled up by less than one row a step"
    assert steps.epoch == max(epoch, replay.APART)
    assert all(len(rows) <= batch for rows in steps.batches)


@pytest.mark.parametrize("new", [np.zeros(9, dtype=bool), np.ones(9, dtype=bool)])
def test_going_on_needs_new_and_old(new: NDArray[np.bool_]) -> None:
    with pytest.raises(ValueError, match="new and old"):
        replay.steps(new, "er", said, rng=rng())


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="sds2"):
        replay.steps(NEW, "magic", said, rng=rng())


def test_a_submodular_choice_is_for_one_member() -> None:
    with pytest.raises(ValueError, match="one member"):
        replay.steps(NEW, "sds2", lambda rows: np.repeat(said(rows), 5, axis=0), rng=rng())


def test_representatives_stand_for_every_group() -> None:
    centers = np.array([[9, 0, 0], [0, 9, 0], [0, 0, 9]], dtype=np.float32)
    logits = np.repeat(centers, [50, 5, 5], axis=0) + rng().normal(scale=0.1, size=(60, 3)).astype(np.float32)
    chosen = replay.representative(logits[None], 3)
    assert set(chosen // 5) & {10}
    assert set(chosen // 5) & {11}
    assert len(set(chosen)) == 3


def test_of_equal_ones_the_unsure_are_chosen() -> None:
    logits = np.array([[9, 0], [9, 0], [0.1, 0]], dtype=np.float32)
    assert replay.representative(np.tile(logits, (1, 1, 1)), 1).tolist() in ([0], [1], [2])
    even = np.array([[4.0, 0], [0, 4.0], [1.0, 0.5]], dtype=np.float32)[None]
    assert replay.representative(even, 3).tolist()[0] == 2
