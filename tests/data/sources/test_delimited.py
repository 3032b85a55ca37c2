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
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

TSV: dict[str, Any] = {
    "files": {"all": "rows.tsv"},
    "delimiter": "\t",
    "quoting": False,
    "header": False,
    "fields": (Field("text", "text", "input"), Field("label", "label", "target")),
    "columns": {"text": 0, "label": 1},
    "labels": {"0": "negative", "1": "positive"},
    "group": None,
}
CSV: dict[str, Any] = TSV | {
    "files": {"all": "rows.csv"},
    "delimiter": ",",
    "quoting": True,
    "header": True,
    "columns": None,
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
    body = bytes(b for b in range(128) if b not in b"\t\r\n") + "é\u0301\u2028\u0085".encode()
    frame = read(tmp_path, b"first\t1\n" * 20 + body + b"\t1\n", TSV)
    assert frame["text"][20] == body


def test_a_file_is_read_in_one_encoding_header_labels_and_groups_too(tmp_path: Path) -> None:
    table = "标签,文本,谁\n" + "好,房间很干净，服务也很好。,张\n坏,早餐太差了，以后不会再来。,李\n" * 9
    frame = read(tmp_path, table.encode("gbk"), CSV, columns={"text": "文本", "label": "标签"}, group="谁")
    assert {text.decode() for text in frame["text"]} == {"房间很干净，服务也很好。", "早餐太差了，以后不会再来。"}
    assert (set(frame["label"]), set(frame["group"])) == ({"好", "坏"}, {"张", "李"})
    assert frame.attrs == {"encodings": {"gb18030": 1}}
    for encoding in ("utf-8-sig", "utf-16"):
        same = read(tmp_path, table.encode(encoding), CSV, columns={"text": "文本", "label": "标签"}, group="谁")
        assert same.drop(columns="problem").equals(frame.drop(columns="problem"))


def test_cells_that_are_not_in_the_encoding_pass_with_their_problem(tmp_path: Path) -> None:
    good = "房间很干净,1\n".encode() * 8
    frame = read(tmp_path, good + b"caf\xe9,1\n" + b"fine,\xe9\n", CSV, header=False, columns={"text": 0, "label": 1})
    assert frame["problem"].dropna().to_dict() == {
        8: "undecodable_text: not utf-8 (bytes e9)",
        9: r"undecodable_label: b'\xe9' is not utf-8",
    }
    assert frame["text"][8] == b"caf\xe9"


def test_a_doubtful_encoding_names_the_key_of_the_block_that_is_read(tmp_path: Path) -> None:
    for section in ("source", "incoming"):
        with pytest.raises(DataError, match=rf"rows\.csv: not UTF-8.*set {section}\.encoding"):
            read(tmp_path, b"label,text\npos,\xe9t\xe9\n", CSV, section=section)


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


def test_a_stray_quote_costs_the_lines_up_to_where_it_shows_each_counted(tmp_path: Path) -> None:
    frame = read(tmp_path, b'label,text\npos,"one\nneg,two\npos,"three"\nneg,four\npos,"say ""five"""\n', CSV)
    assert frame["text"].tolist() == [b'pos,"one', b"neg,two", b'pos,"three"', b"four", b'say "five"']
    broken = "broken_quoting: the quotes of lines 2 to 4 do not match"
    assert values(frame, "problem") == [broken, broken, broken, None, None]
    assert values(frame, "label") == [None, None, None, "neg", "pos"]


def test_lines_within_a_cell_never_become_rows(tmp_path: Path) -> None:
    inner = "pos,looks like a row\n" * 7_000
    good = "neg,four\n" * 3
    whole = read(tmp_path, f'label,text\npos,"{inner}"\n{good}'.encode(), CSV)
    assert len(whole) == 4 and whole["problem"].isna().all()
    assert whole["text"][0] == inner.encode() and len(inner) > 140_000
    broken = read(tmp_path, f'label,text\npos,"{inner}a "bad" quote"\n{good}'.encode(), CSV)
    assert broken["label"].dropna().tolist() == ["neg", "neg", "neg"]
    short = read(tmp_path, f'label,text\npos,"{inner}"\n{good}'.encode(), CSV, max_cell=1_000)
    assert values(short, "problem") == ["cell_too_long: 147,000 characters, source.max_cell is 1,000", None, None, None]
    assert csv.field_size_limit() == 131_072, "a setting of the whole process"


def test_a_header_that_comes_again_is_no_row(tmp_path: Path) -> None:
    frame = read(tmp_path, b"label,text\npos,one\n label,text\nneg,two\n", CSV)
    assert values(frame, "problem") == [None, "repeated_header", None]
    assert values(frame, "label") == ["pos", None, "neg"]


def test_lines_may_end_as_on_old_macs(tmp_path: Path) -> None:
    frame = read(tmp_path, b'label,text\rpos,one\rneg,"two\nlines"\r', CSV)
    assert frame["text"].tolist() == [b"one", b"two\nlines"]
    assert frame["origin"].tolist() == ["rows.csv:2", "rows.csv:3"]
    assert read(tmp_path, b"a\t1\rb\t0\r", TSV)["label"].tolist() == ["positive", "negative"]
    lone = read(tmp_path, b"a\rb\t1\nc\t0\nd\t1\n", TSV)
    assert lone["text"].tolist() == [b"a\rb", b"c", b"d"], "a lone one within a line ends none"


def test_one_file_needs_no_name_for_its_part(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(b"label,text\npos,one\n")
    frame = delimited.read(tmp_path / "mine.csv", **CSV | {"files": None})
    assert (frame["id"].tolist(), frame["origin"].tolist()) == (["all/000002"], ["mine.csv:2"])
    with pytest.raises(DataError, match=r"mine\.csv: a file; leave source.files out"):
        delimited.read(tmp_path / "mine.csv", **CSV)
    with pytest.raises(DataError, match=r"a directory; say in source.files .*mine\.csv"):
        delimited.read(tmp_path, **CSV | {"files": None})


def test_a_quote_that_is_never_closed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.csv:3: a quote opened here is never closed"):
        read(tmp_path, b'label,text\npos,one\nneg,"two\npos,three\n', CSV)


def test_labels_that_cannot_be_used_pass_with_their_problem(tmp_path: Path) -> None:
    frame = read(tmp_path, b"a\t1\nb\t7\nc\t\nd\tvery good\n", TSV)
    assert values(frame, "label") == ["positive", None, None, None]
    assert values(frame, "problem") == [None, "unknown_label: '7'", None, "unknown_label: 'very good'"]


def test_a_value_is_found_in_any_form_of_the_same_number(tmp_path: Path) -> None:
    frame = read(tmp_path, "a\t1.0\nb\t0.00\nc\t\u200b1\u00a0\nd\t10\n".encode(), TSV)
    assert values(frame, "label") == ["positive", "negative", "positive", None]
    floats = read(tmp_path, b"a\t1\nb\t0.5\nc\t1.0\n", TSV, labels={"1.0": "whole", "0.50": "half", "1": "one"})
    assert values(floats, "label") == ["one", "half", "whole"]


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
            "has no column 'text' for source.columns.text; its header names label, words",
        ),
        (b"label,text\npos,one\n", {"columns": {"label": 2}}, "has 2 columns, source.columns.label asks for number 2"),
        (b"PAR1\x15\x04", {}, r"rows\.csv: Parquet, not a text file"),
        (b"PK\x03\x04", {}, "a compressed archive"),
        (b"label,Text\npos,one\n", {}, "did you mean 'Text'"),
        (b"\nlabel,text\npos,one\n", {}, r"rows\.csv:1: empty, where the header should be"),
        (
            b"pos,one\nneg,two\npos,three\n",
            {"columns": {"label": 0, "text": 1}},
            "'pos' is a label of other rows; set source.header to false",
        ),
        (
            b"Label,text\npos,one\n",
            {"columns": {"label": 0, "text": 1}, "header": False},
            "looks like a header; set source.header",
        ),
        (b"label;text\npos;one\n", {}, "is source.delimiter ';'"),
        (b'"label";"text"\n"pos";"one"\n', {}, "is source.delimiter ';'"),
        (
            b"text,label,text\na,pos,b\n",
            {},
            r"names 'text', which source.columns.text asks for, 2 times \(columns 0, 2",
        ),
        (b'label,"text\npos,one"x\n', {}, r"rows\.csv:1: the quotes of the header"),
        (b"label,words\npos,one\n", {"section": "incoming"}, "for incoming.columns.text"),
    ],
)
def test_files_that_cannot_be_used_are_named(
    tmp_path: Path, content: bytes, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, content, CSV, **changes)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "Rows.TSV").write_bytes(b"x")
    with pytest.raises(DataError, match=r"rows\.tsv: missing.*source.files; did you mean 'Rows.TSV'"):
        delimited.read(tmp_path, **TSV)


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_sst2_is_complete() -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "sst2"
    files = {"train": "train.tsv", "validation": "dev.tsv", "test": "test.tsv"}
    frame = delimited.read(path, **TSV | {"files": files})
    assert frame["part"].value_counts().to_dict() == {"train": 6920, "test": 1821, "validation": 872}
    assert (frame["label"] == "positive").sum() == 3610 + 444 + 909
    assert frame["problem"].isna().all()


PAIR = (Field("first", "text", "input"), Field("second", "text", "input"), Field("label", "label", "target"))
TAGS = (Field("text", "text", "input"), Field("labels", "labels", "target"))
PRICE = (Field("text", "text", "input"), Field("price", "number", "target"))


def test_every_field_is_the_column_of_its_name_or_the_one_that_is_named(tmp_path: Path) -> None:
    table = b"label,B,first\nyes,two,one\nno,,three\nmaybe\n"
    frame = read(tmp_path, table, CSV, fields=PAIR, columns={"second": "B"})
    assert list(frame) == ["id", "group", "first", "second", "label", "part", "origin", "problem"]
    assert frame["first"].tolist()[:2] == [b"one", b"three"]
    assert frame["second"].tolist()[:2] == [b"two", b""]
    assert values(frame, "label") == ["yes", "no", None]
    assert values(frame, "problem") == [None, None, "wrong_column_count"]


def test_several_labels_stand_in_one_cell_as_a_list_or_apart(tmp_path: Path) -> None:
    names = {"0": "sad", "1": "glad"}
    frame = read(
        tmp_path, b'a\t0,1\nb\t1\nc\t["1", 0]\nd\t\ne\t[]\nf\t0,7\ng\t0,,1\nh\t[0\n', TSV, fields=TAGS,
        columns={"text": 0, "labels": 1}, labels=names,
    )  # fmt: skip
    assert values(frame, "labels") == [
        '["sad", "glad"]', '["glad"]', '["glad", "sad"]', None, "[]", None, None, None
    ]  # fmt: skip
    assert values(frame, "problem")[5:] == [
        "unknown_label: '7'",
        "unreadable_labels: '0,,1' names an empty label between two ','",
        "unreadable_labels: '[0' is no JSON list of labels",
    ]


def test_several_labels_are_columns_that_say_1_or_0(tmp_path: Path) -> None:
    table = b"text,sad,glad\na,1,0\nb,0,0\nc,1.0,True\nd,,\ne,1,\nf,2,0\n"
    frame = read(tmp_path, table, CSV, fields=TAGS, columns={"labels": ["sad", "glad"]})
    assert values(frame, "labels") == ['["sad"]', "[]", '["sad", "glad"]', None, None, None]
    assert values(frame, "problem")[3:] == [
        None,
        "unreadable_labels: glad is '', neither 0 nor 1",
        "unreadable_labels: sad is '2', neither 0 nor 1",
    ]
    with pytest.raises(DataError, match=r"no column 'gladd' for source.columns.labels; .*; did you mean 'glad'\?"):
        read(tmp_path, table, CSV, fields=TAGS, columns={"labels": ["sad", "gladd"]})


def test_numbers_have_the_decimal_mark_that_the_recipe_names(tmp_path: Path) -> None:
    table = b"text;price\na;1,5\nb;2\nc;3.5\nd;\n"
    frame = read(tmp_path, table, CSV, delimiter=";", fields=PRICE, decimal=",")
    assert values(frame, "price") == ["1.5", "2", None, None]
    assert values(frame, "problem") == [
        None, None, "not_a_number: '3.5' has a point where the decimal mark is a comma", None
    ]  # fmt: skip
    assert values(read(tmp_path, table, CSV, delimiter=";", fields=PRICE), "price") == ["1,5", "2", "3.5", None]


def test_a_column_of_times_comes_along_as_it_is_written(tmp_path: Path) -> None:
    content = b"label,text,When\npos,one, 2011-01-02 \nneg,two,\n"
    frame = read(tmp_path, content, CSV, time="When")
    assert values(frame, "time") == [" 2011-01-02 ", None]
    assert "time" not in read(tmp_path, content, CSV)
    with pytest.raises(DataError, match=r"has no column 'Wen' for source\.time; .* did you mean 'When'"):
        read(tmp_path, content, CSV, time="Wen")


def test_a_column_that_is_given_and_told_is_read_once(tmp_path: Path) -> None:
    fields = (Field("text", "text", "input"), Field("text", "continuation", "target"))
    table = b"poem,by\nfirst poem,a\nsecond poem,b\n"
    rows = read(tmp_path, table, CSV, fields=fields, columns={"text": "poem"}, group="by")
    assert rows["text"].tolist() == [b"first poem", b"second poem"]
    assert rows["group"].tolist() == ["a", "b"] and rows["problem"].isna().all()
