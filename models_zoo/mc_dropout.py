"""Monte Carlo dropout with masks that all items share, so that draw t is the same sample of the model everywhere.

Dropping hidden units before the last layer is the same as dropping that layer's rows: the hidden layer is computed
once, and all draws are one matrix product. baal's patched network gives the same samples mask by mask; baal's own
consistent dropout would draw a mask for every row of a batch. Source: Gal & Ghahramani (2016).
"""

import logging
import warnings
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models_zoo import inference


class LastLayer:
    """Samples of a last layer under dropout of its inputs. weight: (units, classes). bias: (classes,)."""

    def __init__(self, weight: Tensor, bias: Tensor, *, rate: float, patched: bool = False) -> None:
        self.weight, self.bias, self.rate = weight, bias, rate
        self._patched = bayesian(_network(weight, bias, rate)) if patched else None
        self._layer: tuple[tuple[int, int], Tensor] | None = None

    def logits(self, units: Tensor, *, draws: int, seed: int) -> Tensor:
        """(items, draws, classes) of (items, units)."""
        if self._patched is not None:
            seeds = [mask_seed(seed, draw) for draw in range(draws)]
            return torch.stack([sample(self._patched, units, seed=each) for each in seeds], dim=1)
        return inference.affine(units, self._sampled(draws, seed), self.bias.repeat(draws, 1))

    def _sampled(self, draws: int, seed: int) -> Tensor:
        """(units, draws, classes), kept for the next chunk."""
        if self._layer is None or self._layer[0] != (draws, seed):
            scaled = masks(len(self.weight), rate=self.rate, draws=draws, seed=seed)
            self._layer = (draws, seed), scaled.T.unsqueeze(2) * self.weight.unsqueeze(1)
        return self._layer[1]


def masks(units: int, *, rate: float, draws: int, seed: int) -> Tensor:
    """(draws, units): 0 where a unit is dropped, else 1 / (1 - rate)."""
    with torch.random.fork_rng(devices=[]):
        return torch.cat([_mask(units, rate, mask_seed(seed, draw)) for draw in range(draws)])


def mask_seed(seed: int, draw: int) -> int:
    """The seed of one draw's mask: it does not depend on how many draws there are."""
    return int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])


class SharedMask(nn.Module):
    """Dropout whose mask is drawn once for all items."""

    def __init__(self, dropout: nn.Module) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, hidden: Tensor) -> Tensor:
        """(items, units) -> (items, units)."""
        mask: Tensor = self.dropout(torch.ones(1, hidden.shape[1]))
        return hidden * mask


def bayesian(network: nn.Sequential) -> nn.Module:
    """The network with its dropout kept alive in evaluation mode, by baal's patching, and shared by all items."""
    patched: nn.Sequential = _baal().patch_module(network, inplace=False)
    layers = [SharedMask(layer) if "Dropout" in type(layer).__name__ else layer for layer in patched]
    return nn.Sequential(*layers).eval()


def sample(network: nn.Module, rows: Tensor, *, seed: int) -> Tensor:
    """One posterior sample of a patched network: (items, classes) logits.

    The same seed gives the same mask; the global state of torch's generator is left as it was.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        _seed(seed)
        logits: Tensor = network(rows)
        return logits


def _seed(seed: int) -> None:
    """The CPU's generator alone: `torch.manual_seed` keeps a stack trace for every other kind of device, every time."""
    torch.default_generator.manual_seed(seed)


def _mask(units: int, rate: float, seed: int) -> Tensor:
    _seed(seed)
    return nn.functional.dropout(torch.ones(1, units), rate, training=True)


def _network(weight: Tensor, bias: Tensor, rate: float) -> nn.Sequential:
    last = nn.Linear(*weight.shape)
    last.load_state_dict({"weight": weight.T, "bias": bias})
    return nn.Sequential(nn.Dropout(rate), last)


@cache
def _baal() -> Any:
    """baal's dropout module: the one door to that library. Importing it reconfigures logging for the whole process."""
    import structlog

    configuration, level = structlog.get_config(), logging.getLogger().level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from baal.bayesian import dropout
    structlog.configure(**configuration)
    logging.getLogger().setLevel(level)
    return dropout
