"""Rows of a table as the inputs of a graph."""

import math

import numpy as np
import pytest

from chainrule.fields.encoding import DATE_PARTS, encode, numbers

FACTS = {
    "number": ["age", "fare"],
    "date": ["sailed"],
    "parts": {"sailed": ["day", "week_sine", "week_cosine"]},
    "category": ["port", "alone"],
    "places": {"alone": {"false": 1, "true": 2}, "port": {"Cherbourg": 1, "Queenstown": 2}},
    "absent": {"port": 0, "alone": 3},
    "text": ["name"],
    "words": {"most": 3, "buckets": 1000},
}


def row(**changed: object) -> dict[str, object]:
    """Return a row of the columns of FACTS."""
    usual = {"age": 22.0, "fare": 7, "port": "Queenstown", "sailed": "1970-01-05", "alone": True, "name": "Mr Owen"}
    return usual | changed


def test_each_kind_of_column_has_its_input() -> None:
    found = encode([row(), row(age=None, port="Southampton", alone=None, name="Mr Owen Harris Braund")], FACTS)
    assert {name: (array.dtype, array.shape) for name, array in found.items()} == {
        "numbers": (np.float32, (2, 5)),
        "categories": (np.int64, (2, 2)),
        "words": (np.int64, (2, 1, 3)),
    }
    assert found["numbers"][0].tolist() == [22, 7, 4, 0, 1]  # a Monday begins the week
    assert np.isnan(found["numbers"][1]).tolist() == [True, False, False, False, False]
    assert found["categories"].tolist() == [[2, 2], [0, 3]]
    first, second = found["words"][:, 0].tolist()
    assert first[:2] == second[:2]
    assert first[2] == 0 and 0 < second[2] <= 1000


def test_what_a_table_lacks_is_no_input() -> None:
    facts = {**FACTS, "parts": {"sailed": []}, "number": [], "text": []}
    assert set(encode([row()], facts)) == {"categories"}


def test_a_row_is_encoded_by_itself_alone() -> None:
    rows = [row(), row(sailed=None, name=None), row(fare=1e308, sailed="2012-02-29T12:30:00")]
    together = encode(rows, FACTS)
    for place, one in enumerate(rows):
        for name, array in encode([one], FACTS).items():
            np.testing.assert_array_equal(array[0], together[name][place])
    assert np.isfinite(together["numbers"][2]).all()
    assert np.isnan(together["numbers"][1, 2:]).all()


@pytest.mark.parametrize(
    ("part", "moment", "expected"),
    [
        ("day", "2012-04-15T06:00:00", 15445.25),
        ("year_sine", "2012-01-01", 0.0),
        ("year_cosine", "2012-07-02", -1.0),  # half of a leap year of 366 days
        ("week_sine", "2011-01-20", math.sin(2 * math.pi * 3 / 7)),  # a Thursday
        ("day_cosine", "2011-01-20T12:00:00", -1.0),
        ("day_sine", "2011-01-20T06:00:00", 1.0),
        ("day_sine", "1969-12-31T18:00:00", -1.0),
    ],
)
def test_parts_of_a_date(part: str, moment: str, expected: float) -> None:
    assert numbers([{"when": moment}], [], [("when", [part])])[0, 0] == pytest.approx(expected, abs=1e-6)
    assert part in DATE_PARTS
