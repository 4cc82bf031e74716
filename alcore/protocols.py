"""What a round needs of a model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Report = Callable[[str, float], None]


class Rows(Protocol):
    """(items, D) float32: an array, a memory-mapped file, or shards of one read as if they were one array."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, rows: Any, /) -> Floats: ...


@dataclass(frozen=True)
class Steps:
    """The steps that training takes when it goes on from another model, instead of starting anew.

    Rows are those of the fit's features. Step t takes the batch `batches[t]`, (m,) rows, and the rows `beside[t]`,
    (r,) rows or none: of earlier labels that are replayed, or of unlabelled items with their pseudo-labels. The loss is
    shares[0] * mean CE(batch) + shares[1] * mean over beside of alpha * distance(logits) + beta * CE.

    epoch: steps after which it is checked whether a member is done; as many lists as epochs * epoch at most.
    distance: "kl", of the member's probabilities from those of its stored logits; "mse", of the logits themselves.
    logits: (members, n, classes) stored, in the rows where `known`, (n,), is True; the others have no distance.
    interfered: where above 0, only so many of the rows beside count, for each member those whose loss a virtual step on
    the batch raises most (MIR). mixup: alpha of the beta distribution by which rows of a step are mixed; 0 for none.
    judged: groups of rows; a member is done when it names the labels of enough of every group, each without its own
    fold. With none it takes all steps.
    """

    batches: list[Ints]
    beside: list[Ints]
    epoch: int
    shares: tuple[float, float] = (1.0, 0.0)
    distance: Literal["", "kl", "mse"] = ""
    alpha: float = 0.0
    beta: float = 1.0
    logits: Floats | None = None
    known: NDArray[np.bool_] | None = None
    interfered: int = 0
    mixup: float = 0.0
    judged: tuple[Ints, ...] = field(default_factory=tuple)


class Model(Protocol):
    """A cross-fitted ensemble: member m never trains on fold m. `classes` counts out of scope too."""

    @property
    def effort(self) -> tuple[int, int]:
        """What the last fit took: steps, and gradient samples of one member."""

    def fork(self) -> "Model":
        """Another model of the same kind and configuration that knows nothing yet."""

    def logits(self, features: Floats) -> Floats:
        """(members, items, classes): each member's own, in evaluation mode."""

    def fit(  # noqa: PLR0913 - all that training sees, and what it goes on from
        self,
        features: Floats,
        targets: Ints,
        weights: Floats,
        folds: Ints,
        *,
        classes: int,
        seed: int,
        previous: object | None = None,
        steps: Steps | None = None,
    ) -> None:
        """Train all members. features: (n, D); targets, weights, folds: (n,); raises ValueError on other shapes.

        Without `steps` from scratch. With them on from the weights of `previous`, a model of the same kind, features
        and classes that stays as it is. A row of fold -1 (an unlabelled item with a pseudo-label) is seen by every
        member and has no part in choosing a temperature or a penalty, which are then those of `previous`.
        """

    def member_probs(self, features: Floats) -> Floats:
        """(members, items, classes), rows sum to 1."""

    def predict_probs(self, features: Floats) -> Floats:
        """(items, classes): the ensemble's mean."""

    def out_of_fold_probs(self, features: Floats, folds: Ints) -> Floats:
        """(items, classes): each item by the member that never saw its fold."""

    def draw_probs(self, features: Floats, *, draws: int, seed: int) -> Floats:
        """(items, classes, draws): fixed posterior samples, the same for every item and every chunk.

        Few draws are the first of many, so that a shortlist may be scored again with more.
        """
