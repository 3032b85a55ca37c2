"""NumPy arrays of images and their labels: a .npz file, or .npy files in a folder."""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.formats import png
from chainrule.data.formats.folders import part_of
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GIVES = ("image", "label")

_IMAGES = {"x", "image", "images", "img", "imgs", "pixels", "pictures", "data", "inputs", "features"}
_LABELS = {"y", "label", "labels", "target", "targets", "class", "classes", "ids"}
_MOST_BYTES = 64 << 30
_ORDER = ("all", "train", "validation", "test")
_BROKEN = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, zlib.error, zipfile.BadZipFile, struct.error),
    *(NotImplementedError, RuntimeError, OverflowError, MemoryError),
)


def read(
    path: Path, *, arrays: Mapping[str, Sequence[str]] | None = None, classes: Sequence[str] | None = None
) -> "pd.DataFrame":
    """Raw rows of the arrays in the .npz file `path`, or in the .npy files of the folder `path`, part by part.

    `arrays` maps "train", "validation", "test" or "all" (not split yet: `part` is None) to the names of the arrays of
    images and of labels; None: the names say it (x_train and y_train, train_images and train_labels, X and Y, …), and
    attrs["parts"] counts images by it. Images are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels, or
    [N, H * H]; numbers are 0 to 255, or fractions from 0 to 1. Labels are numbers [N] or [N, 1], a 1 for the class
    [N, K], or texts [N]; `classes` names the numbers 0, 1, … (None: a number is its own name).

    `image` holds PNG bytes, `id` is "<part>/000000", every image is its own group. `problem` is "unknown_label" for a
    number without a name, and "not_finite" for an image with NaN. Nothing pickled is loaded. Raises DataError for
    arrays that are missing, of other shapes or numbers, or of different lengths.
    """
    import pandas as pd

    path = Path(path)
    held = _load(path)
    pairs = dict(arrays) if arrays is not None else _pairs(held, path)
    frames = []
    parts: dict[str, int] = {}
    for part in sorted(pairs, key=_ORDER.index):
        name, label_name = pairs[part]
        for each in (name, label_name):
            if each not in held:
                raise DataError(f"{path}: has no array {each!r}; there are {', '.join(held)}; correct source.arrays")
        images, broken = _pixels(held[name], f"{path}: {name}")
        labels, problems = _labels(held[label_name], classes, f"{path}: {label_name}")
        if len(images) != len(labels) or not len(images):
            raise DataError(
                f"{path}: {len(images):,} images in {name} and {len(labels):,} labels in {label_name}; the two must "
                "belong together"
            )
        ids = [f"{part}/{number:06d}" for number in range(len(images))]
        frames.append(
            pd.DataFrame(
                {
                    "id": pd.Series(ids, dtype="str"),
                    "group": pd.Series(ids, dtype="str"),
                    "image": pd.Series(png.encode(images), dtype=object),
                    "label": pd.Series(labels, dtype="str"),
                    "part": pd.Series([None if part == "all" else part] * len(ids), dtype="str"),
                    "origin": pd.Series([f"{name}:{number}" for number in range(len(ids))], dtype="str"),
                    "problem": pd.Series(
                        ["not_finite" if bad else fault for bad, fault in zip(broken, problems, strict=True)],
                        dtype="str",
                    ),
                }
            )
        )
        if arrays is None:
            parts[f"{name} and {label_name} as {part}"] = len(ids)
    frame = pd.concat(frames, ignore_index=True)
    frame.attrs = {"parts": parts} if parts else {}
    return frame


# ---- files


def _load(path: Path) -> "dict[str, np.ndarray]":
    """Return the arrays by name; DataError where one is of Python's objects, which only running code could load."""
    import numpy as np

    if path.is_dir():
        files = {file.name[:-4]: file for file in sorted(path.iterdir()) if file.name.lower().endswith(".npy")}
        archives = [file for file in sorted(path.iterdir()) if file.name.lower().endswith(".npz")]
        if not files and len(archives) == 1:
            return _load(archives[0])
        if not files:
            raise DataError(f"{path}: holds no .npy files, nor one .npz file; source.path must name such a folder")
        return {name: _loaded(file, partial(np.load, file, allow_pickle=False)) for name, file in files.items()}
    if not path.is_file():
        raise DataError(f"{path}: no such file or directory; source.path must name a .npz file, or a folder of .npy")
    if path.suffix.lower() != ".npz":
        raise DataError(f"{path}: source.path must name a .npz file, or the folder of .npy files")

    def unpacked() -> "dict[str, np.ndarray]":
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > _MOST_BYTES:
            raise DataError(f"{path}: {size:,} bytes when unpacked; cut it into smaller files")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    found: dict[str, np.ndarray] = _loaded(path, unpacked)
    return found


def _loaded(path: Path, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except _BROKEN as error:
        said = " ".join(str(error).split()) or type(error).__name__
        if "allow_pickle" in said:
            raise DataError(
                f"{path}: holds Python objects, which only running code could load; save numbers or texts instead"
            ) from None
        raise DataError(f"{path}: cannot be read ({said}); fetch it again") from None


def _pairs(held: "Mapping[str, np.ndarray]", path: Path) -> dict[str, tuple[str, str]]:
    """Return the arrays of images and of labels by part, as their names say; of two arrays their shapes do."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in held:
        words = [word for word in re.split(r"[\W_\d]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()) if word]
        if len(words) == 1 and words[0][:1] in "xy" and part_of(words[0][1:]):  # xtrain
            words = [words[0][0], words[0][1:]]
        role = next((role for role, said in (("labels", _LABELS), ("images", _IMAGES)) if said & set(words)), None)
        rest = [word for word in words if word not in _IMAGES | _LABELS]
        part = part_of(" ".join(rest)) if rest else "all"
        if role and part:
            found.setdefault(part, {}).setdefault(role, []).append(name)
    if not found and len(held) == 2:
        by_size = sorted(held, key=lambda name: held[name].ndim)
        found = {"all": {"labels": by_size[:1], "images": by_size[1:]}}
    whole = all(len(own.get(role, [])) == 1 for own in found.values() for role in ("images", "labels"))
    if not found or not whole or ("all" in found and len(found) > 1):
        listed = ", ".join(f"{name} {list(own.shape)}" for name, own in held.items())
        raise DataError(
            f"{path}: which of its arrays are images, and which are their labels ({listed})? Say it in source.arrays, "
            "such as train: [x_train, y_train]"
        )
    return {part: (own["images"][0], own["labels"][0]) for part, own in found.items()}


# ---- values


def _pixels(array: "np.ndarray", where: str) -> "tuple[np.ndarray, np.ndarray]":
    """Return images as uint8 [N, H, W] or [N, H, W, C], and which of them have numbers that are none, bool [N]."""
    import numpy as np

    images = _shaped(array, where)
    broken = np.zeros(len(images), bool)
    if images.dtype.kind == "f":
        broken = ~np.isfinite(images).all(axis=tuple(range(1, images.ndim)))
        images = np.where(broken.reshape(-1, *[1] * (images.ndim - 1)), 0, images)
    if images.dtype.kind not in "biuf":
        raise DataError(f"{where}: of type {images.dtype}, numbers are needed")
    if not images.size:
        return images.astype(np.uint8), broken
    low, high = images.min(), images.max()
    if low < 0 or high > 255:
        raise DataError(
            f"{where}: numbers from {low:g} to {high:g}, but pixels are 0 to 255, or fractions from 0 to 1; scale them"
        )
    if images.dtype == bool or (images.dtype.kind == "f" and high <= 1):
        images = np.rint(images * np.float32(255))
    return np.rint(images).astype(np.uint8) if images.dtype.kind == "f" else images.astype(np.uint8), broken


def _shaped(array: "np.ndarray", where: str) -> "np.ndarray":
    side = round(array.shape[1] ** 0.5) if array.ndim == 2 else 0
    if array.ndim == 2 and side * side == array.shape[1]:
        return array.reshape(-1, side, side)
    if array.ndim == 3:
        return array
    if array.ndim == 4 and array.shape[3] in (1, 3, 4):
        return array if array.shape[3] > 1 else array[..., 0]
    if array.ndim == 4 and array.shape[1] in (1, 3, 4):
        return array.transpose(0, 2, 3, 1) if array.shape[1] > 1 else array[:, 0]
    raise DataError(
        f"{where}: of shape {list(array.shape)}; images are [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 "
        "channels, or [N, H * H]"
    )


def _labels(
    array: "np.ndarray", classes: Sequence[str] | None, where: str
) -> tuple[list[str | None], list[str | None]]:
    """Return the label of each image, or None with the problem."""
    import numpy as np

    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim == 1 and array.dtype.kind in "US":
        texts = [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in array]
        return list(texts), [None] * len(texts)
    if array.ndim == 2 and array.dtype.kind in "biuf" and ((array == 0) | (array == 1)).all():
        one = array.sum(axis=1) == 1
        if not one.all():
            raise DataError(f"{where}: row {int(np.flatnonzero(~one)[0])} marks no class, or several; one is needed")
        array = array.argmax(axis=1)
    if array.ndim != 1 or array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and (array % 1 != 0).any()):
        raise DataError(
            f"{where}: of shape {list(array.shape)} and type {array.dtype}; labels are whole numbers [N], texts [N], "
            "or a 1 for the class [N, K]"
        )
    numbers = [int(each) for each in array]
    if classes is None:
        return [str(each) for each in numbers], [None] * len(numbers)
    known = [0 <= each < len(classes) for each in numbers]
    labels = [classes[each] if ok else None for each, ok in zip(numbers, known, strict=True)]
    return labels, [None if ok else f"unknown_label: {each}" for each, ok in zip(numbers, known, strict=True)]
