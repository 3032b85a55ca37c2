"""CIFAR's batches, binary and pickled; and that a pickle runs nothing."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.data.formats import pickles
from chainrule.data.sources import cifar
from chainrule.system.errors import DataError
from packing import pack

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 3072), np.uint8)
LABELS = [0, 1, 2, 1, 0, 1]
NAMES = ["airplane", "cat", "dog"]
PARTS = {"data_batch_1": slice(0, 2), "data_batch_2": slice(2, 4), "test_batch": slice(4, 6)}


def binary() -> dict[str, bytes]:
    files = {
        f"{name}.bin": b"".join(
            bytes([label]) + row.tobytes() for label, row in zip(LABELS[at], IMAGES[at], strict=True)
        )
        for name, at in PARTS.items()
    }
    return files | {"batches.meta.txt": "\n".join([*NAMES, ""]).encode(), "readme.html": b"<html>"}


def old(value: Any) -> bytes:
    """Return a pickle of protocol 2, of which CIFAR's are."""
    return pickle.dumps(value, protocol=2)


def pickled() -> dict[str, bytes]:
    files = {name: old({b"labels": LABELS[at], b"data": IMAGES[at]}) for name, at in PARTS.items()}
    return files | {"batches.meta": old({b"label_names": [name.encode() for name in NAMES]})}


@pytest.mark.parametrize("files", [binary(), pickled()], ids=["binary", "pickled"])
@pytest.mark.parametrize("packed", [False, True])
def test_batches_are_read_in_order_with_their_names(tmp_path: Path, files: dict[str, bytes], packed: bool) -> None:
    if packed:
        path = pack(tmp_path / "cifar-10.tar.gz", {f"cifar-10-batches/{name}": own for name, own in files.items()})
    else:
        path = tmp_path
        for name, own in files.items():
            (tmp_path / name).write_bytes(own)
    frame = cifar.read(path)
    assert frame["label"].tolist() == ["airplane", "cat", "dog", "cat", "airplane", "cat"]
    assert frame["part"].tolist() == ["train"] * 4 + ["test"] * 2
    assert frame["id"].tolist()[3:5] == ["train/000003", "test/000000"]
    seen = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in frame["image"]])
    assert (seen == IMAGES.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)).all()
    assert frame["origin"][2].endswith("data_batch_2" + (".bin:0" if "batches.meta.txt" in files else ":0"))


@pytest.mark.parametrize("labels", ["fine", "coarse"])
def test_the_hundred_classes_or_their_groups(tmp_path: Path, labels: str) -> None:
    fine, coarse = [2, 0, 1], [1, 0, 0]
    rows = zip(coarse, fine, IMAGES[:3], strict=True)
    content = b"".join(bytes([high, low]) + row.tobytes() for high, low, row in rows)
    written = tmp_path / "b"
    written.mkdir()
    for name in ("train.bin", "test.bin"):
        (written / name).write_bytes(content)
    (written / "fine_label_names.txt").write_text("apple\nbear\ncan\n")
    (written / "coarse_label_names.txt").write_text("fruit\nthings\n")
    for name in ("train", "test"):
        (tmp_path / name).write_bytes(old({b"fine_labels": fine, b"coarse_labels": coarse, b"data": IMAGES[:3]}))
    meta = {b"fine_label_names": [b"apple", b"bear", b"can"], b"coarse_label_names": [b"fruit", b"things"]}
    (tmp_path / "meta").write_bytes(old(meta))
    expected = {"fine": ["can", "apple", "bear"], "coarse": ["things", "fruit", "fruit"]}[labels]
    assert cifar.read(written, labels=labels)["label"].tolist() == expected * 2
    for path in written.iterdir():
        path.unlink()
    assert cifar.read(tmp_path, labels=labels)["label"].tolist() == expected * 2


def test_what_is_missing_or_cut_short_is_named(tmp_path: Path) -> None:
    for name, own in binary().items():
        (tmp_path / name).write_bytes(own)
    (tmp_path / "data_batch_2.bin").write_bytes(binary()["data_batch_2.bin"][:5000])
    with pytest.raises(DataError, match=r"data_batch_2\.bin: 5,000 bytes, no multiple of 3,073"):
        cifar.read(tmp_path)
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(DataError, match="no batch of the part test"):
        cifar.read(tmp_path)


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_runs_nothing_that_it_names(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps({"data": Evil(tmp_path / "ran")}, protocol=protocol)
    with pytest.raises(DataError, match=r"x: a pickle that asks for \w+\.mkdir.*save the arrays as \.npy"):
        pickles.load(data, "x")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("dtype", ["u1", "<i4", ">f8", "?"])
def test_arrays_and_plain_containers_are_read(protocol: int, dtype: str) -> None:
    value = np.asfortranarray(np.arange(12).reshape(3, 4).astype(dtype))
    held = pickles.load(pickle.dumps({"a": value, "b": [1, 2.5, None, ("x", b"y")]}, protocol=protocol), "x")
    read = {key if isinstance(key, str) else key.decode(): own for key, own in held.items()}
    assert (pickles.array(read["a"]) == value).all()
    assert pickles.array(read["a"]).dtype == value.dtype
    assert read["b"][:3] == [1, 2.5, None]


@pytest.mark.parametrize("value", [np.array([{}, []], object), np.array(["a"]), np.zeros(2, "M8[s]")])
def test_arrays_of_anything_but_numbers_are_refused(value: np.ndarray) -> None:
    with pytest.raises(DataError, match="x: a pickle that asks for an array of"):
        pickles.load(pickle.dumps(value, protocol=2), "x")
    gap = b"\x80\x02]r\xff\xff\xff\x7f."  # an empty list, kept at the last place of the memo
    for data in (b"no pickle", gap):
        with pytest.raises(DataError, match="x: no pickle that can be read"):
            pickles.load(data, "x")
