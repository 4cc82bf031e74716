"""Columns by their types, and items that arrive later."""

import numpy as np
import pytest

from models_zoo.encoders import TypedColumns
from models_zoo.encoders.tables import kind_of


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, "2.5", None, " "], "number"),
        ([True, False], "number"),
        (["2024-01-31", "2024-02-01T10:00:00"], "date"),
        (["31.01.2024", "01.02.2024"], "date"),
        (["red", "blue", "red"], "category"),
        ([], "category"),
        ([f"a rather long remark on parcel {number}" for number in range(80)], "text"),
        (["always the same long remark"] * 80, "category"),
    ],
)
def test_a_column_is_what_all_its_values_can_be_read_as(values: list[object], kind: str) -> None:
    assert kind_of(values) == kind


def test_a_missing_number_is_the_mean_and_is_marked() -> None:
    encoder = TypedColumns()
    encoder.fit([{"a": 1}, {"a": 3}, {"a": None}])
    np.testing.assert_allclose(encoder.encode([{"a": None}, {"a": 2}]), [[0, 1], [0, 0]], atol=1e-6)


def test_dates_tell_year_month_weekday_and_time() -> None:
    encoder = TypedColumns()
    encoder.fit([{"d": f"20{year}-0{month}-01"} for year in range(10, 20) for month in (1, 6)])
    early, late = encoder.encode([{"d": "2010-01-04"}, {"d": "2019-06-08"}])
    assert early.shape == (4,)
    assert (late > early).all()


def test_later_items_may_bring_anything() -> None:
    encoder = TypedColumns()
    encoder.fit([{"n": 1, "c": "red", "d": "2024-01-01"}, {"n": 2, "c": "blue", "d": "2024-01-02"}])
    known = encoder.encode([{"n": 1, "c": "red", "d": "2024-01-01"}])
    strange = encoder.encode([{"n": "many", "c": "green", "d": "soon", "new": 1}, {}, {"n": 1e308, "c": [1], "d": 5}])
    assert strange.shape == (3, known.shape[1])
    assert np.isfinite(strange).all()


def test_an_unseen_category_is_other() -> None:
    encoder = TypedColumns()
    encoder.fit([{"c": "red"}, {"c": "blue"}])
    np.testing.assert_array_equal(encoder.encode([{"c": "green"}, {"c": "red"}])[:, -1], [1, 0])


def test_rows_without_any_value_still_have_a_feature() -> None:
    encoder = TypedColumns()
    encoder.fit([{}, {}])
    assert encoder.encode([{}]).shape == (1, 1)
