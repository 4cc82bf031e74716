"""How a round is run: what its steps read, in one place."""

from dataclasses import dataclass

from alcore import catalog, schemes, suspects
from alcore.replay import Pace


@dataclass(frozen=True)
class RoundConfig:
    """How a round is run. Raises ValueError where what is named is in no catalog."""

    labels: int  # K, without out of scope
    strategy: str = catalog.DEFAULT
    batch: int = 20
    random_share: float = 0.1  # keeps the labels representative: 10 to 20 % in the literature
    seed: int = 0
    cleaning: bool = True
    suspects: str = suspects.DEFAULT  # a key of `suspects`: what training does with labels that look wrong
    spread: bool = True  # a batch by score is spread over the pool; its best alone are often alike
    guards: tuple[str, ...] = ()  # keys of catalog.GUARDS
    certify: bool = False  # look for what people may confirm in bulk
    replay: str = ""  # a key of `schemes`: go on from the last round's model; empty: train from scratch each round
    restart_every: int = 10  # rounds, after which a chain begins anew if nothing else made it; 0: never, for no reason
    pace: Pace | None = None  # how far a round goes on; None: as the paper
    semi_supervised: bool = False  # use unlabelled items too

    def __post_init__(self) -> None:
        catalog.get(self.strategy)
        for guard in self.guards:
            catalog.get_guard(guard)
        suspects.get(self.suspects)
        if self.replay:
            schemes.get(self.replay)
        if self.restart_every < 0:
            raise ValueError(f"A chain begins anew every so many rounds, or never (0), not every {self.restart_every}.")
