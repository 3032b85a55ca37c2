"""Class folders as examples: a file for each image or text, in folders on the disk or in archives."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from chainrule.data.formats import archives, folders, trees
from chainrule.data.formats import text as encodings
from chainrule.data.formats.folders import IMAGES, SOUNDS, TEXTS, TOP, Kind
from chainrule.data.formats.trees import Directory, File, Packed, Tree
from chainrule.inspection import pictures, sounds
from chainrule.inspection.cells import KINDS as TABLES
from chainrule.inspection.doubts import of_repeats
from chainrule.inspection.examples import Examples, Images, Options, Place
from chainrule.inspection.numbered import CAMERA, pattern
from chainrule.system.errors import DataError
from chainrule.system.words import count

LOOKED_AT = 200
"""So many files are opened, from all over them."""
EXTREMES = 10
"""And so many of the smallest and of the largest: an image of another size is among these."""
COMPARED = 64 << 20
"""Bytes of files of one size that are compared."""
PLAIN = {".txt", ".text", ".md", ".html", ".htm", ""}
"""Endings of texts; files of other endings are texts of no one's opinion."""
NO_CLASSES = {
    "image",
    "img",
    "jpegimage",
    "picture",
    "photo",
    "label",
    "mask",
    "annotation",
    "imageset",
    "gt",
    "audio",
    "wav",
    "sound",
    "clip",
    "recording",
}
"""How folders are called that hold images or sounds and what goes with them, rather than classes."""


NUMBERED = re.compile(r"^(.*?)[\W_]*\d+\.[^.]+$")
"""The name of a file that is a class and a number."""
MOST_CLASSES, FEWEST_EACH = 200, 3
"""Of what names begin with: more, or what comes more seldom, are no classes."""


class Own(NamedTuple):
    """A file and its class; both None where it has no label."""

    label: str | None
    part: str | None
    file: File


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of class folders of images, sounds or texts, or an archive of them; None where it is none."""
    packed = [file for file in place.files if archives.stem(file.name)]
    if not place.folders and not packed:
        return None
    tree = trees.plant(place.path, "source", "the folder of the class folders")
    kind = _kind(tree)
    if kind is None:
        return None
    tabular = any(file.suffix.lower() in TABLES for file in place.files)
    if kind is IMAGES and not tabular and (by_name := _named(place, tree)) is not None:
        return by_name
    try:
        classes, left_out = folders.layout(tree, kind)
    except DataError:
        if tabular:
            return None  # a table may name these files
        raise
    own: list[Own] = []
    hidden = left_out["hidden_files"]
    strange: Counter[str] = Counter()
    for folder in classes:
        files, unseen = tree.below(folder.place)
        hidden += unseen
        fitting = [file for file in files if kind.fits(file.name.name)]
        strange.update(file.name.suffix.lower() or "no ending" for file in files if not kind.fits(file.name.name))
        own += [Own(folder.label, folder.part, file) for file in fitting]
    labelled = [each for each in own if each.label is not None]
    with_files = {each.label for each in labelled}
    if len(with_files) < 2 and tabular:
        return None
    _refuse_no_classes(place.path, [folder.label or "" for folder in classes], with_files)
    labels: dict[str, Counter[str]] = {}
    for each in labelled:
        labels.setdefault(each.part or "", Counter())[str(each.label)] += 1
    parts = {part: sum(each.values()) for part, each in labels.items() if part}
    names = {label for each in labels.values() for label in each}
    called = "sound" if kind is SOUNDS else kind.called
    found = [f"{count(len(labelled), called)} in {'an archive' if packed else 'folders'} of {len(names)} classes"]
    if len(own) > len(labelled):
        found.append(f"{len(own) - len(labelled):,} more without a label, for pretraining")
    found += _left_out(hidden, left_out["loose_files"], strange)
    group, told, doubts = _groups(labelled, kind, bool(parts))
    groups = Counter(_found(group["group_pattern"], each.file) for each in labelled) if group else Counter()
    texts, images, seen = _contents(tree, labelled, kind)
    return Examples(
        task=options.task or f"{kind.called}_classification",
        modality=kind.called,
        target="label",
        source={"kind": f"{kind.called}_folder", "path": str(place.path), **group},
        incoming={"kind": f"{kind.called}_folder", **group},
        rows=len(labelled),
        parts=parts,
        labels=labels,
        texts=texts,
        images=images,
        sounds=sounds.sample(tree, [each.file for each in labelled]) if kind is SOUNDS else None,
        groups=groups,
        split={"test": 0} if "test" in parts else {},
        found=(*found, *told),
        doubts=(*doubts, *seen),
    )


def _left_out(hidden: int, loose: int, strange: "Counter[str]") -> list[str]:
    """Return the line that says which files are no examples."""
    said = [f"{hidden:,} hidden"] if hidden else []
    said += [f"{loose:,} beside the folders"] if loose else []
    if strange:
        said.append(f"{strange.total():,} of another kind ({', '.join(sorted(strange))})")
    phone = "; HEIC is no format that is read, save such photographs as JPEG" if {".heic", ".heif"} & {*strange} else ""
    return [f"left out: {', '.join(said)}{phone}"] if said else []


def _named(place: Place, tree: Tree) -> Examples | None:
    """Return images that lie in one folder, or in the training part's, and whose names begin with a class."""
    there = tree.look(TOP)
    folder = next((PurePosixPath(name) for name in there.folders if folders.part_of(name) == "train"), TOP)
    if folder == TOP and there.folders:
        return None
    files = [file for file in tree.below(folder)[0] if IMAGES.fits(file.name.name)]
    found = [NUMBERED.search(file.name.name) for file in files]
    counts = Counter(match[1] for match in found if match)
    letters = all(re.search(r"[^\W\d_]", label) and label.lower() not in CAMERA for label in counts)
    if not letters or not 2 <= len(counts) <= MOST_CLASSES or min(counts.values()) < FEWEST_EACH:
        return None
    if any(file.name.parent != folder for file in files) or counts.total() < 0.98 * len(files):
        return None
    labelled = [Own(match[1], None, file) for match, file in zip(found, files, strict=True) if match]
    _, images, seen = _contents(tree, labelled, IMAGES)
    beside = [name for name in there.folders if PurePosixPath(name) != folder]
    options = {"label_pattern": NUMBERED.pattern}
    doubt = "no groups in the file names: if several images show one person or thing, a split may part them"
    return Examples(
        task="image_classification",
        modality="image",
        target="label",
        source={"kind": "image_folder", "path": str(place.path / folder), **options},
        incoming={"kind": "image_folder", **options},
        rows=len(labelled),
        labels={"": counts},
        images=images,
        found=(
            f"{len(labelled):,} images in one folder, whose names begin with one of {len(counts)} classes",
            *([f"left out: {', '.join(beside)}, in which names say no class"] if beside else []),
        ),
        doubts=(doubt, *seen),
    )


def _kind(tree: Tree) -> Kind | None:
    """Return what most of the first files in folders are; None where they are no images, sounds or texts."""
    names: list[PurePosixPath] = []
    here = [TOP]
    for _ in range(4):
        here = [folder / name for folder in here for name in tree.look(folder).folders[:3]][:9]
        names += [folder / name for folder in here for name in tree.look(folder).files[:50]]
    if names and sum(SOUNDS.fits(name.name) for name in names) * 2 >= len(names):
        return SOUNDS
    images = sum(IMAGES.fits(name.name) for name in names)
    texts = sum(TEXTS.fits(name.name) and name.suffix.lower() in PLAIN for name in names)
    if not names or max(images, texts) * 2 < len(names):
        return IMAGES if images else None
    return IMAGES if images >= texts else TEXTS


def _refuse_no_classes(path: Path, classes: Sequence[str], with_files: set[str | None]) -> None:
    """Raise DataError for folders that are no classes: one alone, or images here and masks there."""
    named = {str(name).lower().rstrip("s") for name in with_files}
    if len(with_files) == 1 and not named <= NO_CLASSES:
        raise DataError(f"{path}: {next(iter(with_files))} is the only folder with files; a second class is needed")
    if len(with_files) < 2 or named <= NO_CLASSES:
        shown = ", ".join(sorted({*classes})[:6])
        raise DataError(f"{path}: {shown}: these folders are no classes, and there is no task for what they hold")


def _groups(labelled: Sequence[Own], kind: Kind, official: bool) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the option for groups, what is said of them, and what is doubtful."""
    said = pattern([(str(each.label), each.file.name.name) for each in labelled])
    if said is not None:
        told = f"groups: {said.said}; {said.groups:,} that a split keeps whole ({said.expression})"
        return {"group_pattern": said.expression}, [told], []
    if official or kind is TEXTS:
        return {}, [], []
    if kind is SOUNDS:
        doubt = "no groups in the file names: if several sounds are of one speaker or source, a split may part them"
        return {}, [], [doubt]
    doubt = "no groups in the file names: if several images show one person or thing, a split may part them"
    return {}, [], [doubt]


def _found(expression: str, file: File) -> str:
    match = re.search(expression, file.name.name)
    return match[1] if match else ""


def _contents(
    tree: Tree, labelled: Sequence[Own], kind: Kind
) -> tuple[tuple[tuple[str, ...], ...], Images | None, list[str]]:
    """Return a sample of the texts, what the images are like, and a doubt about files that repeat another."""
    sized = sorted((_size(tree, each.file), at) for at, each in enumerate(labelled))
    sample = {*range(0, len(labelled), max(1, len(labelled) // LOOKED_AT))}
    sample |= {at for _, at in (*sized[:EXTREMES], *sized[-EXTREMES:])}
    compared = _of_one_size(sized)
    wanted = {labelled[at].file: at for at in sample | compared if labelled[at].file.problem is None}
    opened: dict[int, bytes] = {}
    hashes: dict[int, int] = {}
    for file, content in tree.contents([*wanted]):
        if isinstance(content, str):
            continue
        at = wanted[file]
        if at in compared:
            hashes[at] = hash(content)
        if at in sample:
            opened[at] = content
    again = list(of_repeats([(str(each),) for each in hashes.values()], [str(labelled[at].label) for at in hashes]))
    if kind is SOUNDS:
        return (), None, again
    if kind is IMAGES:
        return (), pictures.alike(opened.values()), again
    documents, _ = encodings.documents({str(at): content for at, content in opened.items()}, None, "source.encoding")
    texts = tuple((each.text.decode("utf-8", "replace"),) for each in documents if each.problem is None)
    return texts, None, again


def _of_one_size(sized: Sequence[tuple[int, int]]) -> set[int]:
    """Return the files that have the size of another, as many as may be compared."""
    counts = Counter(size for size, _ in sized)
    found: set[int] = set()
    left = COMPARED
    for size, at in sized:
        if counts[size] > 1 and size <= left:
            left -= size
            found.add(at)
    return found


def _size(tree: Tree, file: File) -> int:
    if isinstance(tree, Packed):
        return tree.stored[file.name].member.size
    assert isinstance(tree, Directory)
    try:
        return (tree.path / file.name).stat().st_size
    except OSError:
        return 0
