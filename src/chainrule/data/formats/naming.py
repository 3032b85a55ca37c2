"""What files beside each other are called after: parts of the split, or classes."""

import re
from collections.abc import Collection
from pathlib import PurePosixPath

from chainrule.data.formats.folders import TEXTS, parts_of, without_labels

ABOUT = {"readme", "license", "licence", "notice", "changelog", "citation", "authors", "copying", "copyright"}
"""Files that tell of the others, in lower case and without their endings."""
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
