"""run_round on real digits."""

from dataclasses import replace

import numpy as np
import pytest

from alcore import rounds
from alcore.rounds import run_round
from models_zoo.heads import Ensemble
from models_zoo.mlp import MlpHead
from models_zoo.training import TrainingConfig
from tests.alcore.arrays import DIGITS, config, digits_round


def test_audit_answers_never_change_the_batch() -> None:
    data, _ = digits_round()
    blind = replace(data, audit_label=np.full_like(data.audit_label, -1))
    first, second = (run_round(d, config(), Ensemble()) for d in (data, blind))
    assert first.selection.items.tolist() == second.selection.items.tolist()
    assert first.audit_predictions.tolist() == second.audit_predictions.tolist()


def test_accuracy_comes_from_the_reporting_half_alone() -> None:
    data, _ = digits_round()
    lying = np.where(data.audit_reporting, data.audit_label, -1)
    assert run_round(replace(data, audit_label=lying), config(), Ensemble()).audit == (
        run_round(data, config(), Ensemble()).audit
    )


def test_too_few_audit_answers_say_nothing() -> None:
    data, _ = digits_round()
    few = data.audit_label.copy()
    few[np.flatnonzero(data.audit_reporting)[29:]] = -1
    assert not run_round(replace(data, audit_label=few), config(), Ensemble()).audit.enough


def test_first_round_covers_the_pool() -> None:
    data, _ = digits_round(labeled=0)
    result = run_round(data, config(batch=30), Ensemble())
    assert result.strategy == "coverage"
    assert len(set(DIGITS.target[result.selection.items])) == 10
    assert (result.audit_predictions == -1).all()


def test_an_audit_item_marked_open_is_refused() -> None:
    data, _ = digits_round()
    with pytest.raises(ValueError, match="audit"):
        run_round(replace(data, open=np.ones_like(data.open)), config(), Ensemble())


def test_cleaning_finds_planted_flips_and_says_so() -> None:
    data, flipped = digits_round(items=900, labeled=400, flips=30)
    result = run_round(data, config(), Ensemble())
    found = {issue.item for issue in result.issues}
    assert len(found & set(flipped)) >= 15
    assert len(found - set(flipped)) <= 3
    assert result.downweighted == len(found)
    assert any("weighed less" in note for note in result.notes)


def test_cleaning_off_finds_nothing() -> None:
    data, _ = digits_round(items=900, labeled=400, flips=30)
    assert run_round(data, config(cleaning=False), Ensemble()).issues == ()


def test_what_a_reviewer_confirmed_is_never_suspected() -> None:
    data, flipped = digits_round(items=900, labeled=400, flips=30)
    trusted = data.trusted.copy()
    trusted[flipped] = True
    found = {issue.item for issue in run_round(replace(data, trusted=trusted), config(), Ensemble()).issues}
    assert not found & set(flipped)


def test_a_weak_model_accuses_nobody() -> None:
    data, _ = digits_round(labeled=30)
    rng = np.random.default_rng(0)
    result = run_round(replace(data, vote_label=rng.permutation(data.vote_label)), config(), Ensemble())
    assert result.issues == ()
    assert any("not good enough" in note for note in result.notes)


def test_progress_is_reported_step_by_step() -> None:
    data, _ = digits_round()
    seen: list[str] = []
    result = run_round(data, config(), Ensemble(), report=lambda step, share: seen.append(step))
    assert list(dict.fromkeys(seen)) == ["resolve", "train", "clean", "evaluate", "score", "select"]
    assert set(result.timings) == set(seen)


def test_a_vote_on_an_audit_item_is_refused() -> None:
    data, _ = digits_round()
    leaked = replace(data, vote_item=np.append(data.vote_item[:-1], data.audit_item[0]))
    with pytest.raises(ValueError, match="never train"):
        run_round(leaked, config(), Ensemble())


def test_the_batch_keeps_the_strategys_own_scores() -> None:
    data, _ = digits_round()
    chosen = run_round(data, config(), Ensemble()).selection
    assert ((chosen.scores >= 0) & (chosen.scores <= 1)).all()


def test_right_answers_to_doubtful_questions_are_seldom_accused() -> None:
    """Strategies ask where the model is often wrong; that alone must not accuse who answered."""
    data, _ = digits_round(items=1500, labeled=100)
    for _ in range(8):
        chosen = run_round(data, config(batch=20), Ensemble()).selection.items
        opened = data.open.copy()
        opened[chosen] = False
        data = replace(
            data,
            open=opened,
            vote_item=np.concatenate([data.vote_item, chosen]),
            vote_annotator=np.zeros(len(data.vote_item) + len(chosen), dtype=np.int64),
            vote_label=np.concatenate([data.vote_label, DIGITS.target[chosen]]),
        )
    assert len(run_round(data, config(), Ensemble()).issues) <= 0.05 * len(data.vote_item)


def test_members_are_compared_all_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may go class by class: its first items are no sample of it."""
    monkeypatch.setattr(rounds, "STOP_SET", 20)
    drawn = rounds._drawn(np.arange(400), config("auto"))
    assert len(set(drawn)) == 20
    assert drawn.max() > 200


def test_no_label_of_a_fold_ever_reaches_the_member_that_is_to_judge_it() -> None:
    """Over three rounds that clean, weigh suspects less and go on from each other."""
    logits = []
    for permuted in (False, True):
        model, memory = MlpHead(TrainingConfig(hidden=16, mlp_least=40, mlp_steps=40)), None
        previous = None
        for labeled in (200, 240, 280):
            data, _ = digits_round(items=900, labeled=labeled, flips=20)
            data = replace(data, folds=np.arange(900) % 5)
            votes = data.vote_label.copy()
            own = np.flatnonzero(data.folds[data.vote_item] == 0)
            votes[own] = (votes[own] + permuted) % 10
            seen = replace(data, vote_label=votes, memory=memory)
            result = run_round(seen, config(replay="sd", restart_every=0), model, previous=previous)
            assert result.training is not None
            assert result.training.went_on == (previous is not None)
            memory = result.training.memory
            previous, model = model, model.fork()
            logits.append(previous.logits(data.features[:50])[0])
    assert all(np.array_equal(one, other) for one, other in zip(logits[:3], logits[3:], strict=True))
