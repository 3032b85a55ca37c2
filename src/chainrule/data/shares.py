"""Whether carved splits are as large and as mixed as was asked for, and as their numbers allow."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from chainrule.fields.names import short

CHANCE = 0.001
"""How often splits by an innocent seed may be refused, all checks together."""


class Share(NamedTuple):
    """The rows that a split has, of one stratum or (None) of all: how many, how many may be, what was meant.

    `usual`: within the tolerance; other numbers from `low` to `high` are what chance gives with so few groups.
    """

    split: str
    stratum: str | None
    rows: int
    of: int
    expected: float
    low: float
    high: float
    usual: bool

    @property
    def allowed(self) -> bool:
        """Return whether there are as many rows as may be."""
        return self.low - 1e-9 <= self.rows <= self.high + 1e-9

    def __str__(self) -> str:
        """Return the fault in words."""
        what = "rows" if self.stratum is None else f"rows of {short(self.stratum)}"
        low, high = max(0, int(np.ceil(self.low - 1e-9))), int(np.floor(self.high + 1e-9))
        return f"split {self.split} has {self.rows:,} of {self.of:,} {what}, {low:,} to {high:,} are allowed"


def shares(
    rows: pd.DataFrame, strata: pd.Series, groups: pd.Series, asked: Mapping[str, float], tolerance: float
) -> list[Share]:
    """Return the sizes of the carved splits and of each stratum in them.

    Looked at are the rows that were carved: labelled rows whose official part is none or train. `strata` [N] say what
    is kept in proportion, such as "class a"; `groups` [N] are the rows' groups before duplicates joined them; `asked`
    holds the shares of validation and test, 0 for those that are official. Allowed is what lies within `tolerance`,
    relative to what is asked (of a stratum: to its share in all rows), and what a draw of the groups gives in all but
    CHANCE of the cases (binomial, with the number of groups that would weigh as much if all were of one size).
    """
    carved = (~rows["part"].isin(["test", "validation", "unlabelled"])).to_numpy()
    part = rows[carved]
    group = pd.factorize(groups.to_numpy(dtype=object)[carved])[0]
    names, stratum = np.unique(strata.to_numpy(dtype=object)[carved], return_inverse=True)
    sizes_of = [np.bincount(group[stratum == number]) for number in range(len(names))]
    wanted = {name: share for name, share in asked.items() if share > 0}
    level = CHANCE / max(1, len(wanted) * (1 + len(names)))
    found = []
    for name, share in wanted.items():
        here = (part["split"] == name).to_numpy()
        size, meant = int(here.sum()), len(part) * share
        found.append(_share(name, None, size, np.bincount(group), meant, share, tolerance, level))
        for number, own in enumerate(names):
            sizes = sizes_of[number]
            expected = size * sizes.sum() / len(part)
            count = int((here & (stratum == number)).sum())
            found.append(_share(name, str(own), count, sizes, expected, share, tolerance, level))
    return found


def _share(
    split: str,
    stratum: str | None,
    count: int,
    sizes: np.ndarray,
    expected: float,
    share: float,
    tolerance: float,
    level: float,
) -> Share:
    """Return one share; `sizes` [G] are the rows of each group that might have come, each with chance `share`."""
    from scipy.stats import binom

    weight = float((sizes.astype(np.float64) ** 2).sum() / sizes.sum())
    draws = max(1, round(sizes.sum() / weight))
    low, high = expected * (1 - tolerance), expected * (1 + tolerance)
    least, most = weight * binom.ppf(level / 2, draws, share), weight * binom.isf(level / 2, draws, share)
    usual = low - 1e-9 <= count <= high + 1e-9
    return Share(split, stratum, count, int(sizes.sum()), expected, min(low, least), max(high, most), usual)
