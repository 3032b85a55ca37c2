"""What was found under a path, as plain data: what a recipe is made of, whatever form it was found in."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Options:
    """What the user said where two things could be."""

    target: str | None = None
    task: str | None = None
    group: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class Images:
    """What a sample of the images is like."""

    sides: tuple[tuple[int, int], ...]
    """Width and height of each."""
    grey: bool
    """Whether none of them has colours."""

    @property
    def shorter(self) -> int:
        """The median of the shorter sides, in pixels."""
        return sorted(min(size) for size in self.sides)[len(self.sides) // 2]

    @property
    def alike(self) -> bool:
        """Whether all are of one size and square."""
        return len(set(self.sides)) == 1 and self.sides[0][0] == self.sides[0][1]


@dataclass(frozen=True)
class Sounds:
    """What a sample of the sounds is like."""

    rates: tuple[int, ...]
    """Samples a second of each."""
    seconds: tuple[float, ...]

    @property
    def rate(self) -> int:
        """The commonest rate."""
        return Counter(self.rates).most_common(1)[0][0]

    @property
    def longest(self) -> float:
        """Seconds that all but 2% do not exceed."""
        return sorted(self.seconds)[int(0.98 * (len(self.seconds) - 1))]


@dataclass(frozen=True)
class Examples:
    """Rows of one task, as far as they were looked at."""

    task: str
    modality: str
    target: str
    """The kind of what is to be told."""
    source: Mapping[str, Any]
    """The recipe's block, its path absolute."""
    incoming: Mapping[str, Any]
    rows: int
    """Of all labelled parts; an estimate where a file is large."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """Rows of each official part; empty where there is none."""
    labels: Mapping[str, Counter[str]] = field(default_factory=dict)
    """Rows of each label, by part; "" where there is none."""
    texts: tuple[tuple[str, ...], ...] = ()
    """A sample of the texts, one or two a row."""
    images: Images | None = None
    sounds: Sounds | None = None
    groups: Mapping[str, int] = field(default_factory=dict)
    """Rows by group, where the names of files say groups."""
    columns: int = 0
    """Of a table, those that are learnt from."""
    normalise: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    """What was found, a line each."""
    doubts: tuple[str, ...] = ()

    @property
    def counts(self) -> Counter[str]:
        """Rows of each label, of all parts together."""
        return sum(self.labels.values(), Counter())


@dataclass(frozen=True)
class Place:
    """A path as it was found: its files and folders without what is hidden or says something about the data."""

    path: Path
    files: tuple[Path, ...]
    folders: tuple[Path, ...]
    beside: tuple[Path, ...] = ()
    """Licences, notes, and lists of names."""
