"""NumPy arrays of images and labels, however they are named, shaped and counted."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.data.sources import arrays
from chainrule.system.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5, 7), np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 7, 3), np.uint8)


def pixels(frame) -> np.ndarray:
    return np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in frame["image"]])


def test_keras_arrays_are_known_by_their_names(tmp_path: Path) -> None:
    labels = np.array([0, 1, 2, 0, 1, 2], np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=GREY[:4], y_train=labels[:4], x_test=GREY[4:], y_test=labels[4:])
    frame = arrays.read(tmp_path / "mnist.npz")
    assert (pixels(frame) == GREY).all()
    assert frame["label"].tolist() == ["0", "1", "2", "0", "1", "2"]
    assert frame["part"].tolist() == ["train"] * 4 + ["test"] * 2
    assert frame["id"].tolist()[3:5] == ["train/000003", "test/000000"]
    assert frame.attrs["parts"] == {"x_train and y_train as train": 4, "x_test and y_test as test": 2}
    named = arrays.read(tmp_path / "mnist.npz", classes=["zero", "one"])
    assert named["label"].fillna("").tolist() == ["zero", "one", "", "zero", "one", ""]
    assert named["problem"].dropna().tolist() == ["unknown_label: 2"] * 2


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "val_images", "val_labels"),
        ("trainImages", "trainTargets", "validImages", "validTargets"),
        ("xtrain", "ytrain", "xval", "yval"),
        ("X_train", "Y_train", "X_dev", "Y_dev"),
    ],
)
def test_other_names_of_parts_are_known(tmp_path: Path, names: tuple[str, ...]) -> None:
    held = dict(zip(names, (GREY[:3], np.arange(3), GREY[3:], np.arange(3)), strict=True))
    np.savez_compressed(tmp_path / "set.npz", **held)
    assert arrays.read(tmp_path)["part"].tolist() == ["train"] * 3 + ["validation"] * 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (GREY[..., None], GREY),
        (GREY[:, None], GREY),
        (GREY.astype(np.int64), GREY),
        (GREY / 255, GREY),
        (GREY.astype(np.float32), GREY),
        (GREY > 127, (GREY > 127) * 255),
        (GREY[:, :4, :4].reshape(6, 16), GREY[:, :4, :4]),
        (COLOUR, COLOUR),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR),
        ((COLOUR / 255).astype(np.float32), COLOUR),
    ],
)
def test_shapes_and_numbers_become_the_same_pixels(tmp_path: Path, given: np.ndarray, expected: np.ndarray) -> None:
    np.save(tmp_path / "X.npy", given)
    np.save(tmp_path / "Y.npy", np.eye(6)[::-1])
    frame = arrays.read(tmp_path)
    assert (pixels(frame) == expected).all()
    assert frame["label"].tolist() == ["5", "4", "3", "2", "1", "0"]
    assert frame["part"].isna().all()


def test_labels_may_be_texts_and_two_arrays_need_no_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", np.array(["cat", "dog", "cat", "hen", "dog", "hen"]), GREY)
    assert arrays.read(tmp_path / "a.npz")["label"].tolist() == ["cat", "dog", "cat", "hen", "dog", "hen"]


def test_an_image_with_nan_is_a_row_with_its_reason(tmp_path: Path) -> None:
    images = GREY / 255
    images[2, 0, 0] = np.nan
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(6))
    assert arrays.read(tmp_path / "a.npz")["problem"].dropna().to_dict() == {2: "not_finite"}


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"x": GREY.astype(float) - 300, "y": np.arange(6)}, "x: numbers from -.*scale them"),
        ({"x": GREY, "y": np.arange(5)}, "6 images in x and 5 labels in y"),
        ({"x": GREY, "y": np.arange(6) + 0.5}, "y: of shape .* whole numbers"),
        ({"x": GREY, "y": np.ones((6, 3))}, "y: row 0 marks no class, or several"),
        ({"x": RNG.random((6, 5, 7, 2)), "y": np.arange(6)}, r"x: of shape \[6, 5, 7, 2\]"),
        ({"a": GREY, "b": GREY, "c": GREY}, r"which of its arrays are images.*a \[6, 5, 7\].*source\.arrays"),
        ({"x": GREY, "y": np.array([{}] * 6, object)}, "holds Python objects"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, held: dict[str, np.ndarray], said: str) -> None:
    np.savez(tmp_path / "a.npz", **held)
    with pytest.raises(DataError, match=said):
        arrays.read(tmp_path / "a.npz")


def test_a_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=GREY, y=np.arange(6))
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:300])
    with pytest.raises(DataError, match=r"a\.npz: cannot be read"):
        arrays.read(tmp_path / "a.npz")
    np.save(tmp_path / "x.npy", GREY)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:150])
    (tmp_path / "a.npz").unlink()
    with pytest.raises(DataError, match=r"x\.npy: cannot be read"):
        arrays.read(tmp_path)
