"""Class folders of texts: one file is one text, and files that are none are rows with their reason."""

from pathlib import Path

import pytest

from chainrule.data.sources import text_folder
from chainrule.system.errors import DataError
from packing import pack

IMDB = {
    "aclImdb/README": b"about",
    "aclImdb/imdb.vocab": b"the",
    **{
        f"aclImdb/{part}/{label}/{n}_7.txt": f"{part} {label} {n}".encode()
        for part in ("train", "test")
        for label in ("pos", "neg")
        for n in (0, 1)
    },
    **{f"aclImdb/train/unsup/{n}_0.txt": f"free {n}".encode() for n in range(3)},
    "aclImdb/train/urls_pos.txt": b"http",
    "aclImdb/train/labeledBow.feat": b"0:1",
}


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.mark.parametrize("packed", [False, True])
def test_reviews_are_read_as_they_are_published(tmp_path: Path, packed: bool) -> None:
    path = pack(tmp_path / "aclImdb_v1.tar.gz", IMDB) if packed else write(tmp_path, IMDB) / "aclImdb"
    frame = text_folder.read(path, group_pattern=None)
    assert frame["id"].tolist()[:3] == ["test/neg/0_7.txt", "test/neg/1_7.txt", "test/pos/0_7.txt"]
    assert frame["text"].tolist()[0] == b"test neg 0"
    assert frame["part"].value_counts().to_dict() == {"train": 4, "test": 4, "unlabelled": 3}
    assert frame["label"][frame["part"] == "unlabelled"].isna().all()
    assert set(frame["label"].dropna()) == {"pos", "neg"}
    assert frame["problem"].isna().all()
    assert frame.attrs["parts"] == {"train as train": 4, "train/unsup as unlabelled": 3, "test as test": 4}
    assert frame.attrs["loose_files"] == 4


def test_files_need_no_ending(tmp_path: Path) -> None:
    write(tmp_path, {"20news-bydate-train/sci.med/53068": b"a", "20news-bydate-test/sci.med/53070": b"b"})
    frame = text_folder.read(tmp_path, group_pattern=None)
    assert frame[["label", "part"]].to_numpy().tolist() == [["sci.med", "test"], ["sci.med", "train"]]


def test_unlabelled_files_beside_the_classes_are_of_that_part(tmp_path: Path) -> None:
    write(tmp_path, {"good/1.txt": b"a", "bad/1.TXT": b"b", "Un-labelled/deep/1.txt": b"c", "unlabelled/2.txt": b"d"})
    frame = text_folder.read(tmp_path, group_pattern=None)
    assert dict(zip(frame["text"], frame["label"].fillna(""), strict=True)) == {
        b"a": "good",
        b"b": "bad",
        b"c": "",
        b"d": "",
    }
    assert frame["part"].fillna("").tolist() == ["unlabelled", "", "", "unlabelled"]


def test_what_is_no_text_is_a_row_with_its_reason(tmp_path: Path) -> None:
    files = {
        "a/1.txt": "grün".encode(),
        "a/2.txt": b"\x89PNG\r\n\x1a\n\x00",
        "a/3.jpg": b"x",
        "a/4.txt": b"\x00\x00\x00\x01\xff" * 100,
        "b/5.txt": b"",
        "b/6.txt": b"\xe9t\xe9",
    }
    frame = text_folder.read(write(tmp_path, files), group_pattern=None).set_index("id")
    problems = frame["problem"].dropna()
    assert problems["a/2.txt"] == "not_a_text_file: an image"
    assert problems["a/3.jpg"] == "not_a_text_file"
    assert problems["a/4.txt"] == "not_a_text_file: many of its bytes are NUL"
    assert (
        problems["b/6.txt"].startswith("undecodable_text: not UTF-8, and too little")
        and "source.encoding" in problems["b/6.txt"]
    )
    assert len(problems) == 4


def test_encodings_are_found_for_each_file_or_for_all_that_are_not_utf8(tmp_path: Path) -> None:
    sentences = [
        "今天的天气非常好，我们去公园散步。",
        "这家酒店的服务很差，房间也不干净。",
        "电影很精彩，推荐大家去看。",
    ]
    files = {f"a/{n}.txt": sentence.encode("gb18030") for n, sentence in enumerate(sentences)}
    files |= {"b/1.txt": "好".encode(), "b/2.txt": "很好".encode("utf-16")}
    frame = text_folder.read(write(tmp_path, files), group_pattern=None)
    assert [text.decode() for text in frame["text"]] == [*sentences, "好", "很好"]
    assert frame.attrs["encodings"].pop("utf-8") == 1
    given = text_folder.read(
        write(tmp_path / "x", {"a/1": "я".encode("cp1251"), "b/2": b"\x98"}), group_pattern=None, encoding="cp1251"
    )
    assert given["text"][0].decode() == "я"
    assert given["problem"].dropna().tolist() == ["undecodable_text: not cp1251 (bytes 98)"]


def test_messages_speak_of_texts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no class folders; expected .*/<class>/<text>"):
        text_folder.read(write(tmp_path, {"1.txt": b"a"}), group_pattern=None)
