"""The models of a project's last two finished rounds, on disk, so that a round can go on from the one before it.

A file is named by round and attempt: what a lost attempt writes is never taken for the winner's.
"""

import json
import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db.models import QuerySet
from safetensors import SafetensorError

from alcore.chains import Memory
from annotator.learning import artifacts, remembering, training
from annotator.learning.encoding import PoolFeatures
from annotator.learning.loading import Pool
from annotator.models import Project, Round
from models_zoo import checkpoints
from models_zoo.crossfit import CrossFitted

KEPT = 2  # rounds
MEMORY = ".npz"
_NAME = re.compile(r"(\d+)-(\d+)\.\w+")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Basis:
    """What a model was made of; it says something of a pool only where all of that is the same.

    encoder: fingerprint of the features. labels: primary keys by label index. width: of a row of features.
    """

    head: str
    posterior: str
    encoder: str
    labels: tuple[int, ...]
    width: int

    @property
    def told(self) -> dict[str, str]:
        """As it stands beside the tensors."""
        return {name: json.dumps(value) for name, value in asdict(self).items()}


def basis_of(project: Project, pool: Pool, encodings: PoolFeatures) -> Basis:
    width = encodings.features.shape[1]
    return Basis(project.head, project.posterior, encodings.fingerprint, pool.labels, width)


def keep(found: Round, head: CrossFitted, basis: Basis) -> None:
    """Write the round's model; nothing where none was trained.

    The one behind its draws goes with it only where the next round may go on from it.
    """
    if head.is_trained:
        path = _path(found)
        path.parent.mkdir(exist_ok=True)
        checkpoints.save(path, head.state(with_draws=found.project.goes_on and head.has_draws), basis.told)


def keep_memory(found: Round, memory: Memory, pool: Pool) -> None:
    """Write what the round's model has learned, beside it."""
    path = _path(found).with_suffix(MEMORY)
    path.parent.mkdir(exist_ok=True)
    remembering.write(path, memory, pool)


def memory(project: Project, pool: Pool) -> Memory | None:
    """What the last finished round's model has learned; None where it was not kept."""
    last = _finished(project).first()
    return None if last is None else remembering.read(_path(last).with_suffix(MEMORY), pool)


def previous(project: Project, basis: Basis) -> CrossFitted | None:
    """The last finished round's model; None where that round had none, or it is on another basis, or damaged."""
    last = _finished(project).first()
    if last is None or not last.head:
        return None
    try:
        if checkpoints.told(_path(last)) != basis.told:
            return None
        head = training.head_of(project)
        head.load_state(checkpoints.load(_path(last)))
        head.require_fits(width=basis.width, classes=len(basis.labels) + 1)
    except (OSError, ValueError, SafetensorError) as error:
        logger.warning("The model of round %s of project %s cannot be used: %s", last.number, project.pk, error)
        return None
    return head


def forget_old(project: Project) -> None:
    """Remove what is neither of the last two finished rounds nor of one that is under way."""
    last = {found.number: found.attempt for found in _finished(project)[:KEPT]}
    for path in _folder(project.pk).glob("*"):
        name = _NAME.fullmatch(path.name)
        if name and int(name[1]) <= max(last, default=0) and last.get(int(name[1])) != int(name[2]):
            path.unlink(missing_ok=True)


def _finished(project: Project) -> QuerySet[Round]:
    return project.rounds.filter(state=Round.State.DONE).order_by("-number")


def _path(found: Round) -> Path:
    return _folder(found.project_id) / f"{found.number}-{found.attempt}.safetensors"


def _folder(project_id: int) -> Path:
    return artifacts.folder(project_id) / "models"
