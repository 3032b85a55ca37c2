"""Images as examples: folders of classes; how large images are, whether they have colours, and which repeat."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import image as folders
from chainrule.inspection.examples import Examples, Images, Options, Place
from chainrule.inspection.numbered import pattern
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

LOOKED_AT = 200
"""So many images are opened, from all over the files."""
EXTREMES = 10
GREYISH = 8
NO_CLASSES = {"image", "img", "jpegimage", "picture", "photo", "label", "mask", "annotation", "imageset", "gt"}
"""How folders are called that hold images and what goes with them, rather than classes."""


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of a folder of class folders of images; None where it is none."""
    if not place.folders:
        return None
    path = place.path
    if not any(file.suffix.lower() in folders.ENDINGS for file in _first_files(path)):
        return None
    classes, left_out = folders.layout(path)
    labels: dict[str, Counter[str]] = {}
    files: list[tuple[str, Path]] = []
    hidden = left_out["hidden_files"]
    strange = 0
    for each in classes:
        there, unseen = _files(each.place)
        hidden += unseen
        images = [file for file in there if file.suffix.lower() in folders.ENDINGS]
        strange += len(there) - len(images)
        labels.setdefault(each.part or "", Counter())[each.label] += len(images)
        files += [(each.label, file) for file in images]
    with_images = {label for label, _ in files}
    if not with_images:
        return None
    if len(with_images) < 2 or {name.lower().rstrip("s") for name in with_images} <= NO_CLASSES:
        names = ", ".join(sorted({each.label for each in classes})[:6])
        raise DataError(f"{path}: {names}: these folders are no classes, and what else images go with has no task yet")
    parts = {part: sum(each.values()) for part, each in labels.items() if part}
    found = [f"{len(files):,} images in folders of {len(with_images)} classes"]
    doubts = []
    if hidden + left_out["loose_files"] + strange:
        found.append(
            f"left out: {hidden:,} hidden files, {left_out['loose_files']:,} beside the folders, {strange:,} "
            "that are no images"
        )
    said = pattern([(label, file.name) for label, file in files])
    if said is not None:
        found.append(f"groups: {said.said}; {said.groups:,} that a split keeps whole ({said.expression})")
    elif not parts:
        doubts.append("no groups in the file names: if several images show one person or thing, a split may part them")
    group = {"group_pattern": said.expression} if said else {}
    doubts += repeated([file for _, file in files])
    return Examples(
        task=options.task or "image_classification",
        modality="image",
        target="label",
        source={"kind": "image_folder", "path": str(path), **group},
        incoming={"kind": "image_folder", **group},
        rows=len(files),
        parts=parts,
        labels=labels,
        images=sample([file for _, file in files]),
        split={"test": 0} if "test" in parts else {},
        found=tuple(found),
        doubts=tuple(doubts),
    )


def _first_files(path: Path) -> list[Path]:
    """Return the files of the first folders in a folder, or of the first in these."""
    here = [path]
    for _ in range(3):
        below = [folder / name for folder in here for name in folders.look(folder).folders[:3]]
        found = [folder / name for folder in below for name in folders.look(folder).files[:50]]
        if any(file.suffix.lower() in folders.ENDINGS for file in found):
            return found
        here = below[:9]
    return []


def _files(folder: Path) -> tuple[list[Path], int]:
    """Return the files below a folder and how many names are hidden."""
    files: list[Path] = []
    hidden = 0
    for here, below, names in os.walk(folder):
        hidden += sum(map(folders.hidden, (*below, *names)))
        below[:] = sorted(name for name in below if not folders.hidden(name))
        files += [Path(here, name) for name in sorted(names) if not folders.hidden(name)]
    return files, hidden


def sample(files: Sequence[Path]) -> Images | None:
    """Return what images are like, by some from all over them; None where none can be opened."""
    from PIL import Image

    sides, grey = [], True
    step = max(1, len(files) // LOOKED_AT)
    by_size = sorted(files, key=lambda file: file.stat().st_size)
    for file in [*files[::step], *by_size[:EXTREMES], *by_size[-EXTREMES:]]:  # an image of another size is among these
        try:
            with Image.open(file) as image:
                sides.append(image.size)
                grey = grey and (image.mode in ("L", "1", "LA", "I;16", "I") or _colourless(image))
        except OSError:
            continue
    return Images(tuple(sides), grey) if sides else None


def _colourless(image: "Image.Image") -> bool:
    """Whether the channels of an image are the same, but for what JPEG makes of grey."""
    import numpy as np

    pixels = np.asarray(image.convert("RGB").resize((32, 32)), dtype=np.int16)
    return int(np.ptp(pixels, axis=-1).max()) <= GREYISH


def repeated(files: Sequence[Path]) -> list[str]:
    """Return a doubt about files of the same size and content, where there are some."""
    import hashlib

    by_size: dict[int, list[Path]] = {}
    for file in files:
        by_size.setdefault(file.stat().st_size, []).append(file)
    seen: Counter[bytes] = Counter()
    budget = 64 << 20
    for size, alike in by_size.items():
        if len(alike) < 2 or budget < size * len(alike):
            continue
        budget -= size * len(alike)
        seen.update(hashlib.blake2b(file.read_bytes(), digest_size=16).digest() for file in alike)
    again = sum(count - 1 for count in seen.values())
    return [f"at least {again:,} files repeat another, byte for byte; copies are kept in one split"] if again else []
