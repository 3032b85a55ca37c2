"""The source `long_texts`: texts in rows that joined are the texts, held out at their ends or whole."""

import zipfile
from pathlib import Path

import pytest

from chainrule.data.sources.long_texts import read
from chainrule.system.errors import DataError

BOOK = """\ufeffThe Project Gutenberg EBook of A Tale, by Nobody\r
\r
*** START OF THIS PROJECT GUTENBERG EBOOK A TALE ***\r
\r
Once there was a tale.\r
It had two lines.\r
\r
*** END OF THIS PROJECT GUTENBERG EBOOK A TALE ***\r
Section 1. Licence.\r
"""


def joined(rows) -> str:
    return b"".join(rows["text"]).decode()


def test_joined_the_rows_of_a_text_are_the_text(tmp_path: Path) -> None:
    text = "".join(f"line {number} of it\n" for number in range(500)).rstrip("\n")
    (tmp_path / "it.txt").write_text(text)
    rows = read(tmp_path / "it.txt", cut=100, section="incoming")
    assert joined(rows) == text
    assert rows["text"].map(len).max() <= 100 and rows["text"].map(len)[:-1].min() > 75
    assert all(row[-1:].isspace() for row in rows["text"][:-1]), "a row ends after a blank"
    assert rows["id"][0] == "it/000001" and rows["origin"][1] == f"it.txt@{len(rows['text'][0])}"
    assert set(rows["group"]) == {"it"} and rows["part"].isna().all()


def test_a_word_longer_than_a_row_is_cut(tmp_path: Path) -> None:
    (tmp_path / "it.txt").write_text("李" * 250)
    assert [len(row.decode()) for row in read(tmp_path / "it.txt", cut=100, section="incoming")["text"]] == [
        100,
        100,
        50,
    ]


def test_the_ends_of_a_text_are_held_out_with_a_row_between(tmp_path: Path) -> None:
    (tmp_path / "it.txt").write_text("".join(f"{number:09d}\n" for number in range(1000)))
    rows = read(tmp_path / "it.txt", cut=100, hold_out={"validation": 0.1, "test": 0.2}, block=4)
    assert rows["part"].tolist() == ["train"] * 70 + ["validation"] * 9 + ["test"] * 19
    assert rows.attrs["between_parts"] == 2
    assert rows["id"][70] == "it/000072", "the row between is none of them"
    assert rows.groupby("group")["part"].nunique().max() == 1, "no group is in two parts"
    assert rows["group"].value_counts().max() == 4


def test_a_single_text_cannot_be_held_out_whole(tmp_path: Path) -> None:
    (tmp_path / "it.txt").write_text("a text\n" * 100)
    with pytest.raises(DataError, match=r"one text alone, .*set source\.hold_out"):
        read(tmp_path / "it.txt")


def test_what_gutenberg_puts_around_a_book_is_left_out_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(BOOK)
    (tmp_path / "b.txt").write_text("*** START of something else\nplain")
    rows = read(tmp_path, cut=1000)
    assert [row.decode() for row in rows["text"]] == [
        "Once there was a tale.\nIt had two lines.",
        "*** START of something else\nplain",
    ]
    assert set(rows.attrs["noted"]) == {
        "Project Gutenberg's header left out",
        "Project Gutenberg's licence left out",
    }


def test_tags_of_a_tagged_corpus_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "brown.zip", "w") as packed:
        packed.writestr("brown/ca01", "\n\n\tThe/at Fulton/np-tl 1\\/2/cd ./.\n\n\n\tIt/pps was/bedz ./.\n")
        packed.writestr("brown/ca02", "Said/vbd so/rb ./.\n")
        packed.writestr("brown/README", "About the corpus\n")
    rows = read(tmp_path / "brown.zip", tagged=True)
    assert [row.decode() for row in rows["text"]] == ["The Fulton 1\\/2 .\nIt was .", "Said so ."]


def test_poems_set_apart_by_empty_lines_are_texts(tmp_path: Path) -> None:
    (tmp_path / "poems.txt").write_text("one\ntwo\n\n\nthree\n \nfour\n", encoding="utf-8")
    rows = read(tmp_path / "poems.txt", texts="paragraph")
    assert [row.decode() for row in rows["text"]] == ["one\ntwo", "three", "four"]
    assert rows["group"].nunique() == 3
    assert [row.decode() for row in read(tmp_path / "poems.txt", texts="line")["text"]] == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_names_say_parts(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        (tmp_path / f"wiki.{part}.txt").write_text(f"the {part} text <unk> @-@\n" * 50)
    rows = read(tmp_path, cut=100, block=2)
    assert sorted(rows["part"].unique()) == ["test", "train", "validation"]
    assert rows["group"].nunique() > 3, "a text of a part is several groups"
    held = read(
        tmp_path, files={"train": "wiki.train.txt", "test": "wiki.test.txt"}, cut=100, hold_out={"validation": 0.2}
    )
    assert sorted(held["part"].unique()) == ["test", "train", "validation"]
    assert held[held["part"] == "validation"]["id"].str.startswith("wiki.train").all()


def test_what_cannot_be_read_is_a_row_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("a text")
    (tmp_path / "bad.txt").write_bytes(b"\x00\x01\x02\x03" * 50)
    rows = read(tmp_path).set_index("id")
    assert rows["problem"].notna().to_dict() == {"bad/000001": True, "good/000001": False}
    with pytest.raises(DataError, match=r"missing; put it there or correct source\.files"):
        read(tmp_path, files={"train": "good.txt", "test": "gone.txt"})
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no text file in it"):
        read(tmp_path / "none")
