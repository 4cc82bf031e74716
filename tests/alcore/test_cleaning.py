"""Cleaning: finds planted flips, keeps quiet early, and protects what is rare or confirmed."""

from typing import Any

import numpy as np
import pytest

from alcore import cleaning
from alcore.cleaning import Cleaned, Labeled, clean
from alcore.consensus import resolve
from alcore.evidence import judges
from tests.alcore.test_evidence import digits, folds


def cleaned(count: int = 500, *, flipped: float = 0.1, seed: int = 0, **changed: Any) -> tuple[Cleaned, np.ndarray]:
    """One person's answers on digits; what cleaning says, and which answers are wrong."""
    features, labels, wrong = digits(count, seed, flipped)
    labels, way = changed.pop("labels", labels), changed.pop("way", "weigh")
    given = folds(count)
    probs = judges.out_of_fold(judges.logistic, features, labels, [given], classes=11, seed=0)
    fields = {
        "features": features,
        "folds": given,
        "groups": np.arange(count),
        "probs": probs,
        "trusted": np.zeros(count, dtype=bool),
    }
    resolved = resolve(np.arange(count), np.zeros(count, dtype=np.int64), labels, classes=11)
    return clean(Labeled(**(fields | changed)), resolved, seed=seed, way=way), wrong


def test_flipped_labels_are_found_and_weigh_less() -> None:
    found, wrong = cleaned()
    accused = np.array([issue.item for issue in found.issues])
    assert wrong[accused].mean() > 0.85
    assert wrong[accused].sum() > 0.8 * wrong.sum()
    quality = [issue.quality for issue in found.issues]
    assert quality == sorted(quality), "the most suspect first"
    assert all(issue.given != issue.expected for issue in found.issues)
    assert found.weights.mean() == pytest.approx(1, abs=1e-4)
    others = np.setdiff1d(np.arange(500), accused)
    assert found.weights[accused].max() < 0.6
    assert found.weights[others].min() > 1
    assert found.wrong is not None
    promised = found.wrong[accused].sum()
    assert f"about {promised:.0f} of them should be wrong" in found.note
    assert promised == pytest.approx(wrong[accused].sum(), abs=0.15 * len(accused))


def test_hardly_anybody_is_accused_of_right_answers() -> None:
    for seed in range(3):
        found, _ = cleaned(flipped=0, seed=seed)
        assert len(found.issues) <= 0.01 * 500


def test_nobody_is_accused_before_the_model_is_good_enough() -> None:
    found, _ = cleaned(25)
    assert not found.issues
    assert found.wrong is not None, "it has a say, though it accuses nobody"
    assert "not good enough" in found.note
    assert (found.weights == 1).all()
    guess = np.random.default_rng(0).dirichlet(np.ones(11), 500).astype(np.float32)
    silent, _ = cleaned(probs=guess)
    assert not silent.issues
    assert silent.wrong is None, "it is no better than naming the commonest label"


def test_one_label_alone_is_no_reason_to_look() -> None:
    found, _ = cleaned(labels=np.zeros(500, dtype=np.int64))
    assert found.note == "There are too few labels to look for wrong ones."


def test_what_a_reviewer_confirmed_is_never_accused() -> None:
    found, _ = cleaned()
    first = found.issues[0].item
    trusted = np.zeros(500, dtype=bool)
    trusted[first] = True
    again, _ = cleaned(trusted=trusted)
    assert first not in [issue.item for issue in again.issues]
    assert again.wrong is not None
    assert again.wrong[first] == 0


def test_no_more_than_a_share_of_the_labels_and_of_a_class_is_accused() -> None:
    _, labels, _ = digits(500, 0, 0.0)
    noisy = labels.copy()
    threes = np.flatnonzero(labels == 3)
    noisy[threes[: int(0.45 * len(threes))]] = 8
    found, _ = cleaned(labels=noisy)
    assert 0 < len(found.issues) <= 0.2 * 500
    for label in range(10):
        accused = sum(issue.given == label for issue in found.issues)
        assert accused <= np.ceil(0.25 * (noisy == label).sum())


def test_a_class_with_few_labels_is_left_alone() -> None:
    _, labels, _ = digits(500, 0, 0.0)
    labels = labels.copy()
    rare = np.flatnonzero(labels == 7)[:3]
    labels[(labels == 7) & ~np.isin(np.arange(500), rare)] = 1  # as if nobody had ever said 7
    labels[rare] = 10
    found, _ = cleaned(labels=labels)
    assert not {issue.given for issue in found.issues} & {10}


def test_it_is_the_same_again_and_refuses_what_does_not_fit() -> None:
    first, second = cleaned()[0], cleaned()[0]
    assert first.issues == second.issues
    assert (first.weights == second.weights).all()
    with pytest.raises(ValueError, match="trusted"):
        cleaned(trusted=np.zeros(3, dtype=bool))
    with pytest.raises(ValueError, match="probs"):
        cleaned(probs=np.full((500, 4), 0.25, dtype=np.float32))
    assert cleaning.SUSPECT == 0.5


def test_suspects_weigh_less_or_nothing_or_as_much_as_all_others() -> None:
    weighed, left_out, kept = (cleaned(way=way)[0] for way in ("weigh", "leave_out", "keep"))
    accused = np.array([issue.item for issue in weighed.issues])
    assert len(accused) > 5
    assert weighed.issues == left_out.issues == kept.issues
    assert (left_out.weights[accused] == 0).all()
    assert left_out.weights.mean() == pytest.approx(1, abs=1e-5)
    assert (weighed.weights[accused] > 0).all()
    assert (kept.weights == 1).all()
    assert "left out of training" in left_out.note
    assert "taught like all others" in kept.note
