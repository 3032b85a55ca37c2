"""One text file per class: bytes, ids and messages."""

import os
from pathlib import Path

import pytest

from chainrule.data.sources import class_files
from chainrule.errors import DataError

FILES = {"positive": "good.txt", "negative": "bad.txt"}


def write(folder: Path, good: bytes = b"fine\nnice\n", bad: bytes = b"poor\n") -> Path:
    (folder / "good.txt").write_bytes(good)
    (folder / "bad.txt").write_bytes(bad)
    return folder


def test_rows_come_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    frame = class_files.read(write(tmp_path), files=FILES)
    assert frame["id"].tolist() == ["positive/000001", "positive/000002", "negative/000001"]
    assert frame["group"].tolist() == frame["id"].tolist()
    assert frame["text"].tolist() == [b"fine", b"nice", b"poor"]
    assert frame["label"].tolist() == ["positive", "positive", "negative"]
    assert frame["origin"].tolist() == ["good.txt:1", "good.txt:2", "bad.txt:1"]
    assert frame["part"].isna().all()
    assert frame["problem"].isna().all()


def test_bytes_stay_as_found_but_for_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    frame = class_files.read(write(tmp_path, good=b"\xef\xbb\xbfa \x93b\x94\t\r\n\r\n \xff last"), files=FILES)
    assert frame["text"].tolist()[:3] == [b"a \x93b\x94\t", b"", b" \xff last"]


def test_appended_rows_keep_the_ids_of_the_earlier_ones(tmp_path: Path) -> None:
    before = class_files.read(write(tmp_path), files=FILES).set_index("id")["text"]
    after = class_files.read(write(tmp_path, good=b"fine\nnice\nnew\n"), files=FILES).set_index("id")["text"]
    assert after[before.index].tolist() == before.tolist()
    assert len(after) == len(before) + 1


@pytest.mark.parametrize(
    ("good", "message"),
    [
        (b"", "good.txt: empty"),
        (b" \n\n", "good.txt: empty"),
        ("fine\n".encode("utf-16"), "good.txt: UTF-16"),
        (b"\x1f\x8b\x08\x00", "good.txt: a compressed archive"),
    ],
)
def test_a_file_that_is_no_text_is_named_with_a_remedy(tmp_path: Path, good: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        class_files.read(write(tmp_path, good=good), files=FILES)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such directory"):
        class_files.read(tmp_path / "nowhere", files=FILES)
    with pytest.raises(DataError, match=r"good\.txt: missing"):
        class_files.read(tmp_path, files=FILES)


def test_one_file_for_two_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'positive' and 'negative'"):
        class_files.read(write(tmp_path), files={"positive": "good.txt", "negative": "good.txt"})


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_movie_review_sentences_are_complete() -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "mr-polarity"
    frame = class_files.read(path, files={"positive": "rt-polarity.pos", "negative": "rt-polarity.neg"})
    assert frame["label"].value_counts().to_dict() == {"positive": 5331, "negative": 5331}
    assert (frame["text"].map(len) > 0).all()
