"""CSV and TSV: bytes, ragged rows, stray quotes, labels, columns and messages."""

import csv
import io
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.data.sources import delimited
from chainrule.errors import DataError

TSV: dict[str, Any] = {
    "files": {"all": "rows.tsv"},
    "delimiter": "\t",
    "quoting": False,
    "header": False,
    "text": 0,
    "label": 1,
    "labels": {"0": "negative", "1": "positive"},
    "group": None,
}
CSV: dict[str, Any] = TSV | {
    "files": {"all": "rows.csv"},
    "delimiter": ",",
    "quoting": True,
    "header": True,
    "text": "text",
    "label": "label",
    "labels": None,
}


def read(folder: Path, content: bytes, options: dict[str, Any], **changes: Any) -> pd.DataFrame:
    options = options | changes
    for name in options["files"].values():
        (folder / name).write_bytes(content)
    return delimited.read(folder, **options)


def values(frame: pd.DataFrame, column: str) -> list[Any]:
    return [None if pd.isna(value) else value for value in frame[column]]


def test_quotes_are_characters_without_quoting(tmp_path: Path) -> None:
    frame = read(tmp_path, b'a "fine" day\t1\nit \'s "poor\t0\r\n', TSV)
    assert frame["text"].tolist() == [b'a "fine" day', b"it 's \"poor"]
    assert frame["label"].tolist() == ["positive", "negative"]
    assert frame["id"].tolist() == ["all/000001", "all/000002"]
    assert values(frame, "part") == [None, None]


def test_quoted_cells_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    frame = read(tmp_path, b'label,text\npos,"one, ""two""\nthree"\nneg,four\n', CSV)
    assert frame["text"].tolist() == [b'one, "two"\nthree', b"four"]
    assert frame["origin"].tolist() == ["rows.csv:2", "rows.csv:4"]
    assert frame["label"].tolist() == ["pos", "neg"]


def test_bytes_of_the_text_stay_as_found(tmp_path: Path) -> None:
    body = bytes(b for b in range(256) if b not in b"\t\r\n")
    frame = read(tmp_path, b"first\t1\n" + body + b"\t1\n", TSV)
    assert frame["text"][1] == body


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1), min_size=1, max_size=5))
def test_what_a_csv_writer_wrote_is_read_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["label", "text"])
    writer.writerows(["x", text] for text in texts)
    frame = read(tmp_path_factory.mktemp("csv"), buffer.getvalue().encode(), CSV)
    assert [text.decode() for text in frame["text"]] == texts


def test_ragged_rows_pass_with_their_problem_and_whole_line(tmp_path: Path) -> None:
    frame = read(tmp_path, b"good\t1\nno label\nbad\tvery\t0\n\nfine\t1\n", TSV)
    assert values(frame, "problem") == [None, "wrong_column_count", "wrong_column_count", None, None]
    assert frame["text"].tolist() == [b"good", b"no label", b"bad\tvery\t0", b"", b"fine"]
    assert values(frame, "label") == ["positive", None, None, None, "positive"]


def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    frame = read(tmp_path, b'label,text\npos,"one\nneg,two\npos,"three"\nneg,four\n', CSV)
    assert frame["text"].tolist() == [b'pos,"one', b"two", b"three", b"four"]
    assert values(frame, "problem") == ["broken_quoting", None, None, None]


def test_a_quote_that_is_never_closed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.csv:3: a quote opened here is never closed"):
        read(tmp_path, b'label,text\npos,one\nneg,"two\npos,three\n', CSV)


def test_labels_that_cannot_be_used_pass_with_their_problem(tmp_path: Path) -> None:
    frame = read(tmp_path, b"a\t1\nb\t7\nc\t\nd\t\xff\n", TSV)
    assert values(frame, "label") == ["positive", None, None, None]
    assert values(frame, "problem") == [None, "unknown_label", None, "undecodable_label"]


def test_parts_come_from_the_files_and_unlabelled_rows_need_no_label(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_bytes(b"a\t1\n")
    (tmp_path / "more.tsv").write_bytes(b"b\nc\n")
    frame = delimited.read(tmp_path, **TSV | {"files": {"train": "train.tsv", "unlabelled": "more.tsv"}})
    assert frame["part"].tolist() == ["train", "unlabelled", "unlabelled"]
    assert values(frame, "label") == ["positive", None, None]
    assert frame["id"].is_unique


def test_groups_come_from_their_column(tmp_path: Path) -> None:
    frame = read(tmp_path, "label,text,who\npos,one,é\nneg,two,é\nneg,three,\n".encode(), CSV, group="who")
    assert frame["group"].tolist() == ["é", "é", "all/000004"]


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (b"", {}, r"rows\.csv: empty"),
        (b"label,text\n", {}, r"rows\.csv: holds a header and no rows"),
        (
            b"label,words\npos,one\n",
            {},
            "has no column 'text' for source.text; its header names label, words",
        ),
        (b"label,text\npos,one\n", {"label": 2}, "has 2 columns, source.label asks for number 2"),
        ("label,text\npos,one\n".encode("utf-16"), {}, r"rows\.csv: UTF-16"),
        (b"PK\x03\x04", {}, "a compressed archive"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    tmp_path: Path, content: bytes, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, content, CSV, **changes)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.tsv: missing"):
        delimited.read(tmp_path, **TSV)


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_sst2_is_complete() -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "sst2"
    files = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
    frame = delimited.read(path, **TSV | {"files": files})
    assert frame["part"].value_counts().to_dict() == {"train": 6920, "test": 1821, "validation": 872}
    assert (frame["label"] == "positive").sum() == 3610 + 444 + 909
    assert frame["problem"].isna().all()
