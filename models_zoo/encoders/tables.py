"""Table rows -> features by the type of each column: numbers, dates, categories, long texts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from models_zoo.encoders.protocol import VERSION, Floats, State, fingerprint, require
from models_zoo.encoders.texts import HashedLsa

MOST_CATEGORIES = 50  # values of a column beyond which it says too little per value
TEXT_WORDS = 4  # a column is text where its values have so many words on average, and hardly repeat
TEXT_DISTINCT = 0.5
TEXT_DIMENSIONS, TEXT_COLUMNS = 32, 8192
FARTHEST = 100.0  # deviations: one stray cell must not drown all other columns
HUGE = 1e100  # its square is still a number
DATE_FORMATS = ("", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")  # "": ISO 8601; else the first that fits all
Row = dict[str, Any]


class Column(Protocol):
    """One column's share of the features."""

    kind: str

    def fit(self, values: list[Any]) -> None: ...
    def encode(self, values: list[Any]) -> Floats: ...
    def state(self) -> State: ...
    def load_state(self, state: State) -> None: ...


class TypedColumns:
    """Numbers standardized, missing ones marked; dates as year, month, weekday and time; categories one-hot; texts.

    A column's type is what all its values in the sample can be read as. Later, a number that is none counts as missing,
    a category never seen as "other", and a column never seen as nothing.
    """

    learns = True

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        self._columns: dict[str, Column] = {}

    @property
    def spec(self) -> dict[str, Any]:
        return {"name": "table", "version": VERSION, "seed": self.seed}

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.spec, self.state())

    def fit(self, sample: Iterable[Row]) -> None:
        rows = list(sample)
        names = dict.fromkeys(name for row in rows for name in row)
        self._columns = {}
        for name in names:
            values = [row.get(name) for row in rows]
            self._columns[name] = _of_kind(kind_of(values), self.seed)
            self._columns[name].fit(values)

    def encode(self, items: Sequence[Row]) -> Floats:
        parts = [column.encode([row.get(name) for row in items]) for name, column in self._columns.items()]
        parts = [part for part in parts if part.shape[1]]
        return np.concatenate(parts, axis=1) if parts else np.zeros((len(items), 1), dtype=np.float32)

    def state(self) -> State:
        tensors: dict[str, NDArray[Any]] = {}
        columns = []
        for number, (name, column) in enumerate(self._columns.items()):
            kept = column.state()
            tensors |= {f"{number}.{part}": tensor for part, tensor in kept.tensors.items()}
            columns.append({"name": name, "kind": column.kind, "config": kept.config})
        return State(tensors, {"columns": columns})

    def load_state(self, state: State) -> None:
        require(state, config=("columns",))
        self._columns = {}
        for number, kept in enumerate(state.config["columns"]):
            mine = {k.partition(".")[2]: t for k, t in state.tensors.items() if k.partition(".")[0] == str(number)}
            column = _of_kind(kept["kind"], self.seed)
            column.load_state(State(mine, kept["config"]))
            self._columns[kept["name"]] = column


def kind_of(values: list[Any]) -> str:
    """What all known values of a column can be read as: "number", "date", "text" or "category"."""
    known = [value for value in values if not _is_missing(value)]
    if known and all(_number(value) is not None for value in known):
        return "number"
    if known and _date_format(known) is not None:
        return "date"
    words = [str(value).split() for value in known]
    long = known and np.mean([len(found) for found in words]) >= TEXT_WORDS
    varied = len({str(value) for value in known}) > max(MOST_CATEGORIES, TEXT_DISTINCT * len(known))
    return "text" if long and varied else "category"


class Scaled:
    """Columns of numbers brought to mean 0 and deviation 1; a gap becomes the mean, marked if the sample had any."""

    def __init__(self) -> None:
        self._mean, self._scale = np.zeros(0), np.zeros(0)
        self._marks_gaps = False

    def fit(self, table: NDArray[np.float64]) -> None:
        scaler = StandardScaler().fit(np.where(np.isfinite(table).any(axis=0), table, 0.0))
        self._mean, self._scale = scaler.mean_, scaler.scale_
        self._marks_gaps = bool(np.isnan(table).any())

    def encode(self, table: NDArray[np.float64]) -> Floats:
        gaps = np.isnan(table)
        scaled = np.where(gaps, 0.0, (table - self._mean) / self._scale)
        parts = [scaled, gaps.any(axis=1, keepdims=True)] if self._marks_gaps else [scaled]
        return np.asarray(np.clip(np.concatenate(parts, axis=1), -FARTHEST, FARTHEST), dtype=np.float32)

    def state(self) -> State:
        return State({"mean": self._mean, "scale": self._scale}, {"marks_gaps": self._marks_gaps})

    def load_state(self, state: State) -> None:
        require(state, ("mean", "scale"), ("marks_gaps",))
        self._mean, self._scale = state.tensors["mean"], state.tensors["scale"]
        self._marks_gaps = state.config["marks_gaps"]


class _Numbers:
    kind = "number"

    def __init__(self) -> None:
        self.scaled = Scaled()

    def fit(self, values: list[Any]) -> None:
        self.scaled.fit(self._table(values))

    def encode(self, values: list[Any]) -> Floats:
        return self.scaled.encode(self._table(values))

    def state(self) -> State:
        return self.scaled.state()

    def load_state(self, state: State) -> None:
        self.scaled.load_state(state)

    def _table(self, values: list[Any]) -> NDArray[np.float64]:
        return np.array([[np.nan if (n := _number(value)) is None else n] for value in values]).reshape(-1, 1)


class _Dates:
    kind = "date"

    def __init__(self) -> None:
        self.format = ""
        self.scaled = Scaled()

    def fit(self, values: list[Any]) -> None:
        self.format = _date_format([value for value in values if not _is_missing(value)]) or ""
        self.scaled.fit(self._table(values))

    def encode(self, values: list[Any]) -> Floats:
        return self.scaled.encode(self._table(values))

    def state(self) -> State:
        kept = self.scaled.state()
        return State(kept.tensors, {**kept.config, "format": self.format})

    def load_state(self, state: State) -> None:
        require(state, config=("format",))
        self.format = state.config["format"]
        self.scaled.load_state(state)

    def _table(self, values: list[Any]) -> NDArray[np.float64]:
        """(values, 4): year, month, weekday, seconds since 1970; NaN where there is no date."""
        return np.array([_date_parts(value, self.format) for value in values], dtype=np.float64).reshape(-1, 4)


class _Categories:
    kind = "category"

    def __init__(self) -> None:
        self._place: dict[str, int] = {}

    def fit(self, values: list[Any]) -> None:
        counted = Counter(_word(value) for value in values)
        often = sorted(counted, key=lambda word: (-counted[word], word))[:MOST_CATEGORIES]
        self._place = {word: place for place, word in enumerate(often)}

    def encode(self, values: list[Any]) -> Floats:
        """(values, categories + 1): one-hot; the last column stands for all others."""
        hot = np.zeros((len(values), len(self._place) + 1), dtype=np.float32)
        hot[np.arange(len(values)), [self._place.get(_word(value), len(self._place)) for value in values]] = 1
        return hot

    def state(self) -> State:
        return State(config={"words": list(self._place)})

    def load_state(self, state: State) -> None:
        require(state, config=("words",))
        self._place = {word: place for place, word in enumerate(state.config["words"])}


class _Texts:
    kind = "text"

    def __init__(self, seed: int) -> None:
        self.lsa = HashedLsa(seed=seed, dimensions=TEXT_DIMENSIONS, columns=TEXT_COLUMNS)

    def fit(self, values: list[Any]) -> None:
        self.lsa.fit(map(_word, values))

    def encode(self, values: list[Any]) -> Floats:
        return self.lsa.encode([_word(value) for value in values])

    def state(self) -> State:
        return self.lsa.state()

    def load_state(self, state: State) -> None:
        self.lsa.load_state(state)


def _of_kind(kind: str, seed: int) -> Column:
    if kind == "text":
        return _Texts(seed)
    kinds: dict[str, type[_Numbers] | type[_Dates] | type[_Categories]] = {
        found.kind: found for found in (_Numbers, _Dates, _Categories)
    }
    if kind not in kinds:
        raise ValueError(f"There is no kind of column {kind!r}; there are text, {', '.join(kinds)}.")
    return kinds[kind]()


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _word(value: Any) -> str:
    return "" if value is None else str(value)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return max(-HUGE, min(HUGE, number)) if np.isfinite(number) else None


def _date_format(values: list[Any]) -> str | None:
    """The first of the known formats in which every value is a date; None if there is none."""
    return next((form for form in DATE_FORMATS if all(_date(value, form) is not None for value in values)), None)


def _date(value: Any, form: str) -> datetime | None:
    """The moment, taken as UTC where no zone is said."""
    if not isinstance(value, str) or not 6 <= len(value) <= 40:
        return None
    try:
        found = datetime.strptime(value.strip(), form) if form else datetime.fromisoformat(value.strip())  # noqa: DTZ007
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _date_parts(value: Any, form: str) -> tuple[float, ...]:
    found = _date(value, form)
    if found is None:
        return (np.nan,) * 4
    return found.year, found.month, found.weekday(), (found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
