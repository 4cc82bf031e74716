"""The limit on answers: reserve when an item is shown, settle when it is answered, release when it is given back.

Every function takes a budget that the caller has locked (`locked`), inside the caller's transaction.
"""

from annotator.errors import BudgetEndedError, InvalidInputError
from annotator.models import Budget, Item, Project


def locked(project_id: int) -> Budget:
    """The project's budget under its lock. All that counts happens behind it, in one order (promises 3 to 5)."""
    return Budget.objects.select_for_update().get(project_id=project_id)


def has_room(budget: Budget) -> bool:
    return budget.left is None or budget.left > 0


def reserve(budget: Budget) -> None:
    """Hold one answer back for a person who is now shown an item."""
    if not has_room(budget):
        raise BudgetEndedError("The limit on answers is reached.")
    budget.reserved += 1


def settle(budget: Budget) -> None:
    """A reserved answer was given."""
    budget.reserved -= 1
    budget.settled += 1


def release(budget: Budget) -> None:
    """A reserved answer will not be given."""
    budget.reserved -= 1


def unsettle(budget: Budget) -> None:
    """An answer was taken back: it is reserved again, in the hands of the same person."""
    budget.settled -= 1
    budget.reserved += 1


def next_sequence(budget: Budget) -> int:
    """The number of the next annotation; gapless and in commit order, since the lock is held."""
    budget.sequence += 1
    return budget.sequence


def count_unasked(budget: Budget, audit: str, change: int) -> None:
    """Count items into (or out of) those never asked, from which random draws are made."""
    if audit == Item.Audit.NO:
        budget.unasked += change
    elif audit == Item.Audit.REPORTING:
        budget.unasked_reporting += change
    else:
        budget.unasked_choices += change


def set_limit(project: Project, limit: int | None) -> None:
    """Change the limit; never below what is spent or promised."""
    budget = locked(project.pk)
    spent = budget.settled + budget.reserved
    if limit is not None and limit < spent:
        raise InvalidInputError(f"{spent} answers are already given or being given; the limit cannot be {limit}.")
    budget.limit = limit
    budget.save(update_fields=["limit"])
