"""One text file per class: bytes, ids and messages."""

import os
from pathlib import Path

import pytest

from chainrule.data.sources import class_files
from chainrule.system.errors import DataError

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
    lines = ["\ufeffa \u201cb\u201d\t\r\n", "\r\n", " é\r\n", " \x07 last"]
    frame = class_files.read(write(tmp_path, good="".join(lines).encode()), files=FILES)
    assert frame["text"].tolist()[:4] == ["a \u201cb\u201d\t".encode(), b"", " é".encode(), b" \x07 last"]


def test_files_of_other_encodings_and_line_ends_are_read(tmp_path: Path) -> None:
    frame = class_files.read(write(tmp_path, "好\n很好\n".encode("utf-16"), "坏\r很坏\r".encode()), files=FILES)
    assert [text.decode() for text in frame["text"]] == ["好", "很好", "坏", "很坏"]
    assert frame["origin"].tolist()[2:] == ["bad.txt:1", "bad.txt:2"]
    assert frame.attrs == {"encodings": {"utf-16": 1, "utf-8": 1}}


def test_lines_that_are_not_in_the_encoding_pass_with_their_problem(tmp_path: Path) -> None:
    frame = class_files.read(write(tmp_path, good="好\n很好\n".encode("gbk") + b"\xff\n"), files=FILES, encoding="gbk")
    assert frame["problem"].dropna().to_dict() == {2: "undecodable_text: not gbk (bytes ff)"}
    assert frame["text"][2] == b"\xff"


def test_a_doubtful_encoding_names_the_key_of_the_block_that_is_read(tmp_path: Path) -> None:
    for section in ("source", "incoming"):
        with pytest.raises(DataError, match=rf"good\.txt: not UTF-8.*set {section}\.encoding"):
            class_files.read(write(tmp_path, good=b"\xe9t\xe9\n"), files=FILES, section=section)


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
        (b"PAR1\x15\x04", "good.txt: Parquet"),
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
    (tmp_path / "one.txt").write_bytes(b"x")
    with pytest.raises(DataError, match=r"one\.txt: a file; source.path must name the directory"):
        class_files.read(tmp_path / "one.txt", files=FILES)
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


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("rt-polarity.pos", "rt-polarity.neg"), ("neg", "pos")),
        (("positive.txt", "negative.txt"), ("negative", "positive")),
        (("good_reviews.TXT", "bad_reviews.TXT", "so_so_reviews.TXT"), ("bad", "good", "so_so")),
        (("体育.txt", "财经.txt"), ("体育", "财经")),
    ],
)
def test_files_are_found_and_their_names_say_the_labels(
    tmp_path: Path, names: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    for name in (*names, "README.md", "LICENSE.txt", ".hidden.txt", "picture.png"):
        (tmp_path / name).write_bytes(b"a row\n")
    frame = class_files.read(tmp_path)
    assert frame["label"].tolist() == list(labels)
    assert sorted(frame.attrs["labels_from"]) == sorted(
        f"{name} as {label}" for label, name in zip(labels, sorted(names), strict=True)
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("train.txt", "test.txt"), r"are parts of a split: is it the source label_lines, or delimited"),
        (("rows.txt",), r"\(rows\.txt\) say no classes\? Say in source\.files"),
        ((), r"\(none there\) say no classes"),
    ],
)
def test_names_that_say_no_classes_are_told_with_the_remedy(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"a row\n")
    with pytest.raises(DataError, match=said):
        class_files.read(tmp_path)


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_film_sentences_need_no_names() -> None:
    frame = class_files.read(Path(os.environ["CHAINRULE_REAL_DATA"]) / "mr-polarity")
    assert frame["label"].value_counts().to_dict() == {"neg": 5331, "pos": 5331}
