"""IDX files: pixels, parts and damaged files."""

import gzip
import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.data.sources import idx
from chainrule.system.errors import DataError

CLASSES = ["zero", "one", "two"]


def images(count: int, height: int = 4, width: int = 3) -> bytes:
    pixels = np.random.default_rng(count).integers(0, 256, (count, height, width), dtype=np.uint8)
    return struct.pack(">4I", 2051, count, height, width) + pixels.tobytes()


def labels(*values: int) -> bytes:
    return struct.pack(">2I", 2049, len(values)) + bytes(values)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(images(5)))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels(0, 1, 2, 1, 9)))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(images(2))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(labels(2, 0))
    return tmp_path


def test_rows_hold_the_pixels_in_file_order(folder: Path) -> None:
    frame = idx.read(folder, classes=CLASSES)
    assert frame["id"].tolist()[:2] == ["train/000000", "train/000001"]
    assert frame["id"].is_unique
    assert frame["group"].tolist() == frame["id"].tolist()
    assert frame["part"].tolist() == ["train"] * 5 + ["test"] * 2
    assert frame["origin"][6] == "t10k-images-idx3-ubyte:1"
    expected = np.frombuffer(images(5)[16:], dtype=np.uint8).reshape(5, 4, 3)
    for png, pixels in zip(frame["image"], expected, strict=False):
        image = Image.open(io.BytesIO(png))
        image.load()
        assert (image.format, image.mode, image.size) == ("PNG", "L", (3, 4))
        assert (np.asarray(image) == pixels).all()


def test_a_label_without_a_name_passes_with_its_problem(folder: Path) -> None:
    frame = idx.read(folder, classes=CLASSES)
    assert frame["label"].dropna().tolist() == ["zero", "one", "two", "one", "two", "zero"]
    assert frame["problem"].dropna().to_dict() == {4: "unknown_label: 9"}


def test_the_same_files_give_the_same_bytes(folder: Path) -> None:
    first, second = (idx.read(folder, classes=CLASSES) for _ in range(2))
    assert first.equals(second)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte.gz", None, r"train-images-idx3-ubyte\[\.gz\]: missing"),
        ("train-images-idx3-ubyte.gz", b"", "empty, 0 bytes"),
        ("train-images-idx3-ubyte.gz", gzip.compress(images(5))[:-20], "truncated or corrupt gzip"),
        ("train-images-idx3-ubyte.gz", b"no gzip at all", "truncated or corrupt gzip"),
        ("train-images-idx3-ubyte.gz", gzip.compress(images(5)[:-1]), "the file is truncated"),
        ("train-images-idx3-ubyte.gz", gzip.compress(images(5) + b"?"), "the file is corrupt"),
        (
            "train-images-idx3-ubyte.gz",
            gzip.compress(labels(0, 1, 2, 1, 9) + bytes(9)),
            "magic number 2049 instead of",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            gzip.compress(labels(0, 1, 2, 1)),
            "5 images but 4 labels in train-labels",
        ),
        ("t10k-labels-idx1-ubyte.gz", gzip.compress(labels(2, 0)), "exists plain and as .gz"),
    ],
    # Of its own a case would be named by its bytes, which hold the time.
    ids=["missing", "empty", "cut", "no gzip", "short", "long", "labels", "few labels", "twice"],
)
def test_damaged_files_are_named(folder: Path, name: str, content: bytes | None, message: str) -> None:
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        idx.read(folder, classes=CLASSES)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such directory"):
        idx.read(tmp_path / "nowhere", classes=CLASSES)


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_fashion_mnist_is_complete() -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "fashion-mnist"
    frame = idx.read(path, classes=[f"class {i}" for i in range(10)])
    assert frame.groupby(["part", "label"]).size().unique().tolist() == [1000, 6000]
    assert frame["part"].value_counts().to_dict() == {"train": 60_000, "test": 10_000}
    raw = np.frombuffer(gzip.decompress((path / "t10k-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
    last = np.asarray(Image.open(io.BytesIO(frame["image"].iloc[-1])))
    assert (last == raw.reshape(-1, 28, 28)[-1]).all()
