"""Names of classes, written in one way: what no eye can tell apart is one class."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

# What shows nothing: format characters (soft hyphen, zero width, direction, byte order mark), fillers and the choice
# between a sign's two pictures. The two joiners stay between letters of the scripts that need them, and in emoji.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
    "|(?<![^\x00-\x7f\\s])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\\s])"
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
ABSENT = {"nan", "null", "none", "na", "n/a", "nil", "?", "-", "undefined", "missing", "#n/a"}
"""How others write that there is no label, in lower case."""
MOST = 60
"""Characters of a name that a message shows."""
_DECIMAL = re.compile(r"-?\d+\.\d*")


@lru_cache(maxsize=4096)
def tidy(label: str) -> str:
    """Return the label as NFC, without characters that show nothing, blanks of any kind as single ones between words.

    Empty where nothing is left. Idempotent.
    """
    if label.isascii() and label.isprintable():
        return " ".join(label.split())
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", _CONTROL.sub("", label))).split())


def short(name: str) -> str:
    """Return a name as a message shows it: a long one is cut, with an ellipsis."""
    return name if len(name) <= MOST else f"{name[: MOST - 1]}…"


class Renaming(NamedTuple):
    """What becomes of names of classes: in lower case or not, each that is mapped another, and some left out."""

    lower: bool
    map: Mapping[str, str]
    drop: frozenset[str]

    def __call__(self, name: str) -> str | None:
        """Return the name that a class gets, None where it is left out; a name is mapped once."""
        name = name.lower() if self.lower else name
        name = self.map.get(name, name)
        return None if name in self.drop else name

    def unmet(self, met: Collection[str]) -> list[str]:
        """Return what is mapped or left out and is none of the names that were met."""
        known = {name.lower() if self.lower else name for name in met}
        made = {self.map.get(name, name) for name in known}
        return sorted((self.map.keys() - known) | (self.drop - made))


def renaming(options: Mapping[str, Any] | None) -> Renaming | None:
    """Return what clean.labels asks for (`case`, `map`, `drop`, each as it is left out if need be); None if nothing."""
    given = {"case": "keep", "map": {}, "drop": [], **(options or {})}
    lower = given["case"] == "lower"

    def same(name: str) -> str:
        return tidy(name).lower() if lower else tidy(name)

    found = Renaming(
        lower,
        {same(name): tidy(other) for name, other in given["map"].items()},
        frozenset(same(name) for name in given["drop"]),
    )
    return found if lower or found.map or found.drop else None


def plain_number(label: str) -> str:
    """Return "1" for "1.0" and "0.5" for "0.50", as tables write numbers that were read as floats; else the label."""
    return label.rstrip("0").rstrip(".") if _DECIMAL.fullmatch(label) else label


def same_numbers(labels: Iterable[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return, for each label that is another form of a number among the known or the labels before it, that label."""
    first = {plain_number(label): label for label in sorted(known, reverse=True)}
    others = {}
    for label in labels:
        if label not in known:
            found = first.setdefault(plain_number(label), label)
            if found != label:
                others[label] = found
    return others


def lookalikes(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Return the labels that differ by case, width or blanks and marks between words only: likely one class."""
    alike: dict[str, list[str]] = {}
    for label in sorted(labels):
        folded = unicodedata.normalize("NFKC", label).casefold()
        alike.setdefault(re.sub(r"[\s_.-]+", "", folded) or label, []).append(label)
    return [tuple(group) for group in alike.values() if len(group) > 1]


def doubts(labels: Collection[str]) -> list[str]:
    """Return which labels are likely a mistake, in words: that mean nothing, or differ in case alone."""
    found = [
        f"{absent!r} is a class of its own; if it stands for a missing label, leave the label empty"
        for absent in sorted(label for label in labels if label.casefold() in ABSENT)
    ]
    return found + [
        f"{', '.join(repr(short(each)) for each in alike)} are as many classes; if they are one, write them alike"
        for alike in lookalikes(labels)
    ]


def too_many(labels: Collection[str], rows: int) -> str:
    """Return why as many distinct labels in as many rows are hardly labels, or ""."""
    return f"{len(labels):,} different labels in {rows:,} rows" if rows >= 20 and len(labels) * 2 > rows else ""
