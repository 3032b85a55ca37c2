"""Rows as far as they are compared, and which of many."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

MOST_ROWS = 1000
"""Rows of a sample that are looked at; more make the test finer than anybody wants and slower."""


@dataclass(frozen=True)
class Sample:
    """N rows, as far as they are compared; all that is empty or None is not compared."""

    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Names of classes by what they are ("labels", "predictions", a column of a table), str [N]."""
    numbers: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What is measured on each row, by name, float [N]."""
    answers: frozenset[str] = frozenset()
    """Those of the numbers and vectors that are about targets and answers, not inputs."""
    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What is compared as a whole, by name ("features", "pixels"), float [N, D]."""
    words: Sequence[Sequence[str]] | None = None
    """The words of the texts of every row."""
    groups: np.ndarray | None = None
    """What each row belongs to, str [N]: rows of a group are not independent. None: each row stands alone."""
    left_out: int = 0
    """Rows that there were beyond MOST_ROWS; which ones is chosen by their groups' names, not by their place."""
    notes: tuple[str, ...] = ()
    """What a reader of the report has to know of these rows."""

    def __len__(self) -> int:
        for columns in (self.labels, self.numbers, self.vectors):
            for column in columns.values():
                return len(column)
        return 0 if self.words is None else len(self.words)


def chosen(groups: np.ndarray, most: int) -> np.ndarray:
    """Return the places, int64 and in order, of at most `most` rows: whole groups in the order of a hash of their name.

    A group that would go beyond is left out, the first one is cut.
    """
    if len(groups) <= most:
        return np.arange(len(groups))
    names, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda index: (zlib.crc32(str(names[index]).encode()), index))
    taken, room = np.zeros(len(names), bool), most
    for index in order:
        if counts[index] <= room or room == most:
            taken[index] = True
            room -= counts[index]
    return np.flatnonzero(taken[inverse])[:most]
