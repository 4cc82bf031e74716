"""Monte Carlo dropout through baal: the one door to that library.

baal's dropout, and its own consistent dropout too, draws a mask for every row of a batch. Here one mask of the hidden
units is drawn and shared by every item, so that draw t is the same sample of the model whatever the chunk.
Source: Gal & Ghahramani (2016).
"""

import logging
import warnings

import structlog
import torch
from torch import Tensor, nn

_configuration = structlog.get_config()
_level = logging.getLogger().level
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from baal.bayesian.dropout import patch_module

structlog.configure(**_configuration)  # importing baal reconfigures structlog for the whole process
logging.getLogger().setLevel(_level)


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
    patched: nn.Sequential = patch_module(network, inplace=False)
    layers = [SharedMask(layer) if "Dropout" in type(layer).__name__ else layer for layer in patched]
    return nn.Sequential(*layers).eval()


def sample(network: nn.Module, features: Tensor, *, seed: int) -> Tensor:
    """One posterior sample: (items, classes) probabilities.

    The same seed gives the same mask; the global state of torch's generator is left as it was.
    """
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.softmax(network(features), dim=-1)
