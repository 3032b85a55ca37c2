"""CIFAR-10 and CIFAR-100 as published, in pickled or in binary batches (https://www.cs.toronto.edu/~kriz/cifar.html)."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chainrule.data.formats import pickles, png
from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import File, plant
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

GIVES = ("image", "label")
Detail = Literal["fine", "coarse"]

_BATCH = re.compile(r"(data_batch_(?P<number>\d+)|(?P<part>test_batch|train|test))(?P<binary>\.bin)?")
_META = {"batches.meta", "meta", "batches.meta.txt", "fine_label_names.txt", "coarse_label_names.txt"}
_SIDE, _PIXELS = 32, 3 * 32 * 32


class _Batch(NamedTuple):
    """A file of images: which one, of which part, in binary or as a pickle."""

    file: File
    part: str
    number: int
    binary: bool


def read(path: Path, *, labels: Detail = "fine") -> "pd.DataFrame":
    """Raw rows of the batches in `path`, a folder or the archive as published: training part first, in file order.

    `image` holds PNG bytes (RGB, 32 by 32), `label` the name that the file of names has for the number; of CIFAR-100
    that of the class (fine) or of its group of classes (coarse), as `labels` says. `id` is "train/000000", and every
    image is its own group. A number beyond the names is the `problem` "unknown_label". A pickle is read without running
    what it names (`pickles.load`). Raises DataError for files that are missing, cut short or do not fit.
    """
    import numpy as np
    import pandas as pd

    tree = plant(Path(path), "source", "the folder of the batches, or the archive of it")
    there = tree.below(TOP)[0]
    batches = _batches(there)
    for part in ("train", "test"):
        if not any(batch.part == part for batch in batches):
            raise DataError(
                f"{path}: no batch of the part {part} (data_batch_1 and test_batch, or train and test, with .bin or "
                "without); put the files as they were published there"
            )
    wanted = [batch.file for batch in batches] + [file for file in there if file.name.name in _META]
    content = {file: own for file, own in tree.contents(wanted) if isinstance(own, bytes)}
    names = np.array([*_names(content, labels, path), None], dtype=object)
    frames = []
    for part in ("train", "test"):
        own = [batch for batch in batches if batch.part == part]
        found = [_arrays(content.get(batch.file, b""), batch, labels) for batch in own]
        images, numbers = (np.concatenate(each) for each in zip(*found, strict=True))
        ids = [f"{part}/{i:06d}" for i in range(len(images))]
        origins = [
            f"{batch.file.origin}:{i}" for batch, (_, each) in zip(own, found, strict=True) for i in range(len(each))
        ]
        known = numbers < len(names) - 1
        frames.append(
            pd.DataFrame(
                {
                    "id": pd.Series(ids, dtype="str"),
                    "group": pd.Series(ids, dtype="str"),
                    "image": pd.Series(png.encode(images), dtype=object),
                    "label": pd.Series(names[np.minimum(numbers, len(names) - 1)], dtype="str"),
                    "part": pd.Series([part] * len(ids), dtype="str"),
                    "origin": pd.Series(origins, dtype="str"),
                    "problem": pd.Series(
                        [None if ok else f"unknown_label: {each}" for ok, each in zip(known, numbers, strict=True)],
                        dtype="str",
                    ),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _batches(files: list[File]) -> list[_Batch]:
    """Return the batches among files, in their order; where they are there twice, the binary ones."""
    found = []
    for file in files:
        match = _BATCH.fullmatch(file.name.name)
        if match and file.problem is None:
            part = "test" if "test" in match[0] else "train"
            found.append(_Batch(file, part, int(match["number"] or 0), match["binary"] is not None))
    binary = any(batch.binary for batch in found)
    return sorted((batch for batch in found if batch.binary == binary), key=lambda batch: batch.number)


def _names(content: dict[File, bytes], labels: str, path: Path) -> list[str]:
    """Return the names of the labels, from 0 on."""
    by_name = {file.name.name: (file, own) for file, own in content.items()}
    for name in ("batches.meta.txt", f"{labels}_label_names.txt"):
        if name in by_name:
            return by_name[name][1].decode("utf-8", "replace").split()
    for name in ("batches.meta", "meta"):
        if name in by_name:
            file, own = by_name[name]
            held = pickles.load(own, file.origin)
            found = next((held[key] for key in (b"label_names", f"{labels}_label_names".encode()) if key in held), None)
            if found is not None:
                return [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in found]
    raise DataError(
        f"{path}: the file of the label names is missing (batches.meta, batches.meta.txt, meta, or "
        f"{labels}_label_names.txt); put the files as they were published there"
    )


def _arrays(data: bytes, batch: _Batch, labels: str) -> "tuple[np.ndarray, np.ndarray]":
    """Return the images of a batch, uint8 [N, 32, 32, 3], and their labels, int64 [N]."""
    pixels, numbers = (_binary if batch.binary else _pickled)(data, batch, labels)
    images = pixels.reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)
    return images, numbers


def _binary(data: bytes, batch: _Batch, labels: str) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    in_front = 1 if batch.file.name.name.endswith("_batch.bin") or batch.number else 2  # CIFAR-100: coarse, fine
    width = in_front + _PIXELS
    if not data or len(data) % width:
        raise DataError(
            f"{batch.file.origin}: {len(data):,} bytes, no multiple of {width:,}; cut short, fetch it again"
        )
    rows = np.frombuffer(data, np.uint8).reshape(-1, width)
    return rows[:, in_front:], rows[:, 0 if labels == "coarse" else in_front - 1].astype(np.int64)


def _pickled(data: bytes, batch: _Batch, labels: str) -> "tuple[np.ndarray, np.ndarray]":
    import numpy as np

    held: Any = pickles.load(data, batch.file.origin)
    keys = (b"labels", f"{labels}_labels".encode())
    held = held if isinstance(held, dict) else {}
    numbers: Any = next((held[key] for key in keys if key in held), None)
    pixels = pickles.array(held.get(b"data"))
    whole = isinstance(pixels, np.ndarray) and isinstance(numbers, list) and pixels.dtype == np.uint8
    if not whole or pixels.shape != (len(numbers), _PIXELS):
        raise DataError(f"{batch.file.origin}: not {_PIXELS:,} bytes and one label for each image; fetch it again")
    return pixels, np.array([int(each) for each in numbers], np.int64)
