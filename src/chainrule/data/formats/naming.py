"""What files beside each other are called after: parts of the split, or classes."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from chainrule.data.formats.folders import TEXTS, TOP, parts_of, without_labels
from chainrule.data.formats.trees import Directory
from chainrule.system.errors import DataError

ABOUT = {"readme", "license", "licence", "notice", "changelog", "citation", "authors", "copying", "copyright"}
"""Files that tell of the others, in lower case and without their endings."""
PARTS = ("all", "train", "validation", "test", "unlabelled")
_ENDINGS = {".txt", ".text", ".lst", ".data", ".csv", ".tsv"}


def texts(names: Collection[str]) -> list[str]:
    """Return the names, sorted, of those files that may hold rows of text."""
    return sorted(name for name in names if TEXTS.fits(name) and re.split(r"[\W_]", name.lower())[0] not in ABOUT)


def by_part(names: Collection[str]) -> dict[str, str]:
    """Return the name by the part of the split that it says, "unlabelled" among them.

    Of one file that says none "all"; nothing where one of several says none, or two say the same.
    """
    stems = {_stem(name): name for name in names}
    free = {stem: "unlabelled" for stem in stems if without_labels(stem)}
    found = parts_of([stem for stem in stems if stem not in free]) | free
    if len(names) == 1 and not found:
        return {"all": next(iter(names))}
    whole = len(found) == len(names) and len(set(found.values())) == len(found)
    return {part: stems[stem] for stem, part in found.items()} if whole else {}


def files(
    path: Path,
    named: Mapping[str, str] | None,
    section: str,
    kept: Callable[[Collection[str]], list[str]],
    example: str,
    order: Sequence[str] = PARTS,
) -> dict[str, Path]:
    """Return the file of each part below the directory `path`, or the file `path` as that of "all".

    named: names by part, as the source's `files`; None: those of the names there that are `kept` say it, in this
    `order`. example: such a name. Raises DataError where `path` and `named` do not fit, or names say no parts.
    """
    if path.is_file():
        if named is not None:
            raise DataError(f"{path}: a file; leave {section}.files out, or let {section}.path name its directory")
        return {"all": path}
    if not path.is_dir():
        raise DataError(f"{path}: no such file or directory; {section}.path must name a file, or a directory of files")
    if named is not None:
        return {part: path / name for part, name in named.items()}
    there = kept(Directory(path).look(TOP).files)
    found = by_part(there)
    if not found:
        raise DataError(
            f"{path}: which part are its files ({', '.join(there[:5]) or 'none there'})? Call them train, test and "
            f"validation, or say it in {section}.files, such as train: {there[0] if there else example}"
        )
    return {part: path / found[part] for part in sorted(found, key=order.index)}


def by_class(names: Collection[str]) -> dict[str, str]:
    """Return the name by the label that it says: what is left where words in front and behind are the same in all.

    `rt-polarity.pos` and `rt-polarity.neg` are pos and neg. Nothing for fewer than two files.
    """
    words = {name: re.findall(r"[^\W_]+|[\W_]+", _stem(name)) for name in names}
    if len(words) < 2 or len({_stem(name) for name in names}) < len(words):
        return {}
    while len({tuple(own[:1]) for own in words.values()}) == 1:
        words = {name: own[1:] for name, own in words.items()}
    while len({tuple(own[-1:]) for own in words.values()}) == 1:
        words = {name: own[:-1] for name, own in words.items()}
    labels = {re.sub(r"^[\W_]+|[\W_]+$", "", "".join(own)): name for name, own in words.items()}
    return labels if len(labels) == len(words) and all(labels) else {}


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in _ENDINGS else name


def block_of(name: str, size: int) -> str:
    """Return the block of a name that ends in a number: `size` names with following numbers have one in common.

    A name without a number is its own block.
    """
    match = re.fullmatch(r"(.*?)(\d+)", name)
    return f"{match.group(1)}{int(match.group(2)) // size * size}+{size}" if match else name
