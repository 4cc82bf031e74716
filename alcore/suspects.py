"""What training does with labels that look wrong, as plain data: the web may use it too."""

from dataclasses import dataclass

WEIGH, LEAVE_OUT, KEEP = "weigh", "leave_out", "keep"
DEFAULT = WEIGH


@dataclass(frozen=True)
class Way:
    """One way, for a list to choose from."""

    key: str
    title: str
    meaning: str


OFFERED = (
    Way(WEIGH, "Weigh less", "each as much as it is likely to be right; hard but right labels still teach"),
    Way(LEAVE_OUT, "Leave out", "none of them teaches until somebody has decided it"),
    Way(KEEP, "Keep", "they teach like all others"),
)


def get(key: str) -> Way:
    """Raises ValueError where there is no such way."""
    for way in OFFERED:
        if way.key == key:
            return way
    raise ValueError(f"There is no way {key!r} to train on suspects; there are {', '.join(w.key for w in OFFERED)}.")
