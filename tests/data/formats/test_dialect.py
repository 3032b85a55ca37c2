"""How tables are written is found from their beginning, on written ones and on real ones."""

import os
from pathlib import Path

import pytest

from chainrule.data.formats.dialect import Dialect, detect
from chainrule.system.errors import DataError


def found(folder: Path, text: str | bytes) -> Dialect:
    (folder / "rows.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return detect(folder / "rows.csv")


@pytest.mark.parametrize(
    ("text", "delimiter", "quoting", "header", "width"),
    [
        ("label,text\npos,a fine film\nneg,a poor one\n" * 1 + "pos,good\n" * 8, ",", True, True, 2),
        ("a fine, short film\t1\nno\t0\nwell, well\t1\n", "\t", False, False, 2),
        ('it is "fine"\t1\n"good" he said\t0\n"open\t1\nnothing\t0\n' * 5, "\t", False, False, 2),
        ('"it is ""fine"""\t1\n"one\ttwo"\t0\nplain\t1\n' * 5, "\t", True, False, 2),
        ('name,age\n"Braund, Mr. Owen",22\n"Cumings, Mrs. John",38\n"Heikkinen, Miss Laina",26\n', ",", True, True, 2),
        ("a;b;c\n1,5;2,5;x\n3,5;4,5;y\n", ";", True, True, 3),
        ("1,5;2,5\n3,5;4,5\n2,1;8,0\n", ";", True, False, 2),
        ("39, State-gov, <=50K\n50, Private, >50K\n38, Private, <=50K\n", ",", True, False, 3),
        ("1050 215 3\n1050 250 2\r\n1050 251 2.5\n", " ", False, False, 3),
        (",Date,4046\n0,2015-12-27,1036.7\n1,2015-12-20,1074.1\n", ",", True, True, 3),
        ("id|what\n1|one, two\n2|three\n", "|", False, True, 2),
        ("the rock is destined to be\nthe new film of the year is\nit is what it is now\n", ",", True, False, 1),
    ],
)
def test_the_way_that_makes_most_rows_alike_is_found(
    tmp_path: Path, text: str, delimiter: str, quoting: bool, header: bool, width: int
) -> None:
    said = found(tmp_path, text)
    assert (said.delimiter, said.quoting, said.header, said.width) == (delimiter, quoting, header, width)
    assert (said.titles is None) is not header


@pytest.mark.parametrize(
    ("cells", "decimal", "thousands", "doubtful"),
    [
        (("1.5", "12.25", "3"), ".", None, False),
        (("1,5", "12,25", "3"), ",", None, False),
        (("1.234,5", "2", "3"), ",", ".", False),
        (("1,234.5", "2", "3"), ".", ",", False),
        (("1,234,567", "2", "3"), ".", ",", False),
        (("1,234", "2,345", "3"), ",", None, True),
        (("1.234", "2.345", "1.5"), ".", None, False),
        (("2,13", "7,8,9", "27"), ".", None, False),
        (("4", "5", "6"), ".", None, False),
    ],
)
def test_the_marks_of_numbers(
    tmp_path: Path, cells: tuple[str, ...], decimal: str, thousands: str | None, doubtful: bool
) -> None:
    said = found(tmp_path, "what;price\n" + "".join(f"a thing;{cell}\n" for cell in cells * 3))
    assert (said.delimiter, said.decimal, said.thousands) == (";", decimal, thousands)
    assert any("thousands" in doubt for doubt in said.doubts) is doubtful


def test_the_encoding_is_found_and_a_cut_file_is_read_to_its_last_line(tmp_path: Path) -> None:
    table = "标签,文本\n" + "好,房间很干净，服务也很好。\n坏,早餐太差了，以后不会再来。\n" * 9
    assert found(tmp_path, table.encode("gbk")).encoding == "gb18030"
    assert found(tmp_path, table.encode("utf-16"))[:4] == ("utf-16", ",", True, True)
    row = '"one\nline and another",1\n'
    long = found(tmp_path, "text,label\n" + row * (5 << 20 >> 4))
    assert long[1:4] == (",", True, True)


def test_what_is_no_text_and_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.csv: Parquet, not a text file"):
        found(tmp_path, b"PAR1\x15\x04")
    with pytest.raises(DataError, match=r"row\.csv: missing.*did you mean 'rows.csv'"):
        detect(tmp_path / "row.csv")


def test_a_first_line_that_may_be_either_is_said(tmp_path: Path) -> None:
    assert (
        found(tmp_path, "good day\tso long\nhow are you\tfine\nwhere\tthere\n")
        .doubts[0]
        .startswith("whether its first")
    )


REAL = [
    ("adult/adult-train.csv", ",", True, False, 15),
    ("afqmc-zh/train.txt", "\t", True, False, 3),
    ("avocado/avocado.csv", ",", True, True, 14),
    ("bike-sharing/bike_train.csv", ",", True, True, 15),
    ("california-housing/housing.csv", ",", True, True, 10),
    ("chnsenticorp-hotel/ChnSentiCorp_htl_all.csv", ",", True, True, 2),
    ("filmtrust/ratings_0.txt", " ", False, False, 3),
    ("goemotions/train.tsv", "\t", True, False, 2),
    ("sick/SICK_train.txt", "\t", False, True, 5),
    ("sst2/train.tsv", "\t", False, False, 2),
    ("telco-churn/WA_Fn-UseC_-Telco-Customer-Churn.csv", ",", True, True, 21),
    ("thucnews-titles/dev.txt", "\t", False, False, 2),
    ("titanic/titanic.csv", ",", True, True, 11),
    ("wine-quality/winequality-red.csv", ";", True, True, 12),
    ("mr-polarity/rt-polarity.pos", ",", True, False, 1),
]


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
@pytest.mark.parametrize(("name", "delimiter", "quoting", "header", "width"), REAL, ids=[name for name, *_ in REAL])
def test_real_tables(name: str, delimiter: str, quoting: bool, header: bool, width: int) -> None:
    said = detect(Path(os.environ["CHAINRULE_REAL_DATA"]) / name)
    assert said[:5] == ("utf-8", delimiter, quoting, header, ".")
    assert (said.width, said.thousands, said.doubts if header else []) == (width, None, [])
