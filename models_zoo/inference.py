"""From arrays to logits to probabilities without copies: what a pool of a million items goes through."""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
NARROW = 32  # labels, below which torch's own softmax takes up to seven times as long as its four parts

# a memory-mapped pool is read-only, and these rows are only read
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


def rows_of(features: Floats) -> Tensor:
    """(n, ...) -> (n, D) float32, the same memory where it is float32 and contiguous."""
    if not len(features):
        return torch.zeros(0, int(np.prod(features.shape[1:])))
    return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)).view(len(features), -1)


def affine(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All groups' outputs by one matrix product: (n, D), (D, groups, units), (groups, units) -> (n, groups, units)."""
    if rows.shape[1] != len(weight):
        raise ValueError(f"features must be (n, {len(weight)}) as in training; they are {tuple(rows.shape)}.")
    return torch.addmm(bias.reshape(-1), rows, weight.reshape(len(weight), -1)).view(-1, *bias.shape)


def softmax_(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Softmax over the last axis, in place of the logits."""
    if temperature != 1.0:
        logits.div_(temperature)
    if logits.shape[-1] >= NARROW:
        return torch.softmax(logits, dim=-1, out=logits) if logits.is_contiguous() else torch.softmax(logits, dim=-1)
    logits.sub_(logits.amax(dim=-1, keepdim=True)).exp_()
    return logits.div_(logits.sum(dim=-1, keepdim=True))
