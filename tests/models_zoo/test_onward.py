"""Going on from another head: the fold rule over a chain, what a done member keeps, and states that continue."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models_zoo import checkpoints, heads, objective
from models_zoo.crossfit import CrossFitted
from tests.models_zoo.digits import EVEN, EVERY, FOLDS, X, Y, quick, rows_for

every_head = pytest.mark.parametrize("kind", heads.KINDS)
QUICKER = {"mlp_steps": 20, "network_steps": 10, "text_steps": 20, "steps": 40, "penalties": (0.3,)}
BEFORE, NEW = np.arange(120), np.arange(120, 200)  # labels of earlier rounds, and of the last


@dataclass(frozen=True)
class Steps:
    """What alcore.protocols.Steps holds."""

    batches: list[np.ndarray]
    beside: list[np.ndarray]
    epoch: int = 5
    shares: tuple[float, float] = (1.0, 0.0)
    distance: str = ""
    alpha: float = 0.0
    beta: float = 1.0
    logits: np.ndarray | None = None
    known: np.ndarray | None = None
    interfered: int = 0
    mixup: float = 0.0
    judged: tuple[np.ndarray, ...] = field(default_factory=tuple)


def steps(count: int = 10, seed: int = 0, **changes: Any) -> Steps:
    """Steps on new items, with replay beside them."""
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(NEW, 16, replace=False) for _ in range(count)]
    beside = [rng.choice(BEFORE, 12, replace=False) for _ in range(count)]
    return Steps(drawn, beside, **{"shares": (0.5, 0.5), **changes})


def started(kind: str, labels: np.ndarray = Y, posterior: str = "mc_dropout", **changes: Any) -> CrossFitted:
    """A head that knows the first 120 digits."""
    head = quick(kind, posterior, **{**QUICKER, **changes})
    rows = rows_for(kind)[BEFORE]
    head.fit(rows, labels[BEFORE], EVEN[BEFORE], FOLDS[BEFORE], classes=11, seed=1)
    return head


def gone_on(head: CrossFitted, told: Steps, kind: str, labels: np.ndarray = Y, **changes: Any) -> CrossFitted:
    """Another head that went on from this one by steps, on all digits."""
    other = type(head)(replace(head.config, **changes))
    other.fit(rows_for(kind), labels, EVEN, FOLDS, classes=11, seed=2, previous=head, steps=told)
    return other


def with_stored(head: CrossFitted, kind: str, told: Steps, distance: str) -> Steps:
    """The steps held to what a head says now."""
    known = np.arange(200) < 100
    logits = np.where(known[:, None], head.logits(rows_for(kind)), np.nan).astype(np.float32)
    return replace(told, distance=distance, alpha=0.5, beta=0.5, logits=logits, known=known)


VARIANTS: dict[str, dict[str, Any]] = {
    "replay": {},
    "kl": {"distance": "kl"},
    "mse": {"distance": "mse"},
    "mir": {"interfered": 5},
    "mixup": {"mixup": 0.4},
    "judged": {"judged": (NEW, BEFORE[:50]), "epoch": 3},
    "all": {"distance": "kl", "interfered": 5, "mixup": 0.4, "judged": (NEW, BEFORE[:50])},
}


def variant(head: CrossFitted, kind: str, name: str, seed: int) -> Steps:
    changes = dict(VARIANTS[name])
    distance = changes.pop("distance", "")
    told = steps(seed=seed, **changes)
    return with_stored(head, kind, told, distance) if distance else told


@every_head
@pytest.mark.parametrize("name", VARIANTS)
def test_a_folds_labels_leave_its_member_bit_identical_over_a_chain(kind: str, name: str) -> None:
    permuted = Y.copy()
    permuted[FOLDS == 2] = np.random.default_rng(0).integers(0, 11, 40)
    changes = {"stop_at": 0.6, "bootstrap": name == "all", "balanced": name == "all"}
    first, second = (started(kind, labels, **changes) for labels in (Y, permuted))
    for round_number in (0, 1):
        tolds = [variant(head, kind, name, round_number) for head in (first, second)]
        first, second = gone_on(first, tolds[0], kind), gone_on(second, tolds[1], kind, permuted)
        ours, theirs = (head.logits(rows_for(kind)) for head in (first, second))
        assert np.isfinite(ours).all()
        assert np.array_equal(ours[2], theirs[2])
        assert not np.array_equal(ours[1], theirs[1])


@pytest.mark.parametrize(("kind", "posterior"), EVERY)
def test_a_chain_goes_on_from_disk_to_the_same_numbers(kind: str, posterior: str, tmp_path: Path) -> None:
    head, told, rows = started(kind, posterior=posterior), steps(), rows_for(kind)
    checkpoints.save(tmp_path / "head.safetensors", head.state())
    loaded = head.fork()
    loaded.load_state(checkpoints.load(tmp_path / "head.safetensors"))
    ours, theirs = gone_on(head, told, kind), gone_on(loaded, told, kind)
    assert np.array_equal(ours.member_probs(rows), theirs.member_probs(rows))
    assert np.array_equal(ours.draw_probs(rows, draws=3, seed=0), theirs.draw_probs(rows, draws=3, seed=0))
    assert ours.state().keys() == head.state().keys()


@every_head
def test_the_previous_head_stays_as_it_is(kind: str) -> None:
    head, rows = started(kind), rows_for(kind)
    before = {name: tensor.clone() for name, tensor in head.state().items()}
    other = gone_on(head, steps(), kind)
    assert not np.array_equal(other.logits(rows), head.logits(rows))
    other.state()
    assert all(torch.equal(tensor, before[name]) for name, tensor in head.state().items())


@every_head
def test_a_head_may_go_on_from_itself(kind: str) -> None:
    head, told, rows = started(kind), steps(), rows_for(kind)
    other = gone_on(head, told, kind)
    head.fit(rows, Y, EVEN, FOLDS, classes=11, seed=2, previous=head, steps=told)
    assert np.array_equal(head.logits(rows), other.logits(rows))


@every_head
def test_no_steps_change_nothing_but_the_temperature(kind: str) -> None:
    head, rows = started(kind), rows_for(kind)
    other = gone_on(head, Steps([], []), kind)
    assert np.array_equal(other.logits(rows), head.logits(rows))
    assert other.effort == (0, 0)


@every_head
def test_the_scaling_is_the_chains_first(kind: str) -> None:
    head = started(kind)
    other = gone_on(gone_on(head, steps(), kind), steps(seed=1), kind)
    assert torch.equal(other.scaling.center, head.scaling.center)
    assert other.scaling.scale == head.scaling.scale


@every_head
def test_effort_counts_steps_and_rows(kind: str) -> None:
    head = started(kind)
    assert gone_on(head, steps(7), kind).effort == (7, 7 * 28)
    assert gone_on(head, steps(7, interfered=4), kind).effort == (7, 2 * 7 * 28)


@every_head
def test_a_done_member_stays_as_it_was_while_the_others_go_on(kind: str) -> None:
    """A member that sees nothing of what is judged is done at the first look; nobody else is ever enough for 2."""
    rows, told = rows_for(kind), steps(10, judged=(NEW[FOLDS[NEW] == 3],), epoch=4)
    ends = [gone_on(started(kind), told, kind, stop_at=stop_at) for stop_at in (2.0, 0.0)]
    others, all_done = (head.logits(rows) for head in ends)
    assert np.array_equal(others[3], all_done[3])
    assert not any(np.array_equal(others[member], all_done[member]) for member in (0, 1, 2, 4))
    assert ends[0].effort == (9, 28 * 44 // 5)


@every_head
def test_all_done_ends_the_training(kind: str) -> None:
    head, nothing = started(kind), np.zeros(0, dtype=np.int64)
    assert gone_on(head, steps(10, judged=(NEW,), epoch=4), kind, stop_at=0.0).effort == (4, 4 * 28)
    assert gone_on(head, steps(10, judged=(nothing,), epoch=4), kind).effort == (4, 4 * 28)


@every_head
def test_going_on_learns_the_new_and_keeps_the_old(kind: str) -> None:
    first = Y < 5
    able = {"channels": (8, 16), "network_hidden": 64, "network_rate": 0.01, "text_hidden": 64, "text_rate": 0.03}
    head, rows = quick(kind, **able), rows_for(kind)
    old, new = np.flatnonzero(first), np.flatnonzero(~first)
    head.fit(rows[old], Y[old], EVEN[old], FOLDS[old], classes=11, seed=1)
    rng = np.random.default_rng(0)
    batches = [rng.choice(new, 32) for _ in range(100)]
    alone = gone_on(head, Steps(batches, [new[:0]] * 100), kind)
    replayed = gone_on(head, Steps(batches, [rng.choice(old, 32) for _ in range(100)], shares=(0.5, 0.5)), kind)
    right = [model.out_of_fold_probs(rows, FOLDS).argmax(axis=1) == Y for model in (head, alone, replayed)]
    assert right[0][new].mean() == 0
    assert right[2][new].mean() > 0.6
    assert right[2][old].mean() > right[1][old].mean() + (-0.05 if kind == "linear" else 0.3)
    assert right[2][old].mean() > right[0][old].mean() - 0.15


@every_head
def test_items_of_no_fold_are_seen_by_all_and_have_no_say_in_the_temperature(kind: str) -> None:
    head, rows = started(kind), rows_for(kind)
    head.temperature = 1.7
    folds, labels = np.where(np.arange(200) < 120, FOLDS, -1), np.where(np.arange(200) < 120, Y, 7)
    other = head.fork()
    other.fit(rows, labels, EVEN, folds, classes=11, seed=2, previous=head, steps=steps(20))
    assert other.temperature == 1.7
    raised = other.logits(rows[NEW])[:, :, 7] - head.logits(rows[NEW])[:, :, 7]
    assert (raised.mean(axis=1) > 0).all()
    assert np.isfinite(other.draw_probs(rows, draws=2, seed=0)).all()


@pytest.mark.parametrize(("kind", "posterior"), EVERY)
def test_a_single_member_may_see_everything(kind: str, posterior: str) -> None:
    head = quick(kind, posterior, members=1, text_rate=0.03)
    rows, none = rows_for(kind), np.full(200, -1)
    head.fit(rows, Y, EVEN, none, classes=11, seed=0)
    assert head.temperature == 1.0
    assert (head.predict_probs(rows).argmax(axis=1) == Y).mean() > 0.7
    assert np.isfinite(head.draw_probs(rows, draws=3, seed=0)).all()
    other = head.fork()
    other.fit(rows, Y, EVEN, none, classes=11, seed=0, previous=head, steps=steps())
    assert np.isfinite(other.draw_probs(rows, draws=3, seed=0)).all()


def bad(**changes: Any) -> Steps:
    return replace(steps(), **changes)


@every_head
@pytest.mark.parametrize(
    ("told", "said"),
    [
        (bad(batches=[NEW]), "as many batches"),
        (bad(epoch=0), "epoch of 1"),
        (bad(beside=[BEFORE + 100] * 10), r"beside must lie in 0\.\.199"),
        (bad(batches=[NEW[:0]] * 10), "must not be empty"),
        (bad(judged=(NEW - 150,)), "judged must lie"),
        (bad(distance="cosine"), "no distance 'cosine'"),
        (bad(distance="kl"), "needs stored logits"),
        (bad(distance="kl", logits=np.zeros((5, 9, 11)), known=np.ones(200, dtype=bool)), "logits must be"),
        (bad(distance="kl", logits=np.full((5, 200, 11), np.inf), known=np.ones(200, dtype=bool)), "finite where"),
        (bad(mixup=-1.0), "must be 0 or more"),
        (bad(shares=(np.nan, 1.0)), "must be 0 or more"),
    ],
)
def test_steps_that_do_not_fit_are_refused(kind: str, told: Steps, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        gone_on(start_once(kind), told, kind)


STARTED: dict[str, CrossFitted] = {}


def start_once(kind: str) -> CrossFitted:
    """For tests that change nothing of the head."""
    if kind not in STARTED:
        STARTED[kind] = started(kind)
    return STARTED[kind]


@every_head
def test_a_previous_head_that_does_not_fit_is_refused(kind: str) -> None:
    head, rows = start_once(kind), rows_for(kind)
    other = "mlp" if kind == "linear" else "linear"
    fewer = quick(kind, members=4)
    fewer.fit(rows, Y, EVEN, FOLDS % 4, classes=11, seed=0)
    for previous, classes, said in (
        (None, 11, "previous model is None"),
        (start_once(other), 11, "previous model is"),
        (head.fork(), 11, "knows nothing yet"),
        (head, 12, r"weight is \(5, \d+, 11\), not \(5, \d+, 12\)"),
        (fewer, 11, r"bias is \(4, 11\), not \(5, 11\)"),
    ):
        with pytest.raises(ValueError, match=said):
            head.fork().fit(rows, Y, EVEN, FOLDS, classes=classes, seed=0, previous=previous, steps=steps())


def test_images_of_another_shape_are_refused() -> None:
    head = started("network")
    other = quick("network", shape=(4, 16))
    with pytest.raises(ValueError, match=r"images of shape \(1, 8, 8\), not \(1, 4, 16\)"):
        other.fit(X, Y, EVEN, FOLDS, classes=11, seed=0, previous=head, steps=steps())


def test_rows_of_another_encoder_are_no_words() -> None:
    with pytest.raises(ValueError, match="words encoder"):
        heads.make("text").fit(np.tile(X, 3), Y, EVEN, FOLDS, classes=11, seed=0)


@every_head
def test_a_fork_knows_nothing_and_is_configured_alike(kind: str) -> None:
    head = start_once(kind)
    other = head.fork()
    assert not other.is_trained
    assert type(other) is type(head)
    assert other.config == head.config


@every_head
def test_the_model_behind_draws_goes_on_where_there_was_one(kind: str) -> None:
    rows = rows_for(kind)
    with_draws, without = started(kind), started(kind)
    with_draws.state()
    ours, anew = (gone_on(head, steps(3), kind).draw_probs(rows, draws=2, seed=0) for head in (with_draws, without))
    before = with_draws.draw_probs(rows, draws=2, seed=0)
    assert not np.array_equal(ours, before)
    assert np.abs(ours - before).mean() < np.abs(anew - before).mean()


@every_head
def test_bootstrapped_members_differ_and_repeat(kind: str) -> None:
    rows = rows_for(kind)
    plain, one, two = (started(kind, bootstrap=kept).logits(rows) for kept in (False, True, True))
    assert np.array_equal(one, two)
    assert not np.allclose(one, plain, atol=1e-3)


@pytest.mark.parametrize("kind", ["mlp", "network", "adapter", "text"])
def test_training_from_scratch_stops_when_labels_are_named_and_not_before_so_many_steps(kind: str) -> None:
    caps = {f"{name}_{cap}": 60 for name in ("mlp", "network", "text") for cap in ("steps", "epochs")}
    least = {f"{name}_least": 20 for name in ("mlp", "network", "text")}
    assert started(kind, stop_at=0.0, **caps, **least).effort[0] == 20
    assert started(kind, stop_at=2.0, **caps, **least).effort[0] == 60


def test_distances_are_those_that_were_published() -> None:
    source = torch.Generator().manual_seed(0)
    now, then = (torch.randn(2, 3, 4, generator=source) for _ in range(2))
    stored = then.softmax(dim=2)
    expected = (stored * (stored.log() - now.softmax(dim=2).log())).sum(dim=2)
    assert torch.allclose(objective.distances(now, then, "kl"), expected, atol=1e-6)
    assert torch.allclose(objective.distances(now, then, "mse"), (now - then).square().mean(dim=2))
