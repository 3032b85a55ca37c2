"""Tables in every format: the same rows, parts by a column or by files, and what cannot be read, with its place."""

import json
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chainrule.data.sources import delimited, excel, json_lines, parquet
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field
from table_files import READERS, workbook, write

TEXTS = (Field("text", "text", "input"), Field("label", "label", "target"))
PAIRS = (Field("first", "text", "input"), Field("second", "text", "input"), Field("label", "label", "target"))
TABLE = (Field("row", "table", "input"), Field("price", "number", "target"))
TAGS = (Field("text", "text", "input"), Field("labels", "labels", "target"))
ROWS = [
    {"text": "good, I say", "label": "1", "fold": "Training", "who": "a"},
    {"text": "bad", "label": "0", "fold": "dev", "who": "a"},
    {"text": "fine", "label": "1", "fold": "test", "who": "b"},
    {"text": "what", "label": "", "fold": "unlabelled", "who": ""},
    {"text": "odd", "label": "2", "fold": "somewhere", "who": "c"},
]


def values(frame: pd.DataFrame, column: str) -> list[Any]:
    return [None if pd.isna(value) else value for value in frame[column]]


@pytest.mark.parametrize("kind", READERS)
def test_a_text_may_stand_in_several_columns(tmp_path: Path, kind: str) -> None:
    rows = [
        {"title": "New: a boat", "body": "It floats.", "label": "a"},
        {"title": "", "body": "Nothing above", "label": "b"},
        {"title": "Nothing below", "body": " ", "label": "b"},
    ]
    frame = READERS[kind](tmp_path / write(kind, tmp_path, rows), fields=TEXTS, columns={"text": ["title", "body"]})
    assert frame["text"].tolist() == [b"New: a boat\nIt floats.", b"Nothing above", b"Nothing below"]
    assert frame["problem"].isna().all()


@pytest.mark.parametrize("kind", READERS)
def test_the_same_rows_are_the_same_in_every_format(tmp_path: Path, kind: str) -> None:
    name = write(kind, tmp_path, ROWS)
    options = {"part": "fold", "labels": {"0": "neg", "1": "pos"}, "group": "who"}
    frame = READERS[kind](tmp_path / name, fields=TEXTS, **options)
    assert frame["text"].tolist() == [b"good, I say", b"bad", b"fine", b"what", b"odd"]
    assert values(frame, "label") == ["pos", "neg", "pos", None, None]
    assert values(frame, "part") == ["train", "validation", "test", "unlabelled", None]
    assert values(frame, "problem")[:4] == [None] * 4
    assert values(frame, "problem")[4] == (
        "unknown_part: 'somewhere'; train, validation, test and unlabelled are parts"
    )
    assert frame["group"].tolist()[:3] == ["a", "a", "b"] and frame["group"][3] == frame["id"][3]
    pair = READERS[kind](tmp_path / name, fields=PAIRS, columns={"first": "text", "second": "who"})
    assert pair["second"].tolist() == [b"a", b"a", b"b", b"", b"c"]
    (tmp_path / "more").mkdir()
    write(kind, tmp_path / "more", ROWS[:1], "a1"), write(kind, tmp_path / "more", ROWS[1:2], "a2")
    both = READERS[kind](tmp_path / "more", fields=TEXTS, files={"train": "a*"})
    assert both["text"].tolist() == [b"good, I say", b"bad"] and both["id"].is_unique
    with pytest.raises(DataError, match=r"has no column 'labl' for source\.columns\.label; .*did you mean 'label'"):
        READERS[kind](tmp_path / name, fields=TEXTS, columns={"label": "labl"})
    with pytest.raises(DataError, match=r"no file there fits 'b\*'; correct source\.files\.train"):
        READERS[kind](tmp_path / "more", fields=TEXTS, files={"train": "b*"})


def test_a_row_of_a_table_keeps_the_types_that_its_format_has(tmp_path: Path) -> None:
    rows = [{"n": 1, "x": 0.5, "who": "é%", "ok": True, "none": None, "price": 3.5}]
    found = {}
    for kind, read in READERS.items():
        found[kind] = json.loads(read(tmp_path / write(kind, tmp_path, rows), fields=TABLE)["row"][0])
    typed = {"n": 1, "x": 0.5, "who": "é%", "ok": True, "none": None}
    assert found == dict.fromkeys(READERS, typed) | {
        "delimited": {"n": "1", "x": "0.5", "who": "é%", "ok": "True", "none": ""}
    }
    assert list(found["parquet"]) == list(typed)


def test_without_a_header_names_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("39, State-gov, 7\n50, Private, 8\n")
    frame = delimited.read(tmp_path / "rows.csv", fields=TABLE, header=["age", "work", "price"])
    assert json.loads(frame["row"][0]) == {"age": "39", "work": " State-gov"}
    assert frame["price"].tolist() == ["7", "8"]
    workbook(tmp_path / "rows.xlsx", [[39, "State-gov", 7]])
    frame = excel.read(tmp_path / "rows.xlsx", fields=TABLE, header=["age", "work", "price"])
    assert (json.loads(frame["row"][0]), frame["price"][0]) == ({"age": 39, "work": "State-gov"}, "7")


@pytest.mark.parametrize("kind", READERS)
def test_more_columns_than_a_table_has_are_refused(tmp_path: Path, kind: str) -> None:
    width = 10_001 if kind != "excel" else 16_384
    name = write(kind, tmp_path, [{f"c{at}": at for at in range(width)}])
    with pytest.raises(DataError, match=rf"has {width:,} columns, more than 10,000"):
        READERS[kind](tmp_path / name, fields=TABLE)


# ---- Excel


def test_errors_formulas_dates_and_blank_rows_of_a_workbook_are_what_they_show_and_noted(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    day = datetime(2011, 1, 20, 5)
    book = workbook(path, [["when", "x", "price"], [date(2011, 1, 20), "#DIV/0!", 1], [None] * 3, [day, "=1+1", 2]])
    book["Sheet"]["B2"].data_type = "e"
    book["Sheet"].merge_cells("B4:B5")
    book.save(path)
    frame = excel.read(path, fields=TABLE)
    assert [json.loads(row) for row in frame["row"]] == [
        {"when": "2011-01-20", "x": "#DIV/0!"}, {"when": "2011-01-20T05:00:00", "x": None}
    ]  # fmt: skip
    assert frame["origin"].tolist() == ["rows.xlsx:2", "rows.xlsx:4"]
    assert frame.attrs["noted"] == {"error_cells": 1, "formulas_without_value": 1, "blank_rows": 1, "merged_areas": 1}
    said = excel.read(path, fields=TEXTS, columns={"text": "x", "label": "price"})
    assert values(said, "problem") == ["error_value: #DIV/0!", None]


def test_the_sheet_is_the_one_that_is_named_or_the_only_one_shown(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    cells = [["text", "label"], ["a", "x"]]
    book = workbook(path, cells, Other=[["text", "label"], ["b", "y"]], Empty=[])
    with pytest.raises(DataError, match=r"which sheet\? set source\.sheet to one of 'Sheet', 'Other'"):
        excel.read(path, fields=TEXTS)
    assert excel.read(path, fields=TEXTS, sheet="Other")["text"].tolist() == [b"b"]
    with pytest.raises(DataError, match=r"has no sheet 'Sheet1'; correct source\.sheet: it has 'Sheet', 'Other'"):
        excel.read(path, fields=TEXTS, sheet="Sheet1")
    book["Other"].sheet_state = "hidden"
    book.save(path)
    frame = excel.read(path, fields=TEXTS)
    assert frame["text"].tolist() == [b"a"] and frame.attrs["noted"] == {"hidden_sheets": 1}


def test_a_header_with_merged_cells_names_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    book = workbook(path, [["who", None, "price"], ["a", "b", 1]])
    book["Sheet"].merge_cells("A1:B1")
    book.save(path)
    with pytest.raises(
        DataError, match=r"cells of the header of sheet 'Sheet' are merged \(A1:B1\); name every column"
    ):
        excel.read(path, fields=TABLE)


def test_what_is_no_workbook_or_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.xlsx"
    for content, said in (
        (b"a,b\n1,2\n", "kind to delimited"),
        (b"\xd0\xcf\x11\xe0" * 9, "old Excel"),
        (b"PK\3\4", "no w"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=said) as error:
            excel.read(path, fields=TABLE)
        assert "\n" not in str(error.value)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", bytes(80 << 20))
    with pytest.raises(DataError, match=r"bytes that unpack to 83,886,080 .* save the sheet as CSV"):
        excel.read(path, fields=TABLE)
    workbook(path, [["text", "label"], ["a", "x"]])
    with pytest.raises(DataError, match="the kind excel reads it"):
        delimited.read(path, fields=TEXTS)


# ---- JSON


def test_lines_that_are_no_objects_are_kept_with_their_reason(tmp_path: Path) -> None:
    lines = [
        '{"text": "a", "label": "x"}', "", '{"text": "b", "label": NaN}', '{"text": "c"', '["d"]',
        '{"text": 1, "text": 2}', '{"text": {"en": "e"}, "label": "x"}', '{"text": "\\ud800", "label": "x"}',
        '{"label": 1.0, "text": 3}', "{} {}",
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines))
    frame = json_lines.read(path, fields=TEXTS)
    assert [None if each is None else each.partition(":")[0] for each in values(frame, "problem")] == [
        None, "not_json", "broken_json", "not_an_object", "repeated_name", "nested_value", "undecodable_text", None,
        "broken_json",
    ]  # fmt: skip
    assert values(frame, "problem")[1] == "not_json: JSON has no NaN; write null"
    assert frame["origin"].tolist()[1] == "rows.jsonl:3" and frame["text"][1] == lines[2].encode()
    assert (frame["text"][7], frame["label"][7]) == (b"3", "1")
    assert frame.attrs["noted"] == {"empty_lines": 1}


def test_a_list_of_objects_is_read_with_the_lines_where_they_begin_or_refused_with_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[\n {"text": "a", "labels": ["x", "y"]},\n {"text": "b",\n "labels": []},\n 3]\n')
    frame = json_lines.read(path, fields=TAGS)
    assert values(frame, "labels") == ['["x", "y"]', "[]", None]
    assert frame["origin"].tolist() == ["rows.json:2", "rows.json:3", "rows.json:5"]
    for content, said in (('[{"a": 1},\n{"a": }]', r"rows\.json:2: not JSON"), ('[{"a": 1}\n{"a": 1}]', "',' or ']'")):
        path.write_text(content)
        with pytest.raises(DataError, match=said):
            json_lines.read(path, fields=TAGS)


def test_a_name_that_comes_late_is_a_column_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"price": 1, "a": 1}\n' * 1500 + '{"b": {"c": [1]}, "price": 2}\n')
    frame = json_lines.read(path, fields=TABLE)
    assert json.loads(frame["row"][0]) == {"a": 1, "b": None}
    assert json.loads(frame["row"][1500]) == {"a": None, "b": {"c": [1]}}


# ---- Parquet


def test_types_of_parquet_are_json_or_the_reason_why_not(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table(
        {
            "when": [date(2011, 1, 20), None],
            "x": [float("nan"), float("inf")],
            "many": [[1, 2], None],
            "price": pa.array([1, None], pa.int64()),
        }
    )
    pq.write_table(table, path)
    frame = parquet.read(path, fields=TABLE)
    assert [json.loads(row) for row in frame["row"]] == [
        {"when": "2011-01-20", "x": None, "many": [1, 2]}, {"when": None, "x": "inf", "many": None}
    ]  # fmt: skip
    assert values(frame, "price") == ["1", None]
    nested = parquet.read(path, fields=TEXTS, columns={"text": "many", "label": "price"})
    assert values(nested, "problem") == [
        "nested_value: a list where a value is needed; give it a column of its own",
        None,
    ]


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1" + bytes(40))
    with pytest.raises(DataError, match=r"rows\.parquet: no Parquet file that can be read"):
        parquet.read(path, fields=TABLE)
    with pytest.raises(DataError, match="the kind parquet reads it"):
        delimited.read(path, fields=TABLE)
    assert openpyxl  # the workbooks above are written by another than reads them
