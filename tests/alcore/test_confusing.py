"""Which labels are taken for each other."""

import numpy as np

from alcore import consensus
from alcore.confusing import pairs


def test_disagreements_and_suspects_are_counted_by_pair_with_examples() -> None:
    item = np.array([3, 3, 3, 5, 5, 7, 9, 9])
    person = np.array([0, 1, 2, 0, 1, 0, 0, 1])
    label = np.array([0, 1, 1, 1, 0, 2, 2, 2])
    found = consensus.resolve(item, person, label, classes=4)
    told = pairs(found.votes, found.items.tolist(), [(7, 2, 1), (9, 2, 1), (3, 3, 0)])
    assert [(pair.first, pair.second, pair.disagreements, pair.suspects) for pair in told] == [
        (0, 1, 3, 0),
        (1, 2, 0, 2),
    ]
    assert told[0].items == (3, 5)
    assert told[1].items == (7, 9)


def test_abstentions_confuse_nothing() -> None:
    found = consensus.resolve(
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]),
        np.array([0, consensus.ABSTAINED, 1, consensus.ABSTAINED]),
        classes=3,
    )
    assert pairs(found.votes, found.items.tolist(), []) == ()
