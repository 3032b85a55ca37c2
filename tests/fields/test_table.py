"""Rows of a table: cells as they are written in, typed cells out, and what cannot be used turned away by name."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainrule.fields import table
from chainrule.fields.catalogue import NormaliseTable
from chainrule.fields.encoding import encode
from chainrule.fields.reject import Reject
from chainrule.recipes.defaults.table import DEFAULTS

KINDS = {"number": ["age"], "category": ["town"], "date": ["day"], "boolean": ["member"], "text": ["note"]}
RAW = {"town": "Łódź", "age": "31.0", "note": "so  so", "day": "2011-01-20", "member": "Yes", "other": "x"}


def options(**changed: Any) -> dict[str, Any]:
    """Return clean.normalise as a recipe has it, checked as one."""
    given = {**DEFAULTS["clean"]["normalise"], **KINDS, **changed}
    NormaliseTable.model_validate(given)
    return given


def clean(changes: dict[str, Any], **changed: Any) -> tuple[dict[str, Any], list[str]]:
    raw = json.dumps({**RAW, **changes}).encode()
    value, repairs = table.normalise(raw, **options(**changed))
    return json.loads(value), repairs


def refused(changes: dict[str, Any], **changed: Any) -> Reject:
    with pytest.raises(Reject) as caught:
        clean(changes, **changed)
    return caught.value


def test_a_row_is_compact_json_of_the_listed_columns_by_kind():
    value, repairs = table.normalise(json.dumps(RAW).encode(), **options())
    assert value == '{"age":31,"town":"Łódź","day":"2011-01-20","member":true,"note":"so so"}'
    assert repairs == []
    assert table.decode([value])[0]["age"] == 31
    assert table.left_out(json.dumps(RAW).encode(), options()) == ["other"]


def test_a_clean_row_and_typed_cells_are_normalised_to_the_same():
    value, _ = table.normalise(json.dumps(RAW).encode(), **options())
    assert table.normalise(value.encode(), **options()) == (value, [])
    typed = {**RAW, "age": 31, "member": True}
    assert table.normalise(typed, **options())[0] == value


@pytest.mark.parametrize(
    ("written", "decimal", "thousands", "number"),
    [
        ("1234.5", ".", "", 1234.5),
        (" 1e3 ", ".", "", 1000),
        ("\u22125", ".", "", -5),
        ("1,234.5", ".", ",", 1234.5),
        ("1.234,5", ",", ".", 1234.5),
        ("1 234,5", ",", " ", 1234.5),
        ("1\u202f234\u00a0567", ",", " ", 1234567),
        ("1234,5", ",", "", 1234.5),
        ("-0.0", ".", "", 0),
    ],
)
def test_numbers_as_they_are_written(written: str, decimal: str, thousands: str, number: float):
    assert clean({"age": written}, decimal=decimal, thousands=thousands)[0]["age"] == number


@given(st.from_regex(r"-?[0-9]{1,12}([.][0-9]{0,6})?", fullmatch=True))
@example("-0")
@example("0.0001")
@example("1.50")
def test_a_number_has_one_form_whether_its_column_has_bounds_or_not(written: str):
    raw = json.dumps({**RAW, "age": written}).encode()
    assert table.normalise(raw, **options()) == table.normalise(raw, **options(ranges={"age": [-1e38, 1e38]}))


def test_a_number_may_stand_for_nothing():
    assert clean({"age": "-999"}, absent=["-999", "n/a"])[0]["age"] is None
    assert clean({"age": "-9990"}, absent=["-999", "n/a"])[0]["age"] == -9990
    assert clean({"age": "0.5"}, absent=["0"])[0]["age"] == 0.5


@pytest.mark.parametrize("written", ["1,5", "12O", "=SUM(A1:A9)", "1\u00002", "١٢", "1_000", "0x1f", "1,23,456"])
def test_what_is_no_number_is_missing_and_counted_or_turns_the_row_away(written: str):
    row, repairs = clean({"age": written})
    assert row["age"] is None
    assert repairs == ["not_a_number_in_age"]
    reject = refused({"age": written}, unreadable="reject")
    assert reject.reason == "not_a_number_in_age"


@pytest.mark.parametrize("cell", [float("inf"), "Infinity", "1e999", 10**400, "9" * 60])
def test_a_number_that_no_model_can_take_is_none(cell: Any):
    assert clean({"age": cell})[1] == ["not_finite_in_age"]


@pytest.mark.parametrize("cell", ["", "  ", "NA", "n/a", "?", "NaN", "null", None, float("nan")])
def test_a_cell_that_means_nothing_is_missing(cell: Any):
    row, repairs = clean({"age": cell, "town": cell})
    assert row["age"] is None
    assert row["town"] is None
    assert repairs == []
    assert refused({"age": cell}, missing={"age": "reject"}).reason == "missing_age"
    filled, repairs = clean({"age": cell, "town": cell}, missing={"number": {"constant": 5}, "town": {"constant": "x"}})
    assert (filled["age"], filled["town"]) == (5, "x")
    assert repairs == ["filled_in_age", "filled_in_town"]


@pytest.mark.parametrize(
    ("cell", "day_first", "date"),
    [
        ("2011-01-20T05:00", None, "2011-01-20T05:00:00"),
        ("2011-01-20 05:00:00+02:00", None, "2011-01-20T03:00:00"),
        ("2011/1/2", None, "2011-01-02"),
        ("20110120", None, "2011-01-20"),
        ("03-03-2012", None, "2012-03-03"),
        ("31/12/2011", None, "2011-12-31"),
        ("12/31/2011", None, "2011-12-31"),
        ("03/04/2012", True, "2012-04-03"),
        ("03/04/2012", False, "2012-03-04"),
        ("3.4.2012", None, "2012-04-03"),
        ("20 Jan 2011", None, "2011-01-20"),
        ("January 20, 2011", None, "2011-01-20"),
    ],
)
def test_dates_become_iso_8601(cell: str, day_first: bool | None, date: str):
    assert clean({"day": cell}, dates={"formats": [], "day_first": day_first})[0]["day"] == date


def test_a_date_that_could_be_two_turns_its_row_away():
    reject = refused({"day": "03/04/2012"})
    assert reject.reason == "ambiguous_date_in_day"
    assert "clean.normalise.dates.day_first" in reject.detail


def test_dates_by_formats_and_none_at_all():
    formats = {"formats": ["%d.%m.%y", "%Y week %W %w"], "day_first": None}
    assert clean({"day": "20.1.11"}, dates=formats)[0]["day"] == "2011-01-20"
    assert clean({"day": "2011-01-20"}, dates=formats)[0]["day"] == "2011-01-20"  # what a served model may be sent
    assert clean({"day": "20 Jan 2011"}, dates=formats)[1] == ["not_a_date_in_day"]
    for wrong in ("2011-02-30", "soon", 5, "0"):
        assert clean({"day": wrong})[1] == ["not_a_date_in_day"], wrong


def test_yes_and_no():
    for written in ("yes", "T", "1", "1.0", 1, True):
        assert clean({"member": written})[0]["member"] is True
    for written in ("No", "f", "0", 0, False):
        assert clean({"member": written})[0]["member"] is False
    assert clean({"member": "perhaps"})[1] == ["not_a_boolean_in_member"]


def test_one_category_has_one_form():
    for written in ("3", "3.0", 3, 3.0, " 3"):
        assert clean({"town": written})[0]["town"] == "3"
    assert clean({"town": "Lo\u0301dz\u200b"})[0]["town"] == "L\u00f3dz"
    assert clean({"town": True})[0]["town"] == "true"
    assert clean({"town": "\ud800"})[1] == ["not_a_cell_in_town"]
    assert clean({"town": ["a"]})[1] == ["not_a_cell_in_town"]


@pytest.mark.parametrize(
    ("outside", "age", "repairs"),
    [("missing", None, ["outside_range_in_age"]), ("clip", 120, ["outside_range_in_age"])],
)
def test_a_cell_outside_of_its_range(outside: str, age: float | None, repairs: list[str]):
    ranges = {"age": [0, 120], "day": [None, "2020-01-01"]}
    row, done = clean({"age": "999"}, ranges=ranges, outside=outside)
    assert (row["age"], done) == (age, repairs)
    assert clean({"age": 120}, ranges=ranges, outside=outside)[1] == []
    assert clean({"day": "2020-01-01T00:01"}, ranges=ranges, outside="clip")[0]["day"] == "2020-01-01"
    assert refused({"age": -1}, ranges=ranges, outside="reject").reason == "outside_range_in_age"


def test_a_row_that_is_none():
    assert refused(dict.fromkeys(RAW)).reason == "empty_row"
    for raw in (b"{", b"[1]", b"\xff"):
        with pytest.raises(Reject) as caught:
            table.normalise(raw, **options())
        assert caught.value.reason == "not_an_object"
    with pytest.raises(Reject) as caught:
        table.normalise(b'{"age":1}', **options())
    assert caught.value.reason == "no_column_town"
    assert "'age'" in caught.value.detail


def test_forward_fill_takes_the_cell_of_the_row_before_it_in_the_same_part():
    rows = [json.dumps({"age": age, "town": town}) for age, town in [(None, "a"), (1, None), (None, None), (2, "b")]]
    normalise = options(
        number=["age"], category=["town"], date=[], boolean=[], text=[], missing={"age": "forward_fill"}
    )
    filled, counts = table.filled(rows, ["train", "train", "train", "train"], normalise)
    assert [row["age"] for row in table.decode(filled)] == [None, 1, 1, 2]
    assert counts == {"filled_in_age": 1}
    apart, counts = table.filled(rows, ["train", "train", "test", "train"], normalise)
    assert [row["age"] for row in table.decode(apart)] == [None, 1, None, 2]
    assert table.decode(filled)[2]["town"] is None


def test_columns_have_one_type_whatever_comes_first():
    found = table.columnar(['{"a":null,"b":"x","c":null}', '{"a":1.5,"b":null,"c":null}', '{"a":2,"b":"y","c":null}'])
    assert found.to_pydict() == {"a": [None, 1.5, 2.0], "b": ["x", None, "y"], "c": [None, None, None]}
    dates = table.columnar(['{"d":"2011-01-20"}', '{"d":"2011-01-20T05:00:00"}'])
    assert dates["d"].to_pylist() == ["2011-01-20", "2011-01-20T05:00:00"]


def test_equal_rows_are_tied_to_the_first_of_them():
    assert table.near_duplicates(["a", "b", "a", "c", "a"], 1.0).tolist() == [[0, 2], [0, 4]]
    assert table.near_duplicates(["a", "b", "a"], 0.0).tolist() == []


def test_a_copy_is_another_row_of_the_same_columns():
    value = '{"age":40,"none":0,"town":"a","day":"2011-01-20","member":true,"gone":null}'
    same = table.augmented_copy(value, np.random.default_rng(0), noise=0.0, dropout=0.0)
    assert same == value
    ages, missing = [], 0
    for seed in range(400):
        copy = json.loads(table.augmented_copy(value, np.random.default_rng(seed), noise=0.1, dropout=0.25))
        assert list(copy) == list(json.loads(value))
        assert copy["gone"] is None
        assert copy["none"] in (0, None)
        assert copy["day"] in ("2011-01-20", None)
        assert copy["member"] in (True, None)
        ages += [copy["age"]] if copy["age"] is not None else []
        missing += sum(cell is None for name, cell in copy.items() if name != "gone")
    assert 0.2 < missing / 2000 < 0.3
    assert abs(np.mean(ages) - 40) < 1
    assert 3 < np.std(ages) < 5
    assert any(
        cell is not None
        for cell in json.loads(table.augmented_copy('{"a":1}', np.random.default_rng(), noise=0, dropout=0.99)).values()
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({kind: [] for kind in KINDS}, "no column is listed"),
        ({"category": ["town", "age"]}, "'age'"),
        ({"number": ["age", "age"]}, "twice"),
        ({"missing": {"wage": "keep"}}, "missing.wage"),
        ({"ranges": {"town": [0, 1]}}, "ranges.town"),
        ({"ranges": {"age": [1, 0]}}, "above"),
        ({"ranges": {"day": ["soon", None]}}, "no date"),
        ({"ranges": {"age": [float("nan"), 1]}}, "ranges.age: .* are no numbers"),
        ({"decimal": ",", "thousands": ","}, "both"),
        ({"missing": {"age": {"constant": "x"}}}, "missing.age.constant: 'x' is no number"),
        ({"missing": {"date": {"constant": "soon"}}}, "missing.date.constant: 'soon' is no date"),
        ({"dates": {"formats": ["%Q"], "day_first": None}}, "'%Q' is no format of dates"),
    ],
)
def test_columns_that_do_not_fit_are_refused(changed: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        options(**changed)


def test_drift_compares_numbers_and_categories_by_column():
    facts = {
        "number": ["age"],
        "fill": [30.0, 0.5],
        "date": ["day"],
        "parts": {"day": ["day"]},
        "category": ["town", "member"],
        "places": {"town": {"Rome": 1}, "member": {"true": 1, "false": 2}},
        "absent": {"town": 2, "member": 0},
        "text": ["note"],
        "words": {"most": 2, "buckets": 9},
    }
    cells = [{"age": 31, "town": "Rome", "day": "2011-01-20", "member": True, "note": "so so"}]
    cells += [{**cells[0], "age": None, "town": None}, {**cells[0], "town": "Lima", "member": None}]
    rows = [encode([row], facts) for row in cells]
    found = table.measure(rows, ["row"], None, {"row": {"facts": facts}})["row"]
    assert {name: column.tolist() for name, column in found.numbers.items()} == {
        "'age'": [31, 30, 31],
        "missing cells": [0, 2, 1],
    }
    assert dict(found.classes) == {"'town'": ["Rome", "missing", "other"], "'member'": ["true", "true", "missing"]}
