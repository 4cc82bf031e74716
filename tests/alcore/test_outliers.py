"""How foreign items are, and what becomes of scores where part of a pool is out of scope."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import guarding, outliers
from alcore.inputs import RoundInput
from alcore.outliers import Evened, even, evened, in_scope_by_distance
from alcore.rounds import RoundResult, run_round
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS, config, digits_round

RNG = np.random.default_rng(0)


class Fixed:
    """A model whose probabilities are its features, all members and draws alike."""

    def predict_probs(self, features: np.ndarray) -> np.ndarray:
        return features

    def member_probs(self, features: np.ndarray) -> np.ndarray:
        return np.stack([features] * 3)

    def draw_probs(self, features: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
        return np.repeat(features[:, :, None], draws, axis=2)


def round_of(*, labeled: int = 300, scope: int = 5, keep: int | None = None) -> RoundInput:
    """Digits from `scope` on are out of scope; `keep` of the labels that are."""
    data, _ = digits_round(items=1500, labeled=labeled)
    label = np.minimum(DIGITS.target[:1500], scope).astype(np.int64)
    votes = np.flatnonzero((label[:labeled] < scope) | (np.cumsum(label[:labeled] == scope) <= (keep or labeled)))
    return replace(
        data,
        vote_item=data.vote_item[votes],
        vote_annotator=data.vote_annotator[votes],
        vote_label=label[votes],
        audit_label=label[data.audit_item],
    )


def chosen(data: RoundInput, *guards: str, scope: int = 5, **more: object) -> RoundResult:
    setting = config(labels=scope, batch=40, random_share=0.0, guards=guards, **more)
    return run_round(data, setting, Ensemble())


def test_even_multiplies_odds() -> None:
    probs = np.array([[0.5, 0.5], [0.2, 0.8], [1, 0], [0, 1]], dtype=np.float32)
    found = even(probs, 0.25, axis=1)
    assert found == pytest.approx(np.array([[0.8, 0.2], [0.5, 0.5], [1, 0], [0, 1]]))
    assert even(probs.T.copy(), 0.25, axis=0) == pytest.approx(found.T)
    assert probs[0, 1] == 0.5


@given(st.integers(1, 20), st.integers(2, 5), st.floats(1e-3, 1), st.integers(0, 1000))
def test_evened_rows_sum_to_1_and_keep_the_order_in_scope(items: int, labels: int, odds: float, seed: int) -> None:
    probs = np.random.default_rng(seed).dirichlet(np.ones(labels), items).astype(np.float32)
    found = Evened(Fixed(), odds)
    mean, members = found.predict_probs(probs), found.member_probs(probs)
    assert mean.sum(axis=1) == pytest.approx(np.ones(items), abs=1e-5)
    assert (mean[:, -1] <= probs[:, -1] + 1e-6).all()
    assert (mean[:, :-1].argmax(axis=1) == probs[:, :-1].argmax(axis=1)).all()
    assert members[0] == pytest.approx(mean)
    assert found.draw_probs(probs, draws=2, seed=0)[:, :, 1] == pytest.approx(mean)


def test_a_model_is_evened_where_out_of_scope_outweighs_the_classes() -> None:
    model = Fixed()
    many = np.repeat([0, 1, 2], [4, 6, 45])
    found = evened(model, many, 2)
    assert isinstance(found, Evened)
    assert found.odds == pytest.approx((5 / 45) ** 0.5)
    assert evened(model, np.repeat([0, 1, 2], [30, 30, 12]), 2) is model  # no more than of a class
    assert evened(model, np.repeat([0, 1, 2], [1, 1, 9]), 2) is model  # too few to be learned
    assert evened(model, np.full(20, 2), 2) is model  # nothing else


def test_while_a_class_has_no_label_odds_are_evened_wholly() -> None:
    few, enough = np.repeat([0, 2], [5, 45]), np.repeat([0, 2], [10, 45])
    assert outliers.hides_a_class(few, 2)
    assert not outliers.hides_a_class(enough, 2)  # the other class may have no item at all
    assert not outliers.hides_a_class(np.repeat([0, 1, 2], [2, 1, 45]), 2)
    found = evened(Fixed(), few, 2)
    assert isinstance(found, Evened)
    assert found.odds == pytest.approx(5 / 45)


def test_distance_grows_away_from_what_is_known() -> None:
    known = np.array([[1, 0], [2, 0.1], [1, 0.1]], dtype=np.float32)
    rows = np.array([[5, 0], [1, 1], [0, 1], [-1, 0], [0, 0]], dtype=np.float32)
    found = outliers.distance(known, neighbors=2)(rows)
    assert (np.diff(found[:4]) > 0).all()
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert outliers.distance(known, neighbors=50)(rows)[0] >= found[0]


def test_distance_is_that_of_a_search_through_all(monkeypatch: pytest.MonkeyPatch) -> None:
    known, rows = (RNG.normal(size=(count, 8)).astype(np.float32) for count in (40, 30))
    unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (rows, known)]
    brute = np.sort(np.linalg.norm(unit[0][:, None] - unit[1][None], axis=2), axis=1)[:, 4]
    assert outliers.distance(known)(rows) == pytest.approx(brute, abs=1e-3)
    monkeypatch.setattr(outliers, "MOST_KNOWN", 10)
    assert (outliers.distance(known, seed=1)(rows) == outliers.distance(known, seed=1)(rows)).all()


@given(st.lists(st.floats(0, 10, width=32), max_size=30), st.integers(0, 9))
def test_the_share_of_outliers_is_dealt_out_by_rank(distances: list[float], found: int) -> None:
    away = np.array(distances, dtype=np.float32)
    inside = in_scope_by_distance(away, found, 40)
    assert ((inside >= 0) & (inside <= 1)).all()
    assert (np.diff(inside[np.argsort(away, kind="stable")]) <= 1e-6).all()
    if len(away):
        assert 1 - inside.mean() == pytest.approx(found / 40, abs=1e-5)


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="known"):
        outliers.distance(np.zeros((0, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="finite"):
        outliers.distance(np.full((2, 3), np.nan, dtype=np.float32))
    with pytest.raises(ValueError, match="distances"):
        in_scope_by_distance(np.array([np.nan], dtype=np.float32), 1, 3)
    with pytest.raises(ValueError, match="outliers"):
        in_scope_by_distance(np.zeros(3, dtype=np.float32), 4, 3)
    with pytest.raises(ValueError, match="odds"):
        even(np.eye(2, dtype=np.float32), 0, axis=1)


def test_fewer_outliers_are_asked_with_the_guard() -> None:
    data = round_of()
    foreign = DIGITS.target[:1500] >= 5
    plain, guarded = chosen(data), chosen(data, "in_scope")
    assert foreign[guarded.selection.items].sum() < foreign[plain.selection.items].sum()


def test_with_few_outliers_distance_stands_in_and_the_round_says_so() -> None:
    few = chosen(round_of(keep=4), "in_scope")
    assert guarding.FEW_OUTLIERS.format(4) in few.notes
    assert not any("too few to learn" in note for note in chosen(round_of(), "in_scope").notes)


def test_without_any_outlier_the_guard_changes_nothing() -> None:
    data, _ = digits_round(items=900, labeled=150)
    plain, guarded = (run_round(data, config(guards=guards), Ensemble()).selection for guards in ((), ("in_scope",)))
    assert plain.items.tolist() == guarded.items.tolist()
    assert np.array_equal(plain.scores, guarded.scores, equal_nan=True)


def test_what_is_wrongly_taken_for_out_of_scope_is_still_asked() -> None:
    """A class with two labels passes for out of scope, which has over a hundred; it is asked for all the same."""
    data = round_of()
    rare = data.vote_label == 0
    keep = ~rare | (np.cumsum(rare) <= 2)
    votes = {name: getattr(data, name)[keep] for name in ("vote_item", "vote_annotator", "vote_label")}
    asked = chosen(replace(data, **votes), "in_scope", strategy="margin").selection.items
    assert (DIGITS.target[asked] == 0).sum() >= 3


def test_nothing_is_pulled_down_while_a_class_may_hide_among_outliers() -> None:
    data = round_of(labeled=30)
    keep = data.vote_label != 0
    votes = {name: getattr(data, name)[keep] for name in ("vote_item", "vote_annotator", "vote_label")}
    few = replace(data, **votes)
    scored = [chosen(few, *guards, strategy="random").selection.scores for guards in ((), ("in_scope",))]
    assert np.array_equal(*scored)
