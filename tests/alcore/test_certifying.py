"""What the model is sure enough of to be confirmed many at a time, and what it leaves to people."""

from dataclasses import replace

import numpy as np
import pytest

from alcore import certifying
from alcore.certifying import Certified, Gate, certifiable, gate
from alcore.intervals import wilson
from alcore.rounds import run_round
from models_zoo.heads import Ensemble
from tests.alcore.arrays import DIGITS, config, digits_round


def sure_of(labels: np.ndarray, confidence: np.ndarray | float, classes: int = 4) -> np.ndarray:
    """(n, classes) this confidence in these labels, the rest spread evenly."""
    confidence = np.broadcast_to(confidence, labels.shape)
    probs = np.repeat(((1 - confidence) / (classes - 1))[:, None], classes, axis=1)
    probs[np.arange(len(labels)), labels] = confidence
    return probs.astype(np.float32)


LABELED = np.arange(600) % 3
CONFIDENCE = np.linspace(0.99, 0.5, 600)
POOL = np.array([0, 1, 2, 0, 3, 1])
POOL_CONFIDENCE = np.array([0.99, 0.95, 0.9, 0.4, 0.99, 0.6])
OPEN = Gate(threshold=0.5, low=0.99)


def certify(labels: np.ndarray = LABELED) -> Certified:
    three = np.tile(sure_of(POOL, POOL_CONFIDENCE), (3, 1, 1))
    return certifiable(three, gate(sure_of(LABELED, CONFIDENCE), labels))


def test_the_threshold_goes_down_as_far_as_the_bound_holds() -> None:
    labels = LABELED.copy()
    labels[450:] = (labels[450:] + 1) % 3  # from here on the model is wrong
    found = certify(labels)
    assert found.gate.threshold == pytest.approx(CONFIDENCE[449], abs=1e-3)
    assert found.gate.low == wilson(450, 450)[0] > 0.99
    assert (found.gate.right, found.gate.told) == (450, 450)
    assert found.items.tolist() == [0, 1, 2]
    assert found.labels.tolist() == [0, 1, 2]
    assert found.confidence == pytest.approx([0.99, 0.95, 0.9])


def test_nothing_is_certified_where_the_precision_is_not_reached() -> None:
    labels = LABELED.copy()
    labels[19::20] = (labels[19::20] + 1) % 3
    found = certify(labels)
    assert found.gate.threshold is None
    assert found.gate.low == 0
    assert (found.gate.right, found.gate.told) == (570, 599)
    assert len(found.items) == len(found.labels) == len(found.confidence) == 0


def test_380_right_labels_are_too_few_and_381_enough() -> None:
    assert certifying.FEWEST == 381
    for count, enough in ((380, False), (381, True)):
        found = gate(sure_of(LABELED[:count], 0.9), LABELED[:count])
        assert (found.threshold is not None) == enough
        assert (found.right, found.told) == (count, count)


def test_equally_sure_labels_stand_or_fall_together() -> None:
    labels = np.zeros(600, dtype=np.int64)
    labels[590:] = 1
    assert gate(sure_of(np.zeros(600, int), 0.9), labels).threshold is None


def test_one_member_that_disagrees_keeps_an_item_for_people() -> None:
    members = np.tile(sure_of(POOL, POOL_CONFIDENCE), (5, 1, 1))
    members[2, 1] = sure_of(np.array([2]), 0.5)[0]
    assert certifiable(members, OPEN).items.tolist() == [0, 2, 5]


def test_no_class_gets_more_than_its_cap() -> None:
    members = sure_of(np.array([0, 0, 0, 1]), np.array([0.9, 0.99, 0.95, 0.8]))[None]
    assert certifiable(members, OPEN, per_class=2).items.tolist() == [1, 2, 3]


def test_what_is_out_of_scope_is_never_certified() -> None:
    assert 4 not in certify().items
    outside = np.full(600, 3)
    assert gate(sure_of(outside, CONFIDENCE), outside).threshold is None


def test_nothing_labeled_certifies_nothing() -> None:
    shut = gate(np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64))
    assert shut == Gate()
    assert not len(certifiable(sure_of(POOL, 0.9)[None], shut).items)


def test_certifying_refuses_other_labels_and_precisions() -> None:
    with pytest.raises(ValueError, match="labels"):
        gate(sure_of(LABELED, 0.9), LABELED[:3])
    with pytest.raises(ValueError, match="precision"):
        gate(sure_of(LABELED, 0.9), LABELED, precision=1.0)
    with pytest.raises(ValueError, match="members"):
        certifiable(np.zeros((0, 2, 3), dtype=np.float32), OPEN)


class Fixed:
    """A model of two members that knows the probabilities: its features are those of the labels."""

    longest = 0

    def member_probs(self, features: np.ndarray) -> np.ndarray:
        self.longest = max(self.longest, len(features))
        return np.stack([features, features])


def test_chunks_find_what_the_whole_pool_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet([0.15] * 4, size=5_000).astype(np.float32)
    items = np.flatnonzero(rng.random(5_000) < 0.7)
    monkeypatch.setattr(certifying, "CHUNK_FLOATS", 0)
    monkeypatch.setattr(certifying, "PER_CLASS", 40)
    model, seen = Fixed(), []
    found = certifying.search(
        probs,
        items,
        model,
        OPEN,
        labels=3,
        report=lambda step, share: seen.append(share),  # type: ignore[arg-type]
    )
    whole = certifiable(np.stack([probs[items]] * 2), OPEN, per_class=40)
    assert found.items.tolist() == items[whole.items].tolist()
    assert found.labels.tolist() == whole.labels.tolist()
    assert np.bincount(found.labels).tolist() == [40, 40, 40]
    assert model.longest == 256, "never more than a chunk"
    assert seen[-1] == 1


def test_many_labels_share_what_a_round_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifying, "MOST", 6)
    probs = sure_of(np.repeat([0, 1, 2], 50), 0.9)
    found = certifying.search(probs, np.arange(150), Fixed(), OPEN, labels=3, report=_silent)  # type: ignore[arg-type]
    assert np.bincount(found.labels).tolist() == [2, 2, 2]


def test_a_round_with_enough_answers_offers_labels_that_are_right() -> None:
    data, _ = digits_round(items=1500, labeled=600)
    result = run_round(data, config(certify=True), Ensemble())
    found = result.certified
    assert len(found.items) > 100
    assert (found.labels == DIGITS.target[found.items]).mean() > 0.99
    assert data.open[found.items].all()
    assert not set(found.items.tolist()) & set(result.selection.items.tolist()), "the batch is asked one by one"
    assert np.bincount(found.labels).max() <= 100
    assert result.notes[-1].startswith(f"{len(found.items)} labels offered")
    assert "certify" in result.timings


def test_a_round_with_few_answers_says_how_far_it_is() -> None:
    data, _ = digits_round(items=600, labeled=150)
    result = run_round(data, config(certify=True), Ensemble())
    assert not len(result.certified.items)
    through = result.certified.gate
    assert f"of the model's {through.told} surest labels people confirmed {through.right}" in result.notes[-1]
    assert "it takes 381" in result.notes[-1]


def test_of_near_duplicates_one_is_offered_and_none_with_a_label() -> None:
    data, _ = digits_round(items=1500, labeled=600)
    plain = run_round(data, config(certify=True), Ensemble()).certified.items
    first, twin, known = int(plain[0]), int(plain[1]), int(plain[2])
    groups = np.arange(1500)
    groups[max(first, twin)] = min(first, twin)
    groups[known] = 0
    found = run_round(replace(data, groups=groups), config(certify=True), Ensemble()).certified.items
    assert max(first, twin) not in found
    assert known not in found


def test_a_round_offers_nothing_unless_told_to() -> None:
    data, _ = digits_round(items=1500, labeled=600)
    result = run_round(data, config(), Ensemble())
    assert not len(result.certified.items)
    assert "certify" not in result.timings


def _silent(step: str, share: float) -> None:
    """Reports to nobody."""
