"""Class folders: labels, parts, groups, what is left out, and messages."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.data.formats.folders import ENDINGS
from chainrule.data.sources import image_folder
from chainrule.fields import image
from chainrule.system.errors import DataError
from packing import pack


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
    write(tmp_path, "$RECYCLE.BIN/x.png", "__MACOSX/cat/._a.png", "Thumbs.db", ".DS_Store")
    frame = image_folder.read(tmp_path, group_pattern=None)
    assert frame["id"].tolist() == ["cat/a.png"]
    assert frame.attrs == {"hidden_files": 8, "loose_files": 1}


@pytest.mark.parametrize(
    ("train", "test", "other"),
    [
        ("Training", "Testing", "Validation"),
        ("train_set", "test_set", "val-set"),
        ("TRAIN", "Eval", "dev"),
        ("trainset", "testset", "valset"),
        ("trainData", "holdOut", "Valid Images"),
        ("asl_alphabet_train", "asl_alphabet_test", "asl_alphabet_val"),
        ("train_2020", "test_2020", "development"),
        ("训练集", "测试集", "验证集"),
    ],
)
def test_parts_are_known_by_their_usual_names_in_any_spelling(
    tmp_path: Path, train: str, test: str, other: str
) -> None:
    write(tmp_path, *(f"{part}/{label}/a.png" for part in (train, test, other) for label in ("glioma", "no_tumor")))
    frame = image_folder.read(tmp_path, group_pattern=None)
    assert set(frame["label"]) == {"glioma", "no_tumor"}
    parts = {train: "train", test: "test", other: "validation"}
    assert [parts[name.split("/")[0]] for name in frame["id"]] == frame["part"].tolist()
    assert frame.attrs["parts"] == {f"{name} as {part}": 2 for name, part in parts.items()}


def test_parts_below_the_classes_and_a_part_twice_are_taken_and_said(tmp_path: Path) -> None:
    write(tmp_path / "a", *(f"{label}/{part}/1.png" for label in ("cat", "dog") for part in ("train", "test")))
    frame = image_folder.read(tmp_path / "a", group_pattern=None)
    assert frame["label"].tolist() == ["cat", "cat", "dog", "dog"]
    assert frame["part"].tolist() == ["test", "train", "test", "train"]
    assert frame.attrs["parts"] == {"train as train": 2, "test as test": 2}
    twice = [f"{part}/{part}/{label}/1.png" for label in ("x", "y") for part in ("seg_train", "seg_test")]
    frame = image_folder.read(write(tmp_path / "b", *twice), group_pattern=None)
    assert set(zip(frame["part"], frame["label"], strict=True)) == {
        (part, label) for part in ("train", "test") for label in "xy"
    }


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("old/cat/1.png", "old/dog/1.png", "new/cat/2.png", "new/dog/2.png"),
            "new, old .*same in each .cat, dog.",
        ),
        (("old/cat/1.png", "old/dog/1.png", "new/cat/2.png"), "hold nothing but folders, the same in each .cat."),
        (("archive/cat/1.png", "archive/dog/2.png"), r"one folder, archive, .*set source.path to \S*/archive"),
        (("train/cat/1.png", "train/dog/2.png", "extra/cat/3.png"), "train hold folders, .* but extra beside"),
        (("train/cat/1.png", "test/cat/1.png", "bus/1.png"), "test, train hold folders, .* but bus beside"),
        (("train/2020/a/1.png", "train/2020/b/1.png", "train/2021/a/1.png"), "2020, 2021 hold nothing but folders"),
        (("mine/train/cat/1.png", "mine/test/cat/1.png"), r"mine is a data set .*set source.path to \S*/mine"),
    ],
)
def test_folders_that_may_be_parts_or_classes_are_refused_with_the_remedy(
    tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(DataError, match=said) as error:
        image_folder.read(write(tmp_path, *names), group_pattern=None)
    assert "\n" not in str(error.value)


def test_files_in_folders_below_a_class_are_of_it_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "a", "cat/2020/a.png", "cat/b.png", "dog/images/c.png", "dog/README.md")
    frame = image_folder.read(tmp_path / "a", group_pattern=None)
    assert dict(zip(frame["id"], frame["label"], strict=True)) == {
        "cat/2020/a.png": "cat",
        "cat/b.png": "cat",
        "dog/README.md": "dog",
        "dog/images/c.png": "dog",
    }
    assert frame.attrs == {"hidden_files": 0, "loose_files": 0, "nested_files": 2}
    same = image_folder.read(write(tmp_path / "b", "cat/img/1.png", "dog/img/2.png"), group_pattern=None)
    assert same["label"].tolist() == ["cat", "dog"]


def test_folders_of_a_batch_are_classes_whatever_they_hold(tmp_path: Path) -> None:
    write(tmp_path, "dark/deep/1.png", "light/deep/2.png", "light/deeper/3.png")
    frame = image_folder.read(tmp_path, group_pattern=None, section="incoming")
    assert frame["label"].tolist() == ["dark", "light", "light"]


def test_what_cannot_be_read_is_a_row_with_its_reason(tmp_path: Path) -> None:
    root, other = write(tmp_path / "root", "cat/a.png", "dog/b.png"), write(tmp_path / "other", "c.png")
    for name, target in (("gone.png", "nowhere.png"), ("loop.png", "loop.png"), ("link.png", "a.png"), ("far", other)):
        (root / "cat" / name).symlink_to(target)
    os.mkfifo(root / "cat" / "pipe.png")
    frame = image_folder.read(root, group_pattern=None).set_index("id")
    assert frame["problem"].dropna().to_dict() == {
        "cat/far": "not_a_file",
        "cat/gone.png": "broken_link: to nowhere.png",
        "cat/loop.png": "broken_link: to loop.png",
        "cat/pipe.png": "not_a_file",
    }
    assert frame["image"]["cat/link.png"] == b"cat/a.png"


def test_names_that_are_not_utf8_are_rows_with_their_reason(tmp_path: Path) -> None:
    root = write(tmp_path / "root", "cat/a.png", "dog/b.png")
    (root / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    folder = root / os.fsdecode(b"\xe9t\xe9")
    folder.mkdir()
    (folder / "1.png").write_bytes(b"x")
    frame = image_folder.read(root, group_pattern="(.)")
    assert frame["id"].tolist() == [r"\xe9t\xe9/1.png", "cat/a.png", r"cat/caf\xe9.png", "dog/b.png"]
    assert frame["problem"].dropna().to_dict() == dict.fromkeys((0, 2), "undecodable_name: not UTF-8, rename it")
    assert frame["label"].dropna().tolist() == ["cat", "cat", "dog"]
    frame.to_parquet(tmp_path / "rows.parquet")


def written(ending: str) -> bytes:
    buffer = io.BytesIO()
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8))
    kinds = {".jfif": "JPEG", ".jpe": "JPEG", ".dib": "DIB"}
    if ending == ".pbm":
        pixels = pixels.convert("1")
    pixels.save(buffer, kinds.get(ending) or Image.registered_extensions()[ending])
    return buffer.getvalue()


@pytest.mark.parametrize("ending", sorted(ENDINGS))
def test_what_is_among_the_endings_is_among_the_formats(ending: str) -> None:
    value, _ = image.normalise(written(ending), mode="L", size=None, max_pixels=100)
    assert Image.open(io.BytesIO(value)).size == (8, 8)


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
        (("train/a.png", "test/b.png"), "expected .*/<class>/<image>"),
        (("cat/a.png", "dog/.hidden"), "dog: class folder without files"),
    ],
)
def test_folders_without_classes_or_files_are_named(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        image_folder.read(write(tmp_path, *names), group_pattern=None)


def test_a_missing_folder_and_a_bad_pattern_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or directory"):
        image_folder.read(tmp_path / "nowhere", group_pattern=None)
    with pytest.raises(DataError, match=r"a\.png: a file, neither a folder nor an archive; source\.path must name"):
        image_folder.read(write(tmp_path, "a.png") / "a.png", group_pattern=None)
    with pytest.raises(DataError, match="has 2 groups"):
        image_folder.read(write(tmp_path, "cat/a.png"), group_pattern="(a)(b)")


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_sign_language_digits_are_complete() -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "sign-language-digits"
    frame = image_folder.read(path, group_pattern=None)
    counts = frame["label"].value_counts()[[str(i) for i in range(10)]].tolist()
    assert counts == [205, 206, 206, 206, 207, 207, 207, 206, 208, 204]
    assert frame["problem"].isna().all()


def test_official_lists_name_the_parts(tmp_path: Path) -> None:
    root = write(tmp_path, *(f"{label}/{n}.jpg" for label in ("cat", "train") for n in range(3)), "cat/3.jpg")
    (root / "val.txt").write_text("cat/0.jpg\ntrain/0\n")
    named = "images/cat/1.jpg,0\nimages/train/1.jpg 1\n\ngone/9.jpg\nbird/3.jpg\n2.jpg\n"
    (root / "testing_list.csv").write_text(named)
    lists = {"validation": "val.txt", "test": "testing_list.csv"}
    frame = image_folder.read(root, group_pattern=None, parts=lists).set_index("id")
    assert frame["part"].dropna().to_dict() == {
        "cat/0.jpg": "validation",
        "cat/1.jpg": "test",
        "train/0.jpg": "validation",
        "train/1.jpg": "test",
    }
    assert frame.attrs == {
        "hidden_files": 0,
        "loose_files": 0,
        "unmatched_lines": 3,
        "parts": {"val.txt as validation": 2, "testing_list.csv as test": 2},
    }
    packed = pack(
        tmp_path / "x.zip", {f"x/{path.relative_to(root)}": path.read_bytes() for path in root.glob("**/*.*")}
    )
    assert image_folder.read(packed, group_pattern=None, parts=lists).set_index("id")["part"].equals(frame["part"])


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"test": "gone.txt"}, r"gone\.txt: missing; put the list there or correct source\.parts\.test"),
        ({"test": "none.txt"}, r"none\.txt: names none of the files, its first line is 'bird/1\.jpg'"),
        ({"test": "a.txt", "train": "b.txt"}, r"b\.txt: names cat/1\.jpg, which the list of test names as well"),
    ],
)
def test_lists_that_do_not_fit_are_named(tmp_path: Path, lists: dict[str, str], said: str) -> None:
    root = write(tmp_path, "cat/1.jpg", "dog/1.jpg")
    for name, text in (("none.txt", "bird/1.jpg"), ("a.txt", "cat/1.jpg"), ("b.txt", "cat/1")):
        (root / name).write_text(text)
    with pytest.raises(DataError, match=said):
        image_folder.read(root, group_pattern=None, parts=lists)


def test_files_with_following_numbers_are_one_block_whatever_their_class(tmp_path: Path) -> None:
    names = ("0/IMG_1118.JPG", "0/IMG_1119.JPG", "1/IMG_1120.JPG", "1/IMG_1139.JPG", "1/IMG_1140.JPG", "2/other.JPG")
    frame = image_folder.read(write(tmp_path, *names), group_pattern=None, block=20)
    assert frame["group"].tolist() == ["IMG_1100+20"] * 2 + ["IMG_1120+20"] * 2 + ["IMG_1140+20", "other"]
