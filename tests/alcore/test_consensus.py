"""Votes -> labels, and what they and those who gave them are worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcore import consensus
from alcore.consensus import ABSTAINED, resolve, with_model, without_own

THREE = {"classes": 3}


def crowd(
    accuracies: list[float], items: int = 300, classes: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Everybody answers everything; errors are even. Returns items, people, labels and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, items)
    right = rng.random((len(accuracies), items)) < np.array(accuracies)[:, None]
    said = np.where(right, truth, (truth + rng.integers(1, classes, (len(accuracies), items))) % classes)
    item, person = np.tile(np.arange(items), len(accuracies)), np.repeat(np.arange(len(accuracies)), items)
    return item, person, said.ravel(), truth


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_one_vote_decides_and_majority_wins() -> None:
    result = resolve(ints(4, 7, 7, 7), ints(0, 0, 1, 2), ints(2, 1, 0, 1), classes=3)
    assert result.items.tolist() == [4, 7]
    assert result.labels.tolist() == [2, 1]
    assert 0.5 < result.confidence[0] < 1


@pytest.mark.parametrize("classes", [3, 40])
def test_careless_people_lose_their_weight(classes: int) -> None:
    """Two careful people against three who guess: the majority would be wrong more often."""
    found, majority = [], []
    for seed in range(5):
        item, person, said, truth = crowd([0.95, 0.95, 0.4, 0.4, 0.4], classes=classes, seed=seed)
        result = resolve(item, person, said, classes=classes)
        counts = np.zeros((len(truth), classes))
        np.add.at(counts, (item, said), 1)
        found.append((result.labels == truth).mean())
        majority.append((counts.argmax(axis=1) == truth).mean())
        assert result.accuracy[:2].min() > result.accuracy[2:].max() + 0.3
    assert np.mean(found) > max(0.95, np.mean(majority))


def test_who_confuses_what_is_learned_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person says 1 for every 2; where the others differ, their 1 speaks for 2 as well as for 1."""
    item, person, said, truth = crowd([0.8, 0.8, 1.0])
    own = person == 2
    said[own] = np.where(truth == 2, 1, truth)
    result = resolve(item, person, said, **THREE)
    assert result.confusions is not None
    assert result.confusions[2, 2, 1] > 0.85
    assert result.confusions[2, 0, 0] > 0.9
    assert result.confusions.sum(axis=2) == pytest.approx(1, abs=1e-5)
    with monkeypatch.context() as patched:
        patched.setattr(consensus, "MOST_CONFUSED", 0)
        coins = resolve(item, person, said, **THREE)
    assert (result.labels == truth).mean() > (coins.labels == truth).mean() + 0.02


def test_what_all_agree_on_stands_whatever_the_prior() -> None:
    prior = np.array([[0.98, 0.01, 0.01]] * 2, dtype=np.float32)
    result = resolve(ints(0, 1, 1), ints(0, 0, 1), ints(2, 1, 1), **THREE, prior=prior)
    assert result.labels.tolist() == [2, 1]
    assert result.posterior[0].argmax() == 0
    assert result.confidence[0] == result.posterior[0, 2] < 0.5


def test_the_prior_decides_between_two_who_differ() -> None:
    for likely in (0, 1):
        prior = np.full((1, 3), 0.2, dtype=np.float32)
        prior[0, likely] = 0.6
        assert resolve(ints(0, 0), ints(0, 1), ints(0, 1), **THREE, prior=prior).labels.tolist() == [likely]


def test_few_votes_never_collapse_onto_one_class() -> None:
    """A learned class prior does: here it is fixed."""
    item, person, said, _ = crowd([0.7] * 12, items=400, classes=2, seed=3)
    once = person == item % 12
    result = resolve(item[once], person[once], said[once], classes=2)
    assert 0.4 < result.labels.mean() < 0.6
    assert np.bincount(result.labels, minlength=2).tolist() == np.bincount(said[once], minlength=2).tolist()


def test_of_one_persons_votes_on_an_item_the_last_counts() -> None:
    twice = resolve(ints(0, 0, 1), ints(5, 5, 5), ints(1, 2, 0), **THREE)
    assert twice.labels.tolist() == [2, 0]
    assert len(twice.votes.label) == 2
    taken_back = resolve(ints(0, 0), ints(5, 5), ints(1, ABSTAINED), **THREE)
    assert len(taken_back.items) == 0


def test_an_abstention_tells_of_the_person_and_names_no_label() -> None:
    item, person, said, truth = crowd([0.9, 0.9, 0.9])
    unsure = (person == 2) & (truth[item] == 1) & (np.arange(len(item)) % 3 > 0)
    said[unsure] = ABSTAINED
    result = resolve(np.append(item, 999), np.append(person, 0), np.append(said, ABSTAINED), **THREE)
    assert 999 not in result.items
    assert result.confusions is not None
    assert result.confusions[2, 1, 3] > 0.5 > result.confusions[2, 0, 3]
    assert (result.labels == truth).mean() > 0.93


@pytest.mark.parametrize("classes", [3, 40])
def test_ones_own_vote_is_left_out_of_what_the_others_say(classes: int) -> None:
    item, person, said, _ = crowd([0.9, 0.8, 0.6], items=60, classes=classes)
    result = resolve(item, person, said, classes=classes)
    even = np.full((60, classes), 1 / classes, dtype=np.float32)
    others = without_own(result, even)
    assert others.sum(axis=1) == pytest.approx(1, abs=1e-5)
    votes = result.votes
    own = others[(votes.who == 0) & (votes.at == 7)][0]
    pair = {(int(w), int(a)): int(v) for w, a, v in zip(votes.who, votes.at, votes.label, strict=True)}
    told = np.ones(classes)
    for who in (1, 2):
        label = pair[who, 7]
        if result.confusions is not None:
            told *= result.confusions[who, :, label]
        else:
            rate = result.accuracy[who]
            told *= np.where(np.arange(classes) == label, rate, (1 - rate) / (classes - 1))
    assert own == pytest.approx(told / told.sum(), abs=1e-3)


def test_the_model_has_its_say() -> None:
    result = resolve(ints(0, 1), ints(0, 0), ints(0, 1), **THREE)
    probs = np.array([[0.9, 0.05, 0.05], [0.9, 0.05, 0.05]], dtype=np.float32)
    sure, doubted = with_model(result, probs)
    assert sure > 0.9
    assert doubted < 0.5


def test_no_votes() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    for classes in (3, 40):
        assert len(resolve(nothing, nothing, nothing, classes=classes).items) == 0
        only = resolve(ints(0), ints(0), ints(ABSTAINED), classes=classes)
        assert only.items.tolist() == []
        assert only.people.tolist() == [0]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.2"):
        resolve(ints(0), ints(0), ints(3), classes=3)
    with pytest.raises(ValueError, match="vote_label"):
        resolve(ints(0), ints(0), ints(0, 1), classes=3)
    with pytest.raises(ValueError, match="prior"):
        resolve(ints(0), ints(0), ints(0), classes=3, prior=np.ones((2, 3), dtype=np.float32) / 3)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(-1, 3)), max_size=40),
    st.sampled_from([4, 30]),
)
def test_any_votes_give_probabilities_and_a_label_that_somebody_gave(
    votes: list[tuple[int, int, int]], classes: int
) -> None:
    item, person, said = (np.array([vote[at] for vote in votes], dtype=np.int64) for at in range(3))
    result = resolve(item, person, said, classes=classes)
    for rows in (result.posterior, result.likelihood):
        assert rows.shape == (len(result.items), classes)
        assert np.isfinite(rows).all()
        assert rows.sum(axis=1) == pytest.approx(1, abs=1e-4)
    last = {(i, p): label for i, p, label in votes}
    for place, (at, label) in enumerate(zip(result.items.tolist(), result.labels.tolist(), strict=True)):
        given_here = {label for (i, _), label in last.items() if i == at and label != ABSTAINED}
        assert label in given_here
        assert result.confidence[place] == result.posterior[place, label]
    assert ((result.accuracy >= 0) & (result.accuracy <= 1)).all()
    other = resolve(item, person * 10 + 3, said, classes=classes)
    assert (other.labels == result.labels).all(), "what people are called does not matter"


def test_sparse_and_dense_iterations_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One accuracy a person: as if it were a table of which only the diagonal is learned."""
    item, person, said, _ = crowd([0.9, 0.7, 0.5], items=80, classes=5)
    monkeypatch.setattr(consensus, "MOST_CONFUSED", 4)
    result = resolve(item, person, said, classes=5)
    prior = (np.bincount(said, minlength=5) + 1) / (len(said) + 5)
    logs = np.log(prior)[None, :].repeat(80, axis=0)
    for at, who, label in zip(item, person, said, strict=True):
        rate = result.accuracy[who]
        logs[at] += np.where(np.arange(5) == label, np.log(rate), np.log((1 - rate) / 4))
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    assert result.posterior == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-3)
    right = result.posterior[item, said]
    told = (np.bincount(person, right) + consensus.PSEUDO * consensus.RIGHT) / (80 + consensus.PSEUDO)
    assert result.accuracy == pytest.approx(told, abs=1e-3)


def test_of_many_votes_some_of_each_person_teach_and_all_are_resolved() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 12_000)
    right = (0.95, 0.8, 0.55)
    item, person = np.repeat(np.arange(12_000), 2), np.concatenate([rng.permutation(3)[:2] for _ in range(12_000)])
    slip = rng.random(len(item)) > np.array(right)[person]
    label = np.where(slip, (truth[item] + rng.integers(1, 4, len(item))) % 4, truth[item])
    found = consensus.resolve(item, person, label, classes=4)
    assert len(found.labels) == 12_000
    assert found.accuracy == pytest.approx(right, abs=0.05)
    assert (found.labels == truth).mean() > 0.88
    few = item < 3_000
    alone = consensus.resolve(item[few], person[few], label[few], classes=4)
    assert (alone.labels == found.labels[:3_000]).mean() > 0.97
