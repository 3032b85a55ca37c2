"""Time order as a split: when rows are of, and the moments from which on they are held out."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.data.shares import Share
from chainrule.system.errors import DataError

_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
_MONTH = re.compile(r"\d{4}-\d{2}")
LEAST = 0.5
"""Share of the times that must be readable in one way: below it, the way is taken to be another."""


class Order(NamedTuple):
    """What params.yaml says of a split by time: how times are written, and fixed borders, if any."""

    form: str | None = None
    validation: str | None = None
    test: str | None = None


class When(NamedTuple):
    """When rows are of: `moments` float64 [N] that grow with time, NaN where there is none; why; how one is read."""

    moments: np.ndarray
    reasons: dict[Any, str]
    read: Callable[[str], float | None]


class Borders(NamedTuple):
    """The moments from which on rows are held out; infinite where no row is, for there is an official part."""

    validation: float
    test: float

    def split(self, moment: float) -> str:
        """Return where rows stand of which the newest is of that moment."""
        return "test" if moment >= self.test else "validation" if moment >= self.validation else "train"


def when(rows: pd.DataFrame, order: Order) -> When:
    """Return when each row is of; the reasons are by index label: without_time, unreadable_time.

    Times are read in one way for all: as `order.form` says (as `datetime.strptime`), else as numbers (years, seconds,
    20111231) or as ISO 8601 (2011-12-31, 2011-12, 2011-12-31 05:00, 2011-12-31T05:00:00Z), whichever reads more of
    them. A time without a zone is of UTC. Raises DataError where there is no column of times, or where less than half
    of them can be read.
    """
    if "time" not in rows:
        raise DataError(
            "split.time is set and rows have no time: name the column in source.time (and incoming.time), or leave "
            "split.time out"
        )
    written = [None if pd.isna(value) or not str(value).strip() else str(value).strip() for value in rows["time"]]
    distinct = list(dict.fromkeys(value for value in written if value is not None))
    ways = [_formed(order.form)] if order.form else [_number, _iso]
    found = [{value: way(value) for value in distinct} for way in ways]
    able = [sum(moment is not None for moment in moments.values()) for moments in found]
    best = int(np.argmax(able))
    if not distinct or able[best] < LEAST * len(distinct):
        first = next((value for value, moment in found[best].items() if moment is None), None)
        met = f"such as {first!r}" if first is not None else "for every one is empty"
        raise DataError(
            f"{len(distinct) - able[best]:,} of {len(distinct):,} different times cannot be read, {met}: "
            "split.time.format says how they are written, such as '%d.%m.%Y' or '%m/%d/%Y %H:%M'"
        )
    moments = np.full(len(rows), np.nan)
    reasons: dict[Any, str] = {}
    for place, (index, value) in enumerate(zip(rows.index, written, strict=True)):
        moment = None if value is None else found[best][value]
        if moment is None:
            reasons[index] = "without_time" if value is None else "unreadable_time"
        else:
            moments[place] = moment
    return When(moments, reasons, ways[best])


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _iso(text: str) -> float | None:
    try:
        return _seconds(datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text))
    except ValueError:
        return None


def _formed(form: str) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        try:
            return _seconds(datetime.strptime(text, form))
        except ValueError:
            return None

    return read


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def borders(newest: np.ndarray, rows: np.ndarray, asked: dict[str, float], order: Order, read: Any) -> Borders:
    """Return from which moments on components are held out, given their newest moments and numbers of rows, [C] each.

    Fixed borders are taken as they are. Else those whose rows from there on come closest to the shares of `asked`
    (0: an official part takes the place); what is of one moment stays together. Raises DataError for a fixed border
    that cannot be read, and where no older row is left for training.
    """
    moments, place = np.unique(newest, return_inverse=True)
    onwards = np.cumsum(np.bincount(place, weights=rows)[::-1])[::-1]
    fixed = {name: _fixed(name, text, read) for name, text in (("validation", order.validation), ("test", order.test))}

    def border(name: str, share: float, before: float) -> float:
        if not asked[name]:
            return np.inf
        if (known := fixed[name]) is not None:
            return known
        able = np.flatnonzero(moments < before)
        if not len(able):
            raise DataError(_too_few(len(moments)))
        return float(moments[able[np.argmin(np.abs(onwards[able] - share * rows.sum()))]])

    test = border("test", asked["test"], np.inf)
    validation = border("validation", asked["test"] + asked["validation"], test)
    first = min(validation, test)
    if not (moments < first).any():
        raise DataError(_too_few(len(moments)))
    return Borders(validation, test)


def _fixed(name: str, text: str | None, read: Callable[[str], float | None]) -> float | None:
    if text is None:
        return None
    moment = read(text)
    if moment is None:
        raise DataError(f"split.time.{name}: {text!r} is not written as the times of the rows are")
    return moment


def _too_few(moments: int) -> str:
    return (
        f"no rows are left for training: by time, groups end at {moments:,} different moments, and the newest of them "
        "take all; a group is as new as its newest row, so groups must be shorter than the time that is split "
        "(source.group, clean.near_duplicates), or split.test and split.validation smaller"
    )


def report(rows: pd.DataFrame, moments: np.ndarray, bounds: Borders) -> dict[str, Any]:
    """Return what a reader must know, in times as the rows have them.

    `rows` are those in splits and `moments` [N] theirs. `borders`: the first moments of validation and test, where
    these were carved; `spans`: the oldest and newest of each split; `before`: the rows of a held-out split that are
    older than its border, as a newer row of their group is not.
    """
    written = rows["time"].astype(str).str.strip().to_numpy()
    spans, before, first = {}, {}, {}
    for name in dict.fromkeys(rows["split"]):
        here = np.flatnonzero((rows["split"] == name).to_numpy() & ~np.isnan(moments))
        if not len(here):
            continue
        ordered = here[np.argsort(moments[here], kind="stable")]
        spans[str(name)] = [str(written[ordered[0]]), str(written[ordered[-1]])]
        border = getattr(bounds, name, np.inf)
        if np.isfinite(border):
            later = ordered[moments[ordered] >= border]
            first[str(name)] = str(written[later[0]]) if len(later) else None
            before[str(name)] = int((moments[here] < border).sum())
    return {"borders": first, "spans": spans, "before": before}


def in_words(found: dict[str, Any]) -> str:
    """Return a report in a line."""
    spans = "; ".join(f"{name} {oldest} to {newest}" for name, (oldest, newest) in found["spans"].items())
    cut = "; ".join(f"{name} from {moment} on" for name, moment in found["borders"].items())
    return f"by time: {spans} ({cut})" if cut else f"by time: {spans}"


def uneven(found: Sequence[Share], called: str) -> list[str]:
    """Return a line for each held-out split of another size, or of other strata, than was meant: as time has it."""
    lines = []
    for name in dict.fromkeys(share.split for share in found):
        off = [share for share in found if share.split == name and not share.usual]
        lines += [
            f"split {name} has {share.rows:,} rows, {share.expected:,.0f} were meant: many rows are of one moment, of "
            "long groups, or beyond a fixed border"
            for share in off
            if share.stratum is None
        ]
        strata = [share for share in off if share.stratum is not None]
        if strata:
            worst = max(strata, key=lambda share: abs(share.rows - share.expected))
            lines.append(
                f"split {name} has other shares of {len(strata):,} of the strata of {called} than the older rows, most "
                f"of all {worst.stratum} ({worst.rows:,} rows, {worst.expected:,.0f} as in all): as time changed them"
            )
    return lines
