"""Pairs of text files, line N of one beside line N of the other, as translations are published: train.en and train.de.

The last ending of a name but .gz says which side a file is, what is in front of it the part of the split.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chainrule.data.formats import text as encodings
from chainrule.data.formats.folders import PARTS, TOP, without_labels
from chainrule.data.formats.trees import Directory
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

GZ = ".gz"
MOST = 1 << 31
"""Bytes that a file may unpack to."""
ORDER = ("train", "validation", "test", "unlabelled", "all")


class Pair(NamedTuple):
    """A pair of files by what their names share: its part of the split, the side that is read and the one written."""

    part: str
    stem: str
    source: Path
    target: Path | None
    """None of the part unlabelled."""


SECTION = "source"
"""The block of params.yaml that messages name: batches come as tables."""


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    sides: Sequence[str],
    files: Mapping[str, str | Sequence[str]] | None = None,
    encoding: str | None = None,
) -> "pd.DataFrame":
    """Raw rows of the pairs of files in the directory `path`, in the order of parts and lines.

    `sides` are the endings of what is read and of what is written for it, such as en and de; a file may be gzipped.
    `files` maps "train", "validation", "test", "unlabelled" or "all" (not split yet: `part` is None) to what is in
    front of the ending, or to several such; None: the names say it (test_2016.en is of the part test), and
    attrs["parts"] counts lines by what was taken for which. Of "unlabelled" the side that is read is enough. `id` is
    "<stem>/<line>", counted from 1; every row is its own group. An empty line is a row with nothing on that side.
    `encoding` is that of all files; None: it is found (`chainrule.data.formats.text`), and attrs["encodings"] counts
    files by it.

    Raises DataError for a pair with unequal numbers of lines, a
    file whose other side is missing, one that is no text, and one whose encoding is in doubt.
    """
    import pandas as pd

    (written,) = (field.name for field in fields if field.role == "target")
    (given,) = (field.name for field in fields if field.role == "input")
    found = pairs(Path(path), sides, files, SECTION)
    records: list[tuple[object, ...]] = []
    used: Counter[str] = Counter()
    parts: Counter[str] = Counter()
    for pair in found:
        both = [file for file in (pair.source, pair.target) if file is not None]
        read_in = encodings.decoded(
            {str(file): content(file, SECTION) for file in both}, encoding, f"{SECTION}.encoding"
        )
        used.update(own.encoding for own in read_in.values())
        own = [(file, encodings.lines(read_in[str(file)].text), read_in[str(file)].encoding) for file in both]
        refuse_unequal([(file, len(lines)) for file, lines, _ in own])
        official = None if pair.part == "all" else pair.part
        for number, lines in enumerate(zip(*(lines for _, lines, _ in own), strict=True), start=1):
            faults = (encodings.problem(line, name) for line, (_, _, name) in zip(lines, own, strict=True))
            problem = next(filter(None, faults), None)
            target = None if len(lines) == 1 or problem or not lines[1].strip() else lines[1]
            row = f"{pair.stem}/{number:07d}"
            origin = f"{pair.source.name}:{number}"
            records.append((row, row, encodings.as_found(lines[0]), target, official, origin, problem))
        if files is None and official:
            parts[f"{pair.stem} as {official}"] += len(own[0][1])
    names = ("id", "group", given, written, "part", "origin", "problem")
    columns = zip(names, zip(*records, strict=True), strict=True)
    frame = pd.DataFrame({name: pd.Series(own, dtype=object if name == given else "str") for name, own in columns})
    frame.attrs = {"encodings": dict(used), **({"parts": dict(parts)} if parts else {})}
    return frame


def pairs(
    path: Path, sides: Sequence[str], files: Mapping[str, str | Sequence[str]] | None, section: str
) -> list[Pair]:
    """Return the pairs of files in a directory, by part; DataError for a side that is missing, or where is no pair."""
    if not path.is_dir():
        what = "a file" if path.is_file() else "no such directory"
        raise DataError(f"{path}: {what}; {section}.path must name the directory of the pairs of files")
    there = stems(Directory(path).look(TOP).files)
    wanted = {stem: part for part, own in (files or {}).items() for stem in ([own] if isinstance(own, str) else own)}
    if files is None:
        wanted = parts_said([stem for stem, own in there.items() if sides[0] in own], path, section)
    if not wanted:
        endings = " and ".join(f".{side}" for side in sides)
        listed = ", ".join(f"{stem}.{side}" for stem, own in list(there.items())[:3] for side in own) or "none there"
        raise DataError(
            f"{path}: no pairs of files that end in {endings} ({listed}); correct {section}.sides, or say in "
            f"{section}.files which is of which part, such as train: corpus"
        )
    found = []
    for stem, part in wanted.items():
        own = [there.get(stem, {}).get(side) for side in sides]
        for side, name in zip(sides, own, strict=True):
            if name is None and not (part == "unlabelled" and side == sides[1]):
                other = next((each for each in own if each), None)
                beside = f", and {other} is of no use alone" if other else ""
                raise DataError(
                    f"{path / stem}.{side}: missing, plain or gzipped{beside}; put it there or correct {section}.files"
                )
        found.append(Pair(part, stem, path / str(own[0]), path / own[1] if own[1] else None))
    return sorted(found, key=lambda pair: (ORDER.index(pair.part), pair.stem))


def parts_said(names: Sequence[str], path: Path, section: str = "source") -> dict[str, str]:
    """Return the part of the split by name: the first word that is one (test_2016_flickr: test); of a lone name "all".

    Raises DataError where one of several says none.
    """
    if len(names) == 1 and part_said(names[0]) is None:
        return {names[0]: "all"}
    found = {name: part_said(name) for name in names}
    if silent := [name for name, part in found.items() if part is None]:
        raise DataError(
            f"{path}: which part of the split is {silent[0]}? Say in {section}.files which are to be read, such as "
            f"train: {silent[0]}"
        )
    return {name: part for name, part in found.items() if part is not None}


def part_said(name: str) -> str | None:
    """Return the part of the split that the first telling word of a name says; None if there is none."""
    if without_labels(name):
        return "unlabelled"
    words = re.split(r"[\W\d_]+", name.lower())
    return next((PARTS[word] for word in words if word in PARTS), None)


def stems(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return, by what is in front of the last ending (.gz aside), the file of each ending."""
    found: dict[str, dict[str, str]] = {}
    for name in names:
        stem, dot, side = name.removesuffix(GZ).rpartition(".")
        if dot and stem:
            found.setdefault(stem, {}).setdefault(side, name)
    return found


def content(file: Path, section: str) -> bytes:
    """Return the bytes of a file, unpacked if it is gzipped; DataError where that fails or is too much."""
    data = encodings.content(file, section)
    if file.suffix != GZ:
        return data
    try:
        with gzip.open(file) as opened:
            unpacked = opened.read(MOST + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file}: truncated or corrupt gzip ({error}); fetch the file again") from error
    if len(unpacked) > MOST:
        raise DataError(f"{file}: unpacks to more than {MOST:,} bytes; cut it into several files")
    return unpacked


def refuse_unequal(counts: Sequence[tuple[Path, int]]) -> None:
    """Raise DataError, with which and how many, for two files that have not as many lines."""
    if len({count for _, count in counts}) > 1:
        (one, lines), (other, others) = counts
        raise DataError(
            f"{one} has {lines:,} lines and {other.name} {others:,}: line by line they must belong together; "
            "fetch both again, or mend the one that lacks lines"
        )
