"""How figures are written on the pages."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from alcore.catalog import STRATEGIES
from annotator.models import Label

register = template.Library()
DIGITS = "0123456789"
NOTHING = "\N{EN DASH}"
_NEEDS = {
    "nothing": "nothing",
    "probs": "the ensemble's probabilities",
    "members": "each member's probabilities",
    "draws": "samples of the model",
    "targets": "samples of the model, on a sample of the pool too",
    "features": "the features of items",
}
_PLANS = {strategy.key for strategy in STRATEGIES if strategy.kind == "plan"}
_TITLES = {strategy.key: strategy.title for strategy in STRATEGIES}


@register.filter
def percent(share: float | None, digits: int = 0) -> str:
    """0.934 as 93 %; a dash for nothing."""
    return NOTHING if share is None else f"{100 * share:.{digits}f} %"


@register.filter
def points(change: float) -> str:
    """A difference of shares in points: 0.034 as +3.4."""
    return f"{100 * change:+.1f}"


@register.filter
def duration(seconds: float | None) -> str:
    """0.034 as 34 ms, 3.21 as 3.2 s, 75 as 1 min 15 s."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


@register.filter
def strategy_title(key: str) -> str:
    """A strategy's title; what is in no catalog (the first batch's coverage) by its own name."""
    return _TITLES.get(key, key.replace("_", " ").capitalize())


@register.filter
def named_by(key: str) -> str:
    """How the strategy in use came to stand for the configured one: a plan names others, the rest give way to them."""
    return "chosen by" if key in _PLANS else "instead of"


@register.filter
def needs_title(needs: str) -> str:
    """What a strategy looks at, in words."""
    return _NEEDS[needs]


@register.filter
def columns(row: dict[str, Any], count: int) -> list[tuple[str, Any]]:
    """The first columns of a table row, by name and value."""
    return list(row.items())[:count]


@register.filter
def at(found: Mapping[int, Any], key: int) -> Any:
    """What stands at a key; None where nothing does."""
    return found.get(key)


@register.filter
def with_keys(labels: Iterable[Label]) -> list[tuple[Label, str]]:
    """Each label with the key that chooses it: its place, or itself where the labels were digits to begin with.

    There a label that is added later gets a key that is free, so that no digit moves.
    """
    found = list(labels)
    if not (found and all(_is_digit(label) for label in found[:2])):
        return [(label, label.key) for label in found]
    taken = {label.name for label in found if _is_digit(label)}
    free = iter([key for key in "1234567890" if key not in taken])
    return [(label, label.name if _is_digit(label) else next(free, "")) for label in found]


def _is_digit(label: Label) -> bool:
    return len(label.name) == 1 and label.name in DIGITS
