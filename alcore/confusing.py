"""Which labels are taken for each other: by people who differ, and by answers that look like the other label."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from alcore.consensus import Votes

MOST = 12  # pairs that are told
EXAMPLES = 6  # items of a pair
FEWEST = 2  # cases of a pair that is told


@dataclass(frozen=True)
class Pair:
    """Two labels, the smaller first. disagreements: pairs of people who differ on an item; suspects: answers with one
    of them that look like the other. items: examples, as indices into the pool, disagreements first.
    """

    first: int
    second: int
    disagreements: int
    suspects: int
    items: tuple[int, ...]


def pairs(votes: Votes, items: Iterable[int], suspects: Iterable[tuple[int, int, int]]) -> tuple[Pair, ...]:
    """The pairs of labels with the most cases, the most first; none with less than two.

    Args:
        votes: of people. items: (labeled,) the pool's index of each of `votes.items`. suspects: item (an index into the
        pool), given and expected label of each answer that looks wrong.

    Only items with two votes or more are looked at one by one.
    """
    pool = list(items)
    differ: Counter[tuple[int, int]] = Counter()
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    count = np.bincount(votes.at, minlength=len(votes.items))
    several = np.flatnonzero((count[votes.at] > 1) & votes.named)
    said: dict[int, list[int]] = defaultdict(list)
    for vote in several:
        said[int(votes.at[vote])].append(int(votes.label[vote]))
    for place, labels in said.items():
        for one, other in combinations(sorted(labels), 2):
            if one != other:
                differ[one, other] += 1
                found[one, other].append(pool[place])
    look: Counter[tuple[int, int]] = Counter()
    for item, given, expected in suspects:
        pair = (min(given, expected), max(given, expected))
        look[pair] += 1
        found[pair].append(item)
    ranked = sorted(found, key=lambda pair: (-differ[pair] - look[pair], pair))
    return tuple(
        Pair(*pair, differ[pair], look[pair], tuple(dict.fromkeys(found[pair]))[:EXAMPLES])
        for pair in ranked[:MOST]
        if differ[pair] + look[pair] >= FEWEST
    )
