"""Rows that were lost between the source and the splits, by reason and in words."""

from collections.abc import Mapping
from typing import Any, NamedTuple

LOUD = 0.05
"""Share of the rows from which on their loss is a warning."""


class Losses(NamedTuple):
    """How many rows of how many are in no split, by reason; and texts of which the end was cut off."""

    lost: int
    raw: int
    reasons: dict[str, int]
    cut: int

    @property
    def loud(self) -> bool:
        """Return whether so many are lost that a reader must not miss it."""
        return self.lost > LOUD * self.raw

    def __str__(self) -> str:
        """Return one line, such as `630 of 26,000 rows (2.4%) left out: empty text 78, exact duplicate 552`."""
        cut = f"; {self.cut:,} long texts cut" if self.cut else ""
        if not self.lost:
            return f"none of {self.raw:,} rows left out{cut}"
        reasons = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in self.reasons.items())
        return f"{self.lost:,} of {self.raw:,} rows ({self.lost / self.raw:.1%}) left out: {reasons}{cut}"


def losses(clean: Mapping[str, Any], split: Mapping[str, Any] | None = None) -> Losses:
    """Return what reports/<recipe>/clean.json and, once there is one, split.json count; the commonest reason first."""
    prefix = "excluded_"
    excluded = {name.removeprefix(prefix): n for name, n in (split or {}).items() if name.startswith(prefix)}
    reasons = {**clean["reasons"], **excluded}
    return Losses(
        clean["rejected"] + (split or {}).get("excluded", 0),
        clean["raw"],
        dict(sorted(reasons.items(), key=lambda reason: (-reason[1], reason[0]))),
        clean["repairs"].get("cut", 0),
    )
