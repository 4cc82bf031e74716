"""Intervals, areas and comparisons."""

import numpy as np
import pytest

from alcore import evaluation


def test_wilson_by_hand() -> None:
    assert evaluation.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert evaluation.wilson(0, 0) == (0, 1)


def test_area_is_the_mean_height() -> None:
    labels = np.array([10.0, 20.0, 40.0])
    assert evaluation.area_under_curve(labels, np.array([0.5, 0.5, 0.5])) == pytest.approx(0.5)
    assert evaluation.area_under_curve(labels, np.array([0.0, 1.0, 1.0])) == pytest.approx(25 / 30)
    with pytest.raises(ValueError, match="rise"):
        evaluation.area_under_curve(np.array([1.0, 1.0]), np.array([0.1, 0.2]))


def test_paired_difference() -> None:
    found = evaluation.paired_difference(np.array([0.6, 0.7, 0.8]), np.array([0.5, 0.6, 0.69]))
    assert found.mean == pytest.approx(0.1033, abs=1e-3)
    assert found.low < found.mean < found.high
    assert found.p < 0.05


def test_labels_to_reach() -> None:
    labels, accuracy = np.array([10.0, 20.0, 30.0]), np.array([0.5, 0.7, 0.8])
    assert evaluation.labels_to_reach(labels, accuracy, 0.6) == pytest.approx(15)
    assert np.isnan(evaluation.labels_to_reach(labels, accuracy, 0.9))


def test_thirty_answers_are_enough() -> None:
    same = np.zeros(30, dtype=np.int64)
    assert evaluation.audit_estimate(same, same).enough
    assert not evaluation.audit_estimate(same[:29], same[:29]).enough


def test_calibration_error_is_the_gap_between_certainty_and_truth() -> None:
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]], dtype=np.float32)
    assert evaluation.expected_calibration_error(probs, np.array([0, 0, 1, 1])) == pytest.approx((0.1 + 0.4) / 2)
    assert evaluation.expected_calibration_error(probs, np.array([0, 1, 1, 0])) == pytest.approx((0.4 + 0.1) / 2)
    assert np.isnan(evaluation.expected_calibration_error(probs[:0], np.zeros(0, dtype=np.int64)))
