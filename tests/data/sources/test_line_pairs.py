"""Pairs of files: line by line, by part, plain or gzipped; what does not fit together says which file and how many."""

import gzip
from pathlib import Path

import pytest

from chainrule.data.sources import line_pairs
from chainrule.system.errors import DataError
from chainrule.tasks.translation.fields import fields

FIELDS = fields("text")
SIDES = ["en", "de"]


def pair(folder: Path, stem: str, source: str, target: str | None, packed: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for side, text in (("en", source), ("de", target)):
        if text is not None:
            path = folder / f"{stem}.{side}{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())


def test_lines_belong_together_by_their_number(tmp_path: Path) -> None:
    pair(tmp_path, "train", "A dog.\nA cat.\n", "Ein Hund.\nEine Katze.\n", packed=True)
    pair(tmp_path, "val", "Grass.\r\n\r\n", "Gras.\r\nnichts\r\n")
    pair(tmp_path, "test_2016", "No.\nSo.\n", " \nSo.\n")
    pair(tmp_path, "test_2017", "Yes.\n", "Ja.\n")
    rows = line_pairs.read(tmp_path, fields=FIELDS, sides=SIDES)
    assert rows["source"].tolist() == [b"A dog.", b"A cat.", b"Grass.", b"", b"No.", b"So.", b"Yes."]
    assert rows["translation"].fillna("").tolist() == ["Ein Hund.", "Eine Katze.", "Gras.", "nichts", "", "So.", "Ja."]
    assert rows["part"].tolist() == ["train", "train", "validation", "validation", *["test"] * 3]
    assert rows["origin"].tolist()[:3] == ["train.en.gz:1", "train.en.gz:2", "val.en:1"]
    assert rows["id"].is_unique
    assert rows.attrs["parts"]["test_2017 as test"] == 1


def test_unequal_numbers_of_lines_are_told(tmp_path: Path) -> None:
    pair(tmp_path, "train", "one\ntwo\nthree\n", "eins\nzwei\n")
    with pytest.raises(DataError, match=r"train\.en has 3 lines and train\.de 2"):
        line_pairs.read(tmp_path, fields=FIELDS, sides=SIDES)


def test_a_side_that_is_missing_is_named(tmp_path: Path) -> None:
    pair(tmp_path, "train", "one\n", None)
    with pytest.raises(DataError, match=r"train\.de: missing, plain or gzipped, and train\.en is of no use alone"):
        line_pairs.read(tmp_path, fields=FIELDS, sides=SIDES)


def test_unlabelled_texts_need_no_other_side(tmp_path: Path) -> None:
    pair(tmp_path, "train", "one\n", "eins\n")
    pair(tmp_path, "mono", "two\n", None)
    rows = line_pairs.read(tmp_path, fields=FIELDS, sides=SIDES, files={"train": "train", "unlabelled": ["mono"]})
    assert rows["part"].tolist() == ["train", "unlabelled"] and rows["translation"].isna().tolist() == [False, True]


def test_one_pair_is_all_of_the_rows(tmp_path: Path) -> None:
    pair(tmp_path, "corpus", "one\n", "eins\n")
    assert line_pairs.read(tmp_path, fields=FIELDS, sides=SIDES)["part"].isna().all()


@pytest.mark.parametrize(
    ("stems", "options", "said"),
    [
        (("train", "odd"), {}, "which part of the split is odd"),
        (("train",), {"sides": ["en", "fr"]}, r"train\.fr: missing"),
        (("train",), {"sides": ["ru", "fr"]}, r"no pairs of files that end in \.ru and \.fr \(train\.de, train\.en\)"),
        (("train",), {"files": {"train": "corpus"}}, r"corpus\.en: missing"),
    ],
)
def test_what_cannot_be_found_is_said(tmp_path: Path, stems: tuple[str, ...], options: dict, said: str) -> None:
    for stem in stems:
        pair(tmp_path, stem, "one\n", "eins\n")
    with pytest.raises(DataError, match=said):
        line_pairs.read(tmp_path, **{"fields": FIELDS, "sides": SIDES, **options})


def test_a_broken_archive_is_said(tmp_path: Path) -> None:
    pair(tmp_path, "train", "one\n", "eins\n", packed=True)
    (tmp_path / "train.en.gz").write_bytes((tmp_path / "train.en.gz").read_bytes()[:-6])
    with pytest.raises(DataError, match="truncated or corrupt gzip"):
        line_pairs.read(tmp_path, fields=FIELDS, sides=SIDES)
