"""Arrays of images as examples: the four IDX files of MNIST and its kin, NumPy's files, CIFAR's batches."""

import gzip
import re
import struct
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import plant
from chainrule.data.sources import arrays, cifar, idx
from chainrule.inspection import pictures
from chainrule.inspection.examples import Examples, Images, Options, Place
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 200
_BATCHES = re.compile(r"data_batch_1(\.bin)?|test_batch(\.bin)?")
FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_FASHION_LABELS = bytes([9, 0, 0, 3, 0, 2, 7, 2, 5, 5])  # how the official training labels begin


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of arrays of images; None where there are none."""
    return _idx(place, options) or _numpy(place, options) or _cifar(place, options)


def _numpy(place: Place, options: Options) -> Examples | None:
    if not place.files or any(file.suffix not in (".npz", ".npy") for file in place.files):
        return None
    path = place.files[0] if len(place.files) == 1 else place.path
    return _of_rows({"kind": "arrays", "path": str(path)}, arrays.read(path), "NumPy arrays", options)


def _cifar(place: Place, options: Options) -> Examples | None:
    """Return the examples of CIFAR's batches, in a folder or in the archive as published."""
    if place.path.is_file() and not place.path.name.lower().startswith("cifar"):
        return None
    if place.path.is_dir() and not any(_BATCHES.fullmatch(file.name) for file in place.files):
        return None
    tree = plant(place.path, "source", "the folder of the batches")
    there = [file.name.name for file in tree.below(TOP)[0]]
    if not any(map(_BATCHES.fullmatch, there)) and not {"train", "test", "meta"} <= {*there}:
        return None
    return _of_rows({"kind": "cifar", "path": str(place.path)}, cifar.read(place.path), "CIFAR's batches", options)


def _of_rows(source: dict[str, Any], rows: "pd.DataFrame", said: str, options: Options) -> Examples:
    """Return the examples of a source that was read as a whole."""
    parts = {str(part): int(count) for part, count in rows["part"].value_counts(sort=False).items()}
    labels = {
        str(part): Counter(own.dropna()) for part, own in rows.groupby(rows["part"].fillna(""), sort=False)["label"]
    }
    images = pictures.alike(rows["image"].iloc[:: max(1, len(rows) // LOOKED_AT)])
    return Examples(
        task=options.task or "image_classification",
        modality="image",
        target="label",
        source=source,
        incoming={"kind": "image_folder"},
        rows=len(rows),
        parts=parts,
        labels=labels,
        images=images,
        split={"test": 0} if "test" in parts else {},
        found=(f"{said} of {len(rows):,} images",),
    )


def _idx(place: Place, options: Options) -> Examples | None:
    """Return the examples of the four official files; None where they are not there."""
    names = {file.name.removesuffix(".gz") for file in place.files}
    if not {name for each in idx.FILES for name in each[1:]} <= names:
        return None
    labels: dict[str, Counter[str]] = {}
    first = b""
    for part, _, name in idx.FILES:
        content = _content(place.path, name)[8:]
        labels[part] = Counter(str(value) for value in content)
        first = first or content[: len(_FASHION_LABELS)]
    count = max(int(label) for each in labels.values() for label in each) + 1
    classes = list(FASHION) if first == _FASHION_LABELS and count == len(FASHION) else list(map(str, range(count)))
    height, width = struct.unpack(">II", _begin(place.path, idx.FILES[0][1])[8:16])
    named = {part: Counter({classes[int(label)]: n for label, n in each.items()}) for part, each in labels.items()}
    parts = {part: sum(each.values()) for part, each in labels.items()}
    return Examples(
        task=options.task or "image_classification",
        modality="image",
        target="label",
        source={"kind": "idx", "path": str(place.path), "classes": classes},
        incoming={"kind": "image_folder"},
        rows=sum(parts.values()),
        parts=parts,
        labels=named,
        images=Images(((width, height),), True),
        split={"test": 0},
        found=(f"IDX files of {sum(parts.values()):,} images, {width}×{height}, grey",),
    )


def _file(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.is_file() else plain.with_name(f"{name}.gz")


def _content(folder: Path, name: str) -> bytes:
    file = _file(folder, name)
    try:
        return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({error}); fetch the file again") from error


def _begin(folder: Path, name: str) -> bytes:
    file = _file(folder, name)
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            return stream.read(16).ljust(16, b"\0")
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read ({error}); fetch the file again") from error
