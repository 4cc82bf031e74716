"""How much of a batch asks again what was answered before."""

START = 0.2  # of a batch
LEAST, MOST, STEP = 0.05, 0.35, 0.05
RARELY, OFTEN = 0.2, 0.5  # of the latest second answers that changed a label
LATEST = 50  # second answers that are looked at
FEWEST = 20  # below which the share stays


def next_share(share: float, answers: int, changed: int) -> float:
    """The share of the next batch that asks again, by how many of the latest second answers changed a label.

    Halved where fewer than a fifth did, .05 more where more than half did, within .05 to .35; unchanged in between and
    below 20 answers.
    """
    if answers < FEWEST:
        return share
    if changed < RARELY * answers:
        return max(LEAST, share / 2)
    return min(MOST, share + STEP) if changed > OFTEN * answers else share
