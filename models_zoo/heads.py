"""The heads that a round can train; what all of them promise is in `crossfit`."""

from models_zoo.adapter import AdapterHead
from models_zoo.crossfit import CrossFitted
from models_zoo.linear import LinearHead
from models_zoo.mlp import MlpHead
from models_zoo.network import NetworkHead
from models_zoo.text import TextHead
from models_zoo.training import TrainingConfig

Ensemble = LinearHead
KINDS: dict[str, type[CrossFitted]] = {
    "linear": LinearHead,
    "mlp": MlpHead,
    "network": NetworkHead,
    "adapter": AdapterHead,
    "text": TextHead,
}


def make(kind: str, config: TrainingConfig | None = None) -> CrossFitted:
    """The head of that name; raises ValueError naming those there are."""
    if kind not in KINDS:
        raise ValueError(f"There is no head {kind!r}; there are {', '.join(KINDS)}.")
    return KINDS[kind](config)
