"""Corruptions of interactions: users and items are what they are; a feature may be missing, or another row's."""

import json
from collections.abc import Callable, Mapping, Sequence

from chainrule.evaluation.robustness import draws

NEEDS_CLEANING = False
"""Whether what is made may look otherwise than rows that were cleaned do."""
Row = dict[str, object]
_WHO = ("user", "item")


def unknown_users(row: Row, share: float, place: int, severity: int, seed: int) -> Row:
    """Let a share of the rows be of users that nobody knows."""
    return _strange(row, "user", share, place, severity, seed)


def unknown_items(row: Row, share: float, place: int, severity: int, seed: int) -> Row:
    """Let a share of the rows be of items that nobody knows."""
    return _strange(row, "item", share, place, severity, seed)


def missing_features(row: Row, share: float, place: int, severity: int, seed: int) -> Row:
    """Let a share of a row's features be missing."""
    names = [name for name in row if name not in _WHO]
    rng = draws.generator(seed, "missing_features", severity, place)
    return {**row, **{name: None for name in names if rng.random() < share}}


def _strange(row: Row, role: str, share: float, place: int, severity: int, seed: int) -> Row:
    rng = draws.generator(seed, f"unknown_{role}s", severity, place)
    return {**row, role: f"a stranger {place}"} if rng.random() < share else row


Alter = Callable[[Row, float, int, int, int], Row]
CORRUPTIONS: Mapping[str, tuple[Alter, Sequence[float]]] = {
    "unknown_users": (unknown_users, (0.05, 0.1, 0.2, 0.4, 0.8)),
    "unknown_items": (unknown_items, (0.05, 0.1, 0.2, 0.4, 0.8)),
    "missing_features": (missing_features, (0.1, 0.2, 0.4, 0.6, 0.8)),
}
"""What is done, and how much of it, by severity."""


def corrupted(values: Sequence[str], name: str, severity: int, seed: int) -> list[str]:
    """Return rows as cleaned rows hold them, JSON of cells by column, altered; severity: 1 to 5, 0 changes none."""
    if not severity:
        return list(values)
    alter, strengths = CORRUPTIONS[name]
    share = draws.at(strengths, severity)
    rows = [alter(json.loads(value), share, place, severity, seed) for place, value in enumerate(values)]
    return [json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False) for row in rows]
