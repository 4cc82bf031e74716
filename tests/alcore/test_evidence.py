"""Evidence against labels: judges that never see what they judge, scores, and how items were learned."""

from importlib import import_module

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from alcore.evidence import catalog, dynamics, judges, nearest, scores

JUDGES = (judges.neighbors, judges.trees, judges.logistic)


def digits(count: int = 300, seed: int = 0, flipped: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels of which some are flipped, and which."""
    rng = np.random.default_rng(seed)
    rows, truth = load_digits(return_X_y=True)
    drawn = rng.permutation(len(rows))[:count]
    wrong = rng.random(count) < flipped
    labels = np.where(wrong, (truth[drawn] + rng.integers(1, 10, count)) % 10, truth[drawn])
    return rows[drawn].astype(np.float32) / 16, labels.astype(np.int64), wrong


def folds(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, 1]).integers(0, 5, count)


def test_every_entry_of_the_catalog_is_there() -> None:
    assert len(set(catalog.KEYS)) == len(catalog.KEYS)
    for one in catalog.EVIDENCE:
        module, name = one.path.split(":")
        assert callable(getattr(import_module(module), name))
        assert catalog.get(one.key) is one
        assert one.needs in ("features", "probs", "dynamics")
    with pytest.raises(ValueError, match="neighbors"):
        catalog.get("guess")


@pytest.mark.parametrize("judge", JUDGES)
def test_judges_find_flipped_labels(judge: judges.Judge) -> None:
    features, labels, wrong = digits()
    said = judges.out_of_fold(judge, features, labels, [folds(300)], classes=11, seed=0)
    assert said.shape == (300, 11)
    assert said.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert roc_auc_score(wrong, scores.self_confidence(said, labels)) > 0.93
    again = judges.out_of_fold(judge, features, labels, [folds(300)], classes=11, seed=0)
    assert (said == again).all()


@pytest.mark.parametrize("judge", JUDGES)
def test_no_judge_sees_the_label_that_it_judges(judge: judges.Judge) -> None:
    features, labels, _ = digits()
    mine = folds(300) == 2
    other = labels.copy()
    other[mine] = np.random.default_rng(0).permutation(labels[mine])
    said = [judges.out_of_fold(judge, features, y, [folds(300)], classes=10, seed=0) for y in (labels, other)]
    assert (said[0][mine] == said[1][mine]).all()
    assert not (said[0][~mine] == said[1][~mine]).all()


def test_labels_that_no_other_fold_holds_are_hardly_likely_and_none_is_impossible() -> None:
    features, labels, _ = digits()
    labels = np.where(folds(300) == 0, 9, labels % 9)
    said = judges.out_of_fold(judges.trees, features, labels, [folds(300)], classes=10, seed=0)
    assert said[folds(300) == 0, 9].max() < 0.001
    assert said.min() > 0
    same = np.zeros(300, dtype=np.int64)
    one = judges.out_of_fold(judges.trees, features, same, [folds(300)], classes=3, seed=0)
    assert one == pytest.approx(1 / 3), "nothing to tell apart"


def test_near_duplicates_stay_together_and_few_labels_are_folded_more_often() -> None:
    groups = np.repeat(np.arange(100), 3)
    given = np.repeat(folds(100), 3)
    ways = judges.ways_to_fold(given, groups, seed=0)
    assert len(ways) == 3
    assert (ways[0] == given).all()
    for way in ways:
        assert all(len(set(way[groups == group])) == 1 for group in range(100))
    assert not (ways[1] == ways[2]).all()
    assert len(judges.ways_to_fold(np.zeros(6_000, dtype=np.int64), np.arange(6_000), seed=0)) == 1


def test_a_judge_trains_on_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "MOST_TAUGHT", 50)
    taught = []

    def judge(features: np.ndarray, labels: np.ndarray, seed: int) -> object:
        taught.append(len(features))
        return judges.neighbors(features, labels, seed)

    features, labels, _ = digits()
    judges.out_of_fold(judge, features, labels, [folds(300)], classes=10, seed=0)  # type: ignore[arg-type]
    assert taught == [50] * 5


def test_what_does_not_fit_is_refused() -> None:
    features, labels, _ = digits(50)
    with pytest.raises(ValueError, match="finite"):
        judges.out_of_fold(judges.trees, features * np.nan, labels, [folds(50)], classes=10, seed=0)
    with pytest.raises(ValueError, match="labels"):
        judges.out_of_fold(judges.trees, features, labels[1:], [folds(50)], classes=10, seed=0)
    with pytest.raises(ValueError, match="folds"):
        judges.out_of_fold(judges.trees, features, labels, [folds(49)], classes=10, seed=0)


def test_scores_rise_with_doubt() -> None:
    probs = np.array([[0.9, 0.05, 0.05], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1]], dtype=np.float32)
    labels = np.zeros(3, dtype=np.int64)
    for score in (scores.self_confidence, scores.normalized_margin):
        found = score(probs, labels)
        assert (np.diff(found) > 0).all()
        assert 0 <= found.min() <= found.max() <= 1
    assert scores.normalized_margin(probs, labels)[2] == pytest.approx(0.85)
    assert not scores.confident_learning(probs, labels).any(), "one class, nothing to confuse"


def test_confident_learning_flags_what_is_flipped() -> None:
    features, labels, wrong = digits(600)
    said = judges.out_of_fold(judges.logistic, features, labels, [folds(600)], classes=10, seed=0)
    found = scores.confident_learning(said, labels)
    assert wrong[found].mean() > 0.7
    assert found[wrong].mean() > 0.7


def learned(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits over 12 epochs of gradient descent on digits of which some are flipped; labels; which are flipped."""
    features, labels, wrong = digits(400, seed)
    weights, noted = np.zeros((64, 10)), []
    target = np.eye(10)[labels]
    for _ in range(12):
        for _ in range(4):
            logits = features @ weights
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            weights -= 2.0 * features.T @ (odds / odds.sum(axis=1, keepdims=True) - target) / 400
        noted.append(features @ weights)
    return np.stack(noted).astype(np.float32), labels, wrong


def test_dynamics_tell_flipped_labels() -> None:
    logits, labels, wrong = learned()
    named = logits.argmax(axis=2) == labels
    odds = np.exp(logits - logits.max(axis=2, keepdims=True))
    own = (odds / odds.sum(axis=2, keepdims=True))[:, np.arange(400), labels]
    for found, least in (
        (dynamics.area_under_margin(logits, labels), 0.9),
        (dynamics.el2n(logits, labels, epoch=3), 0.9),
        (dynamics.unsure(own), 0.9),
        (dynamics.first_learned(named), 0.85),
        (dynamics.forgetting(named), 0.7),
    ):
        assert found.shape == (400,)
        assert roc_auc_score(wrong, found) > least


def test_dynamics_by_hand() -> None:
    named = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [1, 1, 0, 1], [0, 1, 0, 1]], dtype=bool)
    assert dynamics.forgetting(named).tolist() == [2, 0, 4, 0]
    assert dynamics.first_learned(named).tolist() == [4, 3, 4, 2]
    assert dynamics.first_learned(named, straight=1).tolist() == [0, 1, 4, 0]
    logits = np.array([[[2.0, 0.0, 1.0]], [[4.0, 0.0, 1.0]]], dtype=np.float32)
    assert dynamics.area_under_margin(logits, np.array([0])).tolist() == [-2]
    assert dynamics.unsure(np.array([[0.5], [0.7]], dtype=np.float32)) == pytest.approx(0.4)


def test_dynamics_refuse_what_does_not_fit() -> None:
    labels = np.zeros(2, dtype=np.int64)
    with pytest.raises(ValueError, match="epoch"):
        dynamics.area_under_margin(np.zeros((0, 2, 3), dtype=np.float32), labels)
    with pytest.raises(ValueError, match="labels"):
        dynamics.el2n(np.zeros((1, 3, 3), dtype=np.float32), labels)
    with pytest.raises(ValueError, match="named"):
        dynamics.forgetting(np.zeros(3, dtype=bool))


def test_the_nearest_with_a_label_stand_beside_an_item_and_never_itself() -> None:
    angle = np.array([0.0, 0.1, 0.2, 0.9, 1.0, 0.05])
    features = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    labels = np.array([0, 0, 0, 1, 1, 1])
    trusted = np.array([True, True, True, True, True, False])
    asked = np.array([0, 0, 5])
    found = nearest.of_label(features, labels, trusted, asked, np.array([0, 1, 2]), count=2)
    assert found.tolist() == [[1, 2], [3, 4], [-1, -1]], "no suspect as an example, nothing where there is no label"
    with pytest.raises(ValueError, match="wanted"):
        nearest.of_label(features, labels, trusted, asked, np.array([0]), count=2)


@pytest.mark.parametrize("columns", [10, 150, 1_000, 1_007])
def test_the_highest_of_many_are_the_highest(columns: int) -> None:
    values = np.random.default_rng(0).random((50, columns)).astype(np.float32)
    found = np.sort(judges.highest(values, 10), axis=1)
    assert (found == np.sort(np.argsort(-values, axis=1)[:, :10], axis=1)).all()
