"""One contract for every head and posterior: cross-fitted, consistent in its samples, exact in its checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models_zoo import checkpoints, heads
from models_zoo.training import TrainingConfig
from tests.models_zoo.digits import DIGITS, EVEN, EVERY, FOLDS, QUICK, Y, fitted, known, quick, rows_for

NANS = np.full((200, 64), np.nan, dtype=np.float32)

every_head = pytest.mark.parametrize("kind", heads.KINDS)
every_posterior = pytest.mark.parametrize(("kind", "posterior"), EVERY)


def sums_to_one(probs: np.ndarray, axis: int) -> bool:
    return bool(np.isfinite(probs).all() and np.allclose(probs.sum(axis=axis), 1, atol=1e-5))


@every_head
def test_shapes_and_sums(kind: str) -> None:
    rows = rows_for(kind)
    head = known(kind)
    assert head.logits(rows).shape == (5, 200, 11)
    for probs, shape in (
        (head.member_probs(rows), (5, 200, 11)),
        (head.predict_probs(rows), (200, 11)),
        (head.out_of_fold_probs(rows, FOLDS), (200, 11)),
    ):
        assert probs.shape == shape
        assert probs.dtype == np.float32
        assert sums_to_one(probs, -1)


@every_posterior
def test_draws_sum_to_one_and_differ(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    draws = known(kind, posterior).draw_probs(rows, draws=6, seed=9)
    assert draws.shape == (200, 11, 6)
    assert sums_to_one(draws, 1)
    assert np.ptp(draws, axis=2).max() > 0.01


@every_posterior
def test_draws_depend_neither_on_the_chunk_nor_on_their_number(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    head = known(kind, posterior)
    whole = head.draw_probs(rows, draws=6, seed=9)
    parts = [head.draw_probs(rows[start : start + 37], draws=6, seed=9) for start in range(0, 200, 37)]
    assert np.allclose(np.concatenate(parts), whole, atol=1e-5)
    assert np.allclose(head.draw_probs(rows, draws=2, seed=9), whole[:, :, :2], atol=1e-5)
    assert not np.allclose(head.draw_probs(rows, draws=6, seed=8), whole, atol=1e-3)


@every_posterior
def test_same_seed_same_numbers(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    first, second = fitted(kind, posterior), fitted(kind, posterior)
    assert np.array_equal(first.predict_probs(rows), second.predict_probs(rows))
    assert np.array_equal(first.draw_probs(rows, draws=3, seed=0), second.draw_probs(rows, draws=3, seed=0))


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
@every_posterior
def test_inputs_and_global_randomness_stay_untouched(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    given = [array.copy() for array in (rows, Y, EVEN, FOLDS)]
    for array in given:
        array.flags.writeable = False  # as a memory-mapped pool is
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    head = quick(kind, posterior)
    head.fit(*given, classes=11, seed=1)
    head.predict_probs(given[0])
    head.draw_probs(given[0], draws=2, seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert all(np.array_equal(one, two) for one, two in zip(given, (rows, Y, EVEN, FOLDS), strict=True))


@every_head
@pytest.mark.parametrize("balanced", [False, True])
def test_a_folds_labels_leave_its_member_bit_identical_over_refits(kind: str, balanced: bool) -> None:
    """At one penalty: which one is taken may change, since all members are asked about what they have not seen."""
    rows = rows_for(kind)
    permuted = Y.copy()
    permuted[FOLDS == 2] = np.random.default_rng(0).integers(0, 11, 40)
    same = {"penalties": (0.3,), "balanced": balanced, "mlp_steps": 20, "network_steps": 10}
    first, second = quick(kind, **same), quick(kind, **same)
    weights = EVEN
    for _ in range(3):
        first.fit(rows, Y, weights, FOLDS, classes=11, seed=1)
        second.fit(rows, permuted, weights, FOLDS, classes=11, seed=1)
        logits = first.logits(rows), second.logits(rows)
        assert np.array_equal(logits[0][2], logits[1][2])
        assert not np.array_equal(logits[0][1], logits[1][1])
        weights = np.where(first.out_of_fold_probs(rows, FOLDS).argmax(axis=1) == Y, 1, 0.5).astype(np.float32)


@every_head
def test_out_of_fold_probabilities_come_from_the_member_that_never_saw_the_item(kind: str) -> None:
    rows = rows_for(kind)
    head = known(kind)
    assert np.array_equal(head.out_of_fold_probs(rows, FOLDS)[7], head.member_probs(rows)[2, 7])


@every_posterior
def test_weights_travel_as_safetensors(kind: str, posterior: str, tmp_path: Path) -> None:
    rows = rows_for(kind)
    head, copy = known(kind, posterior), quick(kind, posterior)
    checkpoints.save(tmp_path / "model.safetensors", head.state())
    copy.load_state(checkpoints.load(tmp_path / "model.safetensors"))
    assert np.array_equal(copy.member_probs(rows), head.member_probs(rows))
    assert np.array_equal(copy.predict_probs(rows), head.predict_probs(rows))
    assert np.array_equal(copy.draw_probs(rows, draws=4, seed=2), head.draw_probs(rows, draws=4, seed=2))


@every_head
def test_a_state_without_draws_costs_no_training_and_predicts(kind: str) -> None:
    rows = rows_for(kind)
    head, copy = fitted(kind), quick(kind)
    state = head.state(with_draws=False)
    assert not any(name.startswith("draws.") for name in (*state, *head._tensors))
    copy.load_state(state)
    assert np.array_equal(copy.member_probs(rows), head.member_probs(rows))
    assert np.array_equal(copy.predict_probs(rows), head.predict_probs(rows))
    with pytest.raises(ValueError, match="kept without draws"):
        copy.draw_probs(rows, draws=2, seed=0)
    head.draw_probs(rows, draws=2, seed=0)
    assert head.state(with_draws=False).keys() == state.keys()


@every_head
def test_a_state_that_lacks_tensors_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="lacks temperature"):
        quick(kind).load_state({})
    with pytest.raises(ValueError, match=r"lacks draws\.root"):
        quick(kind, "laplace").load_state(known(kind).state())


@every_posterior
def test_one_label_only(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    head = fitted(kind, posterior, labels=np.full_like(Y, 4))
    assert (head.predict_probs(rows).argmax(axis=1) == 4).all()
    assert sums_to_one(head.draw_probs(rows, draws=3, seed=0), 1)


@every_posterior
def test_two_labels(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    head, odd = quick(kind, posterior), Y % 2
    head.fit(rows, odd, EVEN, FOLDS, classes=2, seed=0)
    assert (head.out_of_fold_probs(rows, FOLDS).argmax(axis=1) == odd).mean() > 0.7
    assert sums_to_one(head.draw_probs(rows, draws=3, seed=0), 1)


@every_posterior
def test_more_labels_than_answers(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    head, labels = quick(kind, posterior), np.random.default_rng(0).integers(0, 150, 60)
    head.fit(rows[:60], labels, EVEN[:60], FOLDS[:60], classes=151, seed=0)
    assert head.predict_probs(rows).shape == (200, 151)
    assert sums_to_one(head.predict_probs(rows), 1)
    assert sums_to_one(head.draw_probs(rows, draws=3, seed=0), 1)


@every_posterior
def test_a_member_that_sees_nothing_knows_no_label_from_another(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    head = quick(kind, posterior)
    head.fit(rows[:20], Y[:20], EVEN[:20], np.zeros(20, dtype=np.int64), classes=11, seed=0)
    assert np.allclose(head.out_of_fold_probs(rows[:20], np.zeros(20, dtype=np.int64)), 1 / 11)
    assert sums_to_one(head.draw_probs(rows, draws=2, seed=0), 1)


@every_posterior
def test_no_items_give_no_probabilities(kind: str, posterior: str) -> None:
    rows = rows_for(kind)
    head = known(kind, posterior)
    assert head.predict_probs(rows[:0]).shape == (0, 11)
    assert head.draw_probs(rows[:0], draws=2, seed=0).shape == (0, 11, 2)


@every_head
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": NANS}, "features must be finite"),
        ({"weights": np.full_like(EVEN, np.nan)}, "weights must be finite"),
        ({"weights": -EVEN}, "negative"),
        ({"targets": Y + 20}, "targets"),
        ({"folds": FOLDS + 3}, "folds"),
        ({"weights": EVEN[:10]}, "must fit"),
    ],
)
def test_bad_training_sets_are_refused(kind: str, change: dict[str, np.ndarray], said: str) -> None:
    rows = rows_for(kind)
    good = {"features": rows, "targets": Y, "weights": EVEN, "folds": FOLDS}
    with pytest.raises(ValueError, match=said):
        quick(kind).fit(**{**good, **change}, classes=11, seed=0)


@every_head
def test_misuse_is_named(kind: str) -> None:
    rows = rows_for(kind)
    with pytest.raises(ValueError, match="fit it or load"):
        quick(kind).predict_probs(rows)
    with pytest.raises(ValueError, match=rf"features must be \(n, {rows.shape[1]}\)"):
        known(kind).predict_probs(rows[:, :60])
    with pytest.raises(ValueError, match="draws must be 1"):
        known(kind).draw_probs(rows, draws=0, seed=0)


def test_an_unknown_head_is_told_which_there_are() -> None:
    with pytest.raises(ValueError, match="linear, mlp, network, adapter, text"):
        heads.make("forest")


@every_head
def test_digits_are_learned(kind: str) -> None:
    config = TrainingConfig(**{"shape": QUICK["shape"], "members": 3, "channels": (8, 16)})
    enough = 0.8 if kind == "text" else 0.93  # a bag of pixels is no picture
    head, order = heads.make(kind, config), np.random.default_rng(0).permutation(len(DIGITS.target))
    features, labels = rows_for(kind, (DIGITS.data / 16).astype(np.float32))[order], DIGITS.target[order]
    head.fit(features[:500], labels[:500], np.ones(500, dtype=np.float32), np.arange(500) % 3, classes=11, seed=0)
    assert (head.predict_probs(features[500:]).argmax(axis=1) == labels[500:]).mean() > enough
    draws = head.draw_probs(features[500:], draws=10, seed=0).mean(axis=2)
    assert (draws.argmax(axis=1) == labels[500:]).mean() > enough
