"""What a fit needs that goes on from another model: steps as they are told, checked, and as tensors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models_zoo.body import Body
from models_zoo.objective import Plan
from models_zoo.training import Floats, Ints, Scaling, Tensors

DISTANCES = ("", "kl", "mse")


class Steps(Protocol):
    """What alcore.protocols.Steps holds; see there."""

    @property
    def batches(self) -> Sequence[Ints]: ...
    @property
    def beside(self) -> Sequence[Ints]: ...
    @property
    def epoch(self) -> int: ...
    @property
    def shares(self) -> tuple[float, float]: ...
    @property
    def distance(self) -> str: ...
    @property
    def alpha(self) -> float: ...
    @property
    def beta(self) -> float: ...
    @property
    def logits(self) -> Floats | None: ...
    @property
    def known(self) -> NDArray[np.bool_] | None: ...
    @property
    def interfered(self) -> int: ...
    @property
    def mixup(self) -> float: ...
    @property
    def judged(self) -> tuple[Ints, ...]: ...


def check(steps: Steps, *, items: int, members: int, classes: int) -> None:
    """Raises ValueError naming what of the steps does not fit a training set of so many items."""
    if len(steps.batches) != len(steps.beside) or steps.epoch < 1:
        sizes = f"{len(steps.batches)} and {len(steps.beside)}, epoch {steps.epoch}"
        raise ValueError(f"steps need as many batches as rows beside, and an epoch of 1 or more; they have {sizes}.")
    for name, lists in (("batches", steps.batches), ("beside", steps.beside), ("judged", steps.judged)):
        for rows in lists:
            if len(rows) and (rows.min() < 0 or rows.max() >= items):
                raise ValueError(f"{name} must lie in 0..{items - 1}; they span {rows.min()}..{rows.max()}.")
    if not all(len(rows) for rows in steps.batches):
        raise ValueError("A batch must not be empty.")
    _check_numbers(steps)
    _check_logits(steps, (members, items, classes))


def plan_of(steps: Steps) -> Plan:
    """The steps, checked before, as tensors of one's own."""
    logits = known = None
    if steps.distance and steps.logits is not None and steps.known is not None:
        known = torch.from_numpy(np.array(steps.known, dtype=np.float32))
        logits = torch.from_numpy(np.where(steps.known[:, None], steps.logits, 0).astype(np.float32))
    return Plan(
        [_rows(rows) for rows in steps.batches], [_rows(rows) for rows in steps.beside], steps.epoch, steps.shares,
        steps.distance, steps.alpha, steps.beta, logits, known, steps.interfered, steps.mixup,
        tuple(_rows(group) for group in steps.judged),
    )  # fmt: skip


def check_weights(tensors: Tensors, scaling: Scaling, body: Body, *, members: int) -> None:
    """Raises ValueError naming each tensor that is not as the body's; a model of another shape cannot be gone on from.

    Args:
        tensors, scaling: of the model to go on from.
    """
    expected = {**body.shapes(members), "center": (body.width,)}
    found = {name: tuple(tensor.shape) for name, tensor in {**tensors, "center": scaling.center}.items()}
    wrong = [
        f"{name} is {found.get(name)}, not {shape}" for name, shape in expected.items() if found.get(name) != shape
    ]
    if wrong:
        raise ValueError(f"The model to go on from does not fit this one: {'; '.join(wrong)}.")


def _check_numbers(steps: Steps) -> None:
    if steps.distance not in DISTANCES:
        raise ValueError(f"There is no distance {steps.distance!r}; there are kl, mse and none.")
    numbers = (*steps.shares, steps.alpha, steps.beta, steps.interfered, steps.mixup)
    if len(steps.shares) != 2 or not np.isfinite(numbers).all() or min(numbers) < 0:
        raise ValueError(f"shares (2), alpha, beta, interfered and mixup must be 0 or more; they are {numbers}.")


def _check_logits(steps: Steps, shape: tuple[int, int, int]) -> None:
    if not steps.distance:
        return
    if steps.logits is None or steps.known is None:
        raise ValueError("A distance needs stored logits, and the rows in which they are known.")
    if steps.logits.shape != shape or steps.known.shape != shape[1:2]:
        found = f"{steps.logits.shape} and {steps.known.shape}"
        raise ValueError(f"logits must be (members, n, classes), {shape}, and known (n,); they are {found}.")
    if not np.isfinite(steps.logits[:, steps.known]).all():
        raise ValueError("Stored logits must be finite where they are known.")


def _rows(rows: Ints) -> Tensor:
    return torch.from_numpy(np.array(rows, dtype=np.int64))
