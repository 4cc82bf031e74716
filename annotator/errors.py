"""What a person may be told: every refusal of a use case, with the HTTP status it becomes."""


class RefusedError(Exception):
    """A wish that Winnow turns down; the message is written for the person who asked."""

    status = 409

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotYoursError(RefusedError):
    """The person may not see or do this."""

    status = 403


class NotFoundError(RefusedError):
    """There is no such thing, or none that this person may know of."""

    status = 404


class InvalidInputError(RefusedError):
    """The input was understood and is wrong; says what would be right."""

    status = 422


class BudgetEndedError(RefusedError):
    """No answer can be paid for any more."""


class NothingToUndoError(RefusedError):
    """The person has no answer that could be taken back."""
