"""Counts, lists and ages in words."""

from collections.abc import Sequence
from datetime import timedelta

NAMED = 5
"""What a line names before it counts."""


def count(number: int, thing: str, several: str | None = None) -> str:
    """Return "1 file", "2 files", "1,204 files"; `several` is the plural where that is not one more s."""
    return f"{number:,} {thing if number == 1 else several or f'{thing}s'}"


def ago(passed: timedelta) -> str:
    """Return an age in the largest unit that it has two of: "1 minute ago", "90 minutes ago", "3 days ago"."""
    minutes = max(0, int(passed.total_seconds()) // 60)
    if not minutes:
        return "just now"
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= 2 * size:
            return f"{count(minutes // size, unit)} ago"
    return f"{count(minutes, 'minute')} ago"


def listed(names: Sequence[str], most: int = NAMED) -> str:
    """Return the first of the names, and how many more there are: "a, b and 7 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
