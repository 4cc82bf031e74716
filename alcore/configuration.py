"""How a round is run: what its steps read, in one place."""

from dataclasses import dataclass

from alcore import catalog


@dataclass(frozen=True)
class RoundConfig:
    """How a round is run. Raises ValueError where the strategy or a guard is in no catalog."""

    labels: int  # K, without out of scope
    strategy: str = catalog.DEFAULT
    batch: int = 20
    random_share: float = 0.1  # keeps the labels representative: 10 to 20 % in the literature
    seed: int = 0
    cleaning: bool = True
    spread: bool = True  # a batch by score is spread over the pool; its best alone are often alike
    guards: tuple[str, ...] = ()  # keys of catalog.GUARDS
    certify: bool = False  # look for what people may confirm in bulk

    def __post_init__(self) -> None:
        catalog.get(self.strategy)
        for guard in self.guards:
            catalog.get_guard(guard)
