"""Gradient descent of all members at once: what one sees never moves another."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models_zoo.body import Body
from models_zoo.objective import Objective, Plan
from models_zoo.training import Tensors, TrainingSet, batches, generator

JUDGED = 512  # items by which a training from scratch sees that a member is done
APART = 10  # steps between two looks at whether it is, at least


@dataclass(frozen=True)
class Trained:
    """tensors: each with a members' axis. steps, samples: (members,), what each took until it was done."""

    tensors: Tensors
    steps: Tensor
    samples: Tensor

    @property
    def effort(self) -> tuple[int, int]:
        """Steps, and rows forward and backward for one member: the mean over members."""
        return round(float(self.steps.double().mean())), round(float(self.samples.double().mean()))


def from_scratch(body: Body, seen: TrainingSet, weights: Tensor, *, stream: int) -> Trained:
    """Train len(weights) networks at once from scratch, each until it names the labels of most items that it sees.

    Args:
        weights: (members, n), zero on the items that a member must not see. stream: tells apart the random numbers of
            several trainings with one seed.
    """
    source = generator(seen.seed, stream)
    start = body.start(len(weights), source)
    return descend(body, start, seen, weights, scratch_plan(body, len(seen.rows), source), source)


def scratch_plan(body: Body, items: int, source: torch.Generator) -> Plan:
    """Batches off shuffled passes, and a sample of the items as what is judged. No label has a say."""
    pace = body.pace
    taken = batches(items, pace.batch, pace.steps(items), source)
    judged = torch.randperm(items, generator=source)[:JUDGED]
    epoch = max(APART, -(-items // pace.batch))
    return Plan(taken, [judged[:0]] * len(taken), epoch, judged=(judged,), least=pace.least)


def descend(
    body: Body, start: Tensors, seen: TrainingSet, weights: Tensor, plan: Plan, source: torch.Generator
) -> Trained:
    """The tensors after the plan's steps; those given stay as they are.

    A member that is done keeps its tensors as they are at that moment. The others go on, it is computed along with
    them, so that no shape and with it no rounding depends on who is done.
    """
    rows, entered = body.entering(seen.rows, start)
    objective = Objective(body, plan, rows, seen.targets, weights)
    trained = Descent(objective, body.config.stop_at)(entered, source)
    return Trained(body.leaving(trained.tensors, seen.rows, start), trained.steps, trained.samples)


class Descent:
    """Adam under a cosine schedule, with a look at the end of every epoch at which members are done."""

    def __init__(self, objective: Objective, stop_at: float) -> None:
        self.objective, self.stop_at = objective, stop_at

    def __call__(self, start: Tensors, source: torch.Generator) -> Trained:
        plan, body = self.objective.plan, self.objective.body
        tensors = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
        groups = [{"params": [tensor], "weight_decay": body.decay(name)} for name, tensor in tensors.items()]
        optimizer = torch.optim.Adam(groups, lr=body.rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, len(plan.batches)))
        kept = Kept(start, len(self.objective.weights))
        for step in range(len(plan.batches)):
            optimizer.zero_grad()
            self.objective.loss(tensors, step, source).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            kept.took(plan.samples(step))
            if plan.looks(step + 1):
                kept.keep(tensors, self.objective.reached(tensors, self.stop_at))
                if kept.done.all():
                    break
        kept.keep(tensors, torch.ones_like(kept.done))
        return Trained(kept.tensors, kept.steps, kept.samples)


class Kept:
    """Members' tensors as they were when each was done, and what it took until then."""

    def __init__(self, start: Tensors, members: int) -> None:
        self.tensors = {name: tensor.clone() for name, tensor in start.items()}
        self.done = torch.zeros(members, dtype=torch.bool)
        self.steps, self.samples = (torch.zeros(members, dtype=torch.int64) for _ in range(2))

    def took(self, samples: int) -> None:
        """Count a step of so many rows for those who are not done."""
        self.steps += ~self.done
        self.samples += samples * ~self.done

    def keep(self, tensors: Tensors, reached: Tensor) -> None:
        """Take over the tensors, as they are now, of members that are done only now."""
        newly = reached & ~self.done
        for name, tensor in tensors.items():
            self.tensors[name][newly] = tensor.detach()[newly]
        self.done |= newly
