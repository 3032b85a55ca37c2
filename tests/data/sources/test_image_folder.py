"""Class folders: labels, parts, groups, what is left out, and messages."""

import os
from pathlib import Path

import pytest

from chainrule.data.sources import image_folder
from chainrule.errors import DataError


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def test_folders_are_labels_and_rows_are_sorted(tmp_path: Path) -> None:
    frame = image_folder.read(write(tmp_path, "dog/b.PNG", "cat/z.jpg", "cat/a.JPEG"), group_pattern=None)
    assert frame["id"].tolist() == ["cat/a.JPEG", "cat/z.jpg", "dog/b.PNG"]
    assert frame["label"].tolist() == ["cat", "cat", "dog"]
    assert frame["group"].tolist() == ["cat/a", "cat/z", "dog/b"]
    assert frame["image"].tolist() == [b"cat/a.JPEG", b"cat/z.jpg", b"dog/b.PNG"]
    assert frame["origin"].tolist() == frame["id"].tolist()
    assert frame["part"].isna().all()
    assert frame["problem"].isna().all()


def test_part_folders_give_parts(tmp_path: Path) -> None:
    frame = image_folder.read(write(tmp_path, "Train/cat/a.png", "val/cat/a.png", "TEST/cat/a.png"), group_pattern=None)
    assert dict(zip(frame["id"], frame["part"], strict=True)) == {
        "TEST/cat/a.png": "test",
        "Train/cat/a.png": "train",
        "val/cat/a.png": "validation",
    }
    assert set(frame["label"]) == {"cat"}
    assert frame["group"].is_unique


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    frame = image_folder.read(write(tmp_path, "train/a.png", "bus/b.png"), group_pattern=None)
    assert frame["label"].tolist() == ["bus", "train"]
    assert frame["part"].isna().all()


def test_hidden_and_loose_files_are_left_out_and_counted(tmp_path: Path) -> None:
    write(
        tmp_path,
        "cat/a.png",
        "cat/.hidden.png",
        "cat/Thumbs.db",
        ".git/config",
        "README.md",
        "cat/__MACOSX/a.png",
    )
    frame = image_folder.read(tmp_path, group_pattern=None)
    assert frame["id"].tolist() == ["cat/a.png"]
    assert frame.attrs == {"hidden_files": 4, "loose_files": 1}


def test_other_files_pass_with_their_problem(tmp_path: Path) -> None:
    frame = image_folder.read(write(tmp_path, "cat/a.png", "cat/notes.txt", "cat/broken.jpg"), group_pattern=None)
    assert frame["problem"].dropna().to_dict() == {2: "not_an_image_file"}
    assert frame["image"].tolist() == [b"cat/a.png", b"cat/broken.jpg", b""]


def test_a_pattern_finds_the_group_in_the_file_name(tmp_path: Path) -> None:
    write(tmp_path, "1/anna_1.png", "2/anna_2.png", "1/ben_1.png", "1/nobody.png")
    frame = image_folder.read(tmp_path, group_pattern=r"^([a-z]+)_")
    assert frame["group"].tolist() == ["anna", "ben", "1/nobody", "anna"]
    assert frame["problem"].dropna().to_dict() == {2: "no_group"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "holds no class folders"),
        (("a.png",), "holds no class folders"),
        (("train/a.png", "test/b.png"), "expected .*test/<class>/<image>"),
        (("cat/a.png", "dog/.hidden"), "dog: class folder without files"),
    ],
)
def test_folders_without_classes_or_files_are_named(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        image_folder.read(write(tmp_path, *names), group_pattern=None)


def test_a_missing_folder_and_a_bad_pattern_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such directory"):
        image_folder.read(tmp_path / "nowhere", group_pattern=None)
    with pytest.raises(DataError, match="has 2 groups"):
        image_folder.read(write(tmp_path, "cat/a.png"), group_pattern="(a)(b)")


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_sign_language_digits_are_complete() -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "sign-language-digits"
    frame = image_folder.read(path, group_pattern=None)
    counts = frame["label"].value_counts()[[str(i) for i in range(10)]].tolist()
    assert counts == [205, 206, 206, 206, 207, 207, 207, 206, 208, 204]
    assert frame["problem"].isna().all()
