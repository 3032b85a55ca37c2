"""IDX files as examples."""

import gzip
import struct
from collections import Counter
from pathlib import Path

from chainrule.data.sources import idx
from chainrule.inspection.examples import Examples, Images, Options, Place
from chainrule.system.errors import DataError

FASHION = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_FASHION_LABELS = bytes([9, 0, 0, 3, 0, 2, 7, 2, 5, 5])  # how the official training labels begin


def look(place: Place, options: Options) -> Examples | None:
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
