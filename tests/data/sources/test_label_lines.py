"""Lines of a label and a text: fastText's, TREC's, in parts by the names of their files."""

import json
from pathlib import Path

import pytest

from chainrule.data.sources import label_lines
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

ONE = (Field("text", "text", "input"), Field("label", "label", "target"))
SET = (Field("text", "text", "input"), Field("labels", "labels", "target"))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def test_the_first_word_is_the_label(tmp_path: Path) -> None:
    path = write(tmp_path, a__txt="DESC:manner How did serfdom end ?\nHUM\tWho  is it\n\nENTY\n") / "a.txt"
    frame = label_lines.read(path, fields=ONE)
    assert frame["label"].fillna("").tolist() == ["DESC:manner", "HUM", "", "ENTY"]
    assert frame["text"].tolist() == [b"How did serfdom end ?", b"Who  is it", b"", b""]
    assert frame["id"].tolist() == ["all/000001", "all/000002", "all/000003", "all/000004"]
    assert frame["origin"].tolist()[0] == "a.txt:1"
    assert frame["part"].isna().all() and frame["problem"].isna().all()


def test_lines_of_fasttext_are_known_and_one_without_a_label_has_none(tmp_path: Path) -> None:
    path = write(tmp_path, a="__label__good a fine film\nno label here\n__label__bad\tdull , __label__x\n") / "a"
    frame = label_lines.read(path, fields=ONE)
    assert frame["label"].fillna("").tolist() == ["good", "", "bad"]
    assert frame["text"].tolist() == [b"a fine film", b"no label here", b"dull , __label__x"]


def test_several_labels_are_a_set_or_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path, a="__label__a __label__b both\n__label__a one\n") / "a"
    several = label_lines.read(path, fields=SET)
    assert [json.loads(value) for value in several["labels"]] == [["a", "b"], ["a"]]
    frame = label_lines.read(path, fields=ONE)
    assert frame["problem"].fillna("").tolist() == ["several_labels: a b, and the task has one", ""]
    assert frame["label"].fillna("").tolist() == ["", "a"]


def test_parts_are_found_by_the_names_of_the_files(tmp_path: Path) -> None:
    write(
        tmp_path, ag__train="1 a\n2 b\n", ag__test="1 c\n", README__md="about", LICENSE="free", unlabelled__txt="1 d\n"
    )
    frame = label_lines.read(tmp_path, fields=ONE)
    assert frame["part"].tolist() == ["train", "train", "test", "unlabelled"]
    assert frame["text"].tolist() == [b"a", b"b", b"c", b"1 d"]
    assert frame.attrs["parts"] == {
        "ag.train as train": 2,
        "ag.test as test": 1,
        "unlabelled.txt as unlabelled": 1,
    }


def test_files_that_say_no_part_are_named_with_the_remedy(tmp_path: Path) -> None:
    write(tmp_path, one__txt="1 a\n", two__txt="1 a\n")
    with pytest.raises(DataError, match=r"one\.txt, two\.txt.*say it in source\.files, such as train: one\.txt"):
        label_lines.read(tmp_path, fields=ONE)
    frame = label_lines.read(tmp_path, fields=ONE, files={"train": "one.txt", "test": "two.txt"})
    assert frame["part"].tolist() == ["train", "test"]


def test_one_file_without_a_part_is_split(tmp_path: Path) -> None:
    frame = label_lines.read(write(tmp_path, rows__txt="#good fine\n#bad poor\n"), fields=ONE, prefix="#")
    assert frame["label"].tolist() == ["good", "bad"]
    assert frame["part"].isna().all()
