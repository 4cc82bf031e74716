"""What guards make of scores: any of them together, with any strategy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import catalog, guarding
from alcore.guarding import Guarding, Known
from alcore.inputs import RoundInput
from alcore.rounds import RoundResult, run_round
from alcore.scoring import Scorer
from alcore.simulation import Plan, Task, simulate
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS, config, digits_round

FOUND = np.array([7, 3, 5, 3, 0, 3, 9, 1], dtype=np.float32)


def trained(data: RoundInput) -> Ensemble:
    model = Ensemble()
    run_round(data, config(), model)
    return model


def top(data: RoundInput, *guards: str, **more: object) -> RoundResult:
    """The strategy's best alone, guarded."""
    return run_round(data, config(random_share=0.0, spread=False, guards=guards, **more), Ensemble())


class Fixed:
    """A model whose probabilities are its features: as they are, all members alike."""

    def predict_probs(self, features: np.ndarray) -> np.ndarray:
        return features


def guarded(scores: np.ndarray, *guards: str, **known: object) -> tuple[np.ndarray, Guarding]:
    """Scores of a pool of as many items as there are scores, after these guards."""
    probs = np.full((len(scores), 3), 1 / 3, dtype=np.float32)
    scorer = Scorer(probs, np.arange(len(scores)), Fixed(), 0, len(scores), lambda step, share: None)  # type: ignore[arg-type]
    nothing = np.zeros(0, dtype=np.int64)
    made = Guarding(scorer, guards, 1, Known(probs, nothing, nothing, nothing, **known))  # type: ignore[arg-type]
    return made(scorer.ranked(scores)).scores, made


def test_the_cheaper_of_two_that_score_alike_comes_first() -> None:
    costs = np.array([1, 1, 1, 2, 1, 0.5, 1, 1], dtype=np.float32)
    scores, made = guarded(FOUND, "cost", costs=costs)
    assert scores[5] > scores[1] > scores[3]
    assert made.notes == []


def test_equal_costs_change_no_order_and_no_score() -> None:
    scores, _ = guarded(FOUND, "cost", costs=np.full(8, 7, dtype=np.float32))
    assert scores == pytest.approx(FOUND)


def test_scores_below_zero_are_shifted_before_they_are_divided() -> None:
    negative = FOUND - 4
    scores, _ = guarded(negative, "cost", costs=np.full(8, 7, dtype=np.float32))
    assert scores == pytest.approx(FOUND)
    assert np.argsort(scores, kind="stable").tolist() == np.argsort(negative, kind="stable").tolist()


def test_without_costs_all_stays_and_the_note_says_so() -> None:
    scores, made = guarded(FOUND, "cost")
    assert scores is not None
    assert scores.tolist() == FOUND.tolist()
    assert made.notes == [guarding.NO_COSTS]


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=0, max_size=30),
    st.sets(st.sampled_from(["ignore_most_uncertain", "contrastive", "unlearnable", "cost"])),
    st.booleans(),
)
def test_guards_leave_finite_scores_of_every_pool(given_scores: list[float], keys: set[str], told: bool) -> None:
    scores = np.array(given_scores, dtype=np.float32)
    costs = np.geomspace(1e-3, 1e3, len(scores)).astype(np.float32) if told else None
    found, _ = guarded(scores, *keys, costs=costs, previous=Fixed() if told else None)
    assert found.shape == scores.shape
    assert np.isfinite(found).all()


@pytest.mark.parametrize("guard", ["contrastive", "ignore_most_uncertain", "cost"])
def test_constant_scores_stay_constant_where_items_are_alike(guard: str) -> None:
    ones = np.ones(400, dtype=np.float32)
    scores, _ = guarded(ones, guard, costs=ones, previous=Fixed())
    assert len(set(scores.tolist())) == 1


def test_what_is_most_uncertain_stays_last_under_other_guards() -> None:
    scores = np.random.default_rng(0).permutation(200).astype(np.float32)
    costs = np.where(scores >= 190, 0.001, 1).astype(np.float32)
    found, _ = guarded(scores, "ignore_most_uncertain", "cost", costs=costs)
    assert (found[scores >= 190] == found.min()).all()


def test_contrast_prefers_what_confused_the_last_model_too() -> None:
    """Two items are as unsure as each other now; one has just become so clear that its margin lies beyond."""
    now = np.array([[0.45, 0.35, 0.2], [0.45, 0.35, 0.2], [0.85, 0.1, 0.05]], dtype=np.float32)
    before = np.array([[0.45, 0.35, 0.2], [0.10, 0.70, 0.2], [0.85, 0.1, 0.05]], dtype=np.float32)

    class Before(Fixed):
        def predict_probs(self, features: np.ndarray) -> np.ndarray:
            return before[: len(features)]

    scorer = Scorer(now, np.arange(3), Fixed(), 0, 3, lambda step, share: None)  # type: ignore[arg-type]
    nothing = np.zeros(0, dtype=np.int64)
    known = Known(now, nothing, nothing, nothing, previous=Before())  # type: ignore[arg-type]
    scores = Guarding(scorer, ("contrastive",), 1, known)(scorer.ranked(np.ones(3, dtype=np.float32))).scores
    assert scores[0] > scores[1] > scores[2]


def test_contrast_compares_two_models_that_were_trained_alike() -> None:
    """What serves has seen unlabelled items too; that it differs from the last round's is not what the labels did."""
    now = np.array([[0.45, 0.35, 0.2], [0.45, 0.35, 0.2], [0.85, 0.1, 0.05]], dtype=np.float32)

    class Forked(Fixed):
        def predict_probs(self, features: np.ndarray) -> np.ndarray:
            return super().predict_probs(features)[:, ::-1]

    nothing = np.zeros(0, dtype=np.int64)

    def scores(model: Fixed) -> list[float]:
        scorer = Scorer(now, np.arange(3), model, 0, 3, lambda step, share: None)  # type: ignore[arg-type]
        known = Known(now, nothing, nothing, nothing, previous=Fixed(), current=Fixed())  # type: ignore[arg-type]
        guard = Guarding(scorer, ("contrastive",), 1, known)
        return guard(scorer.ranked(np.ones(3, dtype=np.float32))).scores.tolist()

    assert scores(Forked()) == scores(Fixed())


def test_without_an_earlier_model_contrast_changes_nothing_and_says_so() -> None:
    data, _ = digits_round()
    plain, told = top(data), top(data, "contrastive")
    assert plain.selection.items.tolist() == told.selection.items.tolist()
    assert guarding.NO_PREVIOUS in told.notes
    assert guarding.NO_PREVIOUS not in plain.notes


def test_contrast_uses_the_earlier_model_and_then_says_nothing() -> None:
    data, _ = digits_round()
    earlier = trained(digits_round(labeled=40)[0])
    setting = config(random_share=0.0, spread=False, guards=("contrastive",))
    result = run_round(data, setting, Ensemble(), previous=earlier)
    assert guarding.NO_PREVIOUS not in result.notes
    assert result.selection.scores.tolist() != top(data).selection.scores.tolist()
    unmoved = run_round(data, config(random_share=0.0, spread=False), Ensemble(), previous=earlier)
    assert unmoved.selection.items.tolist() == top(data).selection.items.tolist()


def test_an_earlier_model_of_other_labels_is_none() -> None:
    data, _ = digits_round()
    few = trained(replace(digits_round(labeled=60)[0], vote_label=data.vote_label % 3))
    earlier = Ensemble()
    run_round(replace(data, vote_label=data.vote_label % 3), config(labels=3), earlier)
    setting = config(guards=("contrastive",))
    assert guarding.NO_PREVIOUS in run_round(data, setting, Ensemble(), previous=earlier).notes
    assert guarding.NO_PREVIOUS not in run_round(data, setting, Ensemble(), previous=few).notes


def test_the_model_to_be_trained_is_no_earlier_model() -> None:
    data, _ = digits_round()
    model = trained(data)
    with pytest.raises(ValueError, match="previous"):
        run_round(data, config(), model, previous=model)


def test_what_is_like_wrong_labels_is_asked_less() -> None:
    """Eights are called anything but an eight: they cannot be learned."""
    data, _ = digits_round(items=1500, labeled=500)
    hard = DIGITS.target[:500] == 8
    labels = np.where(hard, np.random.default_rng(0).integers(0, 8, 500), data.vote_label)
    spoiled = replace(data, vote_label=labels)
    eights = DIGITS.target[:1500] == 8
    plain, guarded_ = top(spoiled, batch=60, cleaning=False), top(spoiled, "unlearnable", batch=60, cleaning=False)
    assert eights[guarded_.selection.items].sum() < 0.8 * eights[plain.selection.items].sum()
    assert any("look as if" in note for note in guarded_.notes)
    assert len(guarded_.unlearned) > 10
    assert hard[guarded_.unlearned].mean() > 0.6
    assert not len(plain.unlearned)


def test_it_is_said_when_it_is_too_early_for_the_unlearnable() -> None:
    data, _ = digits_round(labeled=20)
    plain, told = top(data), top(data, "unlearnable")
    assert plain.selection.items.tolist() == told.selection.items.tolist()
    assert any("Too early" in note for note in told.notes)


def test_a_cost_for_every_item_is_needed() -> None:
    data, _ = digits_round()
    with pytest.raises(ValueError, match="costs"):
        run_round(replace(data, costs=np.ones(3, dtype=np.float32)), config(), Ensemble())
    with pytest.raises(ValueError, match="costs"):
        top(replace(data, costs=np.zeros(len(data.open), dtype=np.float32)), "cost")


def test_dear_items_are_asked_less() -> None:
    data, _ = digits_round(items=900, labeled=100)
    costs = np.where(np.arange(900) % 2, 5, 1).astype(np.float32)
    plain, thrifty = top(data, batch=40), top(replace(data, costs=costs), "cost", batch=40)
    assert costs[thrifty.selection.items].mean() < 0.7 * costs[plain.selection.items].mean()


def test_a_simulation_looks_back_at_the_last_model() -> None:
    x, y = (DIGITS.data / 16).astype(np.float32), DIGITS.target.astype(np.int64)
    task = Task(x[:500], y[:500], x[500:900], y[500:900], np.arange(500) % 5, 10)
    plain, back = (
        simulate(task, Plan("margin", 1, 20, 120, spread=False, guards=guards), Ensemble())
        for guards in ((), ("contrastive",))
    )
    assert plain.accuracy[:2] == back.accuracy[:2]  # the first batch by a model has no earlier one
    assert plain.accuracy[2:] != back.accuracy[2:]


def test_all_guards_go_together() -> None:
    data, _ = digits_round(items=900, labeled=300)
    whole = replace(data, costs=np.linspace(1, 3, 900).astype(np.float32))
    setting = config(guards=catalog.GUARD_KEYS)
    chosen = run_round(whole, setting, Ensemble(), previous=trained(digits_round(items=900, labeled=200)[0]))
    assert len(set(chosen.selection.items.tolist())) == 12
