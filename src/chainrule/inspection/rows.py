"""The columns of a table by what they hold, how dates and numbers are written, and whether rows are in time."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chainrule.fields.reject import Reject
from chainrule.inspection.cells import Table
from chainrule.inspection.profile import SHOWN, Profile, absent, number, parted, titles
from chainrule.inspection.roles import Roles, is_id
from chainrule.recipes.defaults.table import DEFAULTS
from chainrule.recipes.file import merged
from chainrule.system.errors import DataError
from chainrule.system.words import listed

PROFILED = 20_000
"""So many rows are looked at for what is doubtful about their columns."""
FEWEST_TIMES = 20
"""Different dates from which on numbers are a series, of which the newest are tested."""
FEWEST_PIXELS = 64
"""Numbered columns from which on they may be pixels."""
SAYS_YES_OR_NO = {"true", "false", "yes", "no", "y", "n", "t", "f", "0", "1"}
_MONTH = re.compile(r"\d{4}-\d{2}")
_PARTS = re.compile(r"(\d{1,4})([-/.])(\d{1,2})\2(\d{1,4})(?:([T ])(\d{1,2}:\d{2})(:\d{2})?.*)?")


class Columns(NamedTuple):
    """What clean.normalise says of them; the column of time, and `split`, if the split is by it; what is said."""

    normalise: dict[str, Any]
    time: Profile | None
    split: dict[str, Any]
    said: list[str]
    doubts: list[str]


def columns(main: Table, chosen: Roles) -> Columns:
    """Return how the columns of a table are used."""
    kinds: dict[str, list[str]] = {kind: [] for kind in ("number", "category", "date", "boolean", "text")}
    called = Counter(map(name_of, chosen.others))
    if twice := [name for name, times in called.items() if times > 1]:
        raise DataError(f"{main.path}: several columns are called {twice[0]!r}; give each a name of its own")
    ids, constants, empty = [], [], []
    for each in chosen.others:
        if not each.cells:
            empty.append(each)
        elif each.kind == "constant":
            constants.append(each)
        elif is_id(each) or (not each.title and each.whole):
            ids.append(each)
        else:
            kinds[kind_of(each)].append(name_of(each))
    if not any(kinds.values()):
        useless = titles([*ids, *constants, *empty])
        raise DataError(f"{main.path}: beside the target no column tells anything: {useless}")
    said = [f"{kind}: {listed(names, SHOWN)}" for kind, names in kinds.items() if names]
    said += [f"left out, constant: {titles(constants)}"] if constants else []
    said += [f"left out, no cell holds a value (empty, or nested): {titles(empty)}"] if empty else []
    if ids:
        said.append(f"left out, they number or name rows: {titles(ids)}")
    normalise: dict[str, Any] = {kind: names for kind, names in kinds.items() if names}
    if any(each.comma for each in chosen.others) or (kinds["number"] and main.decimal == ","):
        normalise["decimal"] = ","
    if any(parted(each, main.thousands) for each in chosen.others):
        normalise["thousands"] = main.thousands
    dates = [each for each in chosen.others if each.kind == "date"]
    written, found = _dates(dates)
    normalise |= {"dates": written} if written else {}
    found += [*_pixels(chosen.others), *doubts(main, chosen, normalise)]
    time = next((each for each in dates if each.distinct >= FEWEST_TIMES), None)
    if time is None or chosen.target_kind != "number":
        return Columns(normalise, None, {}, said, found)
    form = _format(time, bool(written.get("day_first", True)))
    said.append(f"split: by time, the newest rows by {time.title} are tested: what comes next is the question")
    return Columns(normalise, time, {"time": {"format": form} if form else {}}, said, found)


def doubts(main: Table, chosen: Roles, normalise: Mapping[str, Any]) -> list[str]:
    """Return what the cleaning would point out of the columns: far numbers, rare names, what gives the target away."""
    from chainrule.data.profile import profile
    from chainrule.fields import table

    options = merged(DEFAULTS["clean"]["normalise"], dict(normalise))
    clean = table.normaliser(**options)
    (at,) = main.places(chosen.target)
    titles_of = [title or f"column {at}" for at, title in enumerate(main.titles or [])]
    values: list[str] = []
    targets: list[Any] = []
    for row in main.rows[:: max(1, len(main.rows) // PROFILED)]:
        if absent(row[at].strip()):
            continue
        try:
            values.append(clean(dict(zip(titles_of, row, strict=True)))[0])
        except Reject:
            continue
        targets.append(number(row[at], main.decimal == ",") if chosen.target_kind == "number" else row[at].strip())
    return profile(table.columnar(values), table.listed(options), targets).warnings if values else []


def _pixels(given: Sequence[Profile]) -> list[str]:
    """Return a doubt about columns that are likely the pixels of images: as many as a square has, called by numbers."""
    stems = Counter(stem for each in given if (stem := each.title.rstrip("0123456789")) != each.title)
    stem, number = stems.most_common(1)[0] if stems else ("", 0)
    side = math.isqrt(number)
    if number < FEWEST_PIXELS or side * side != number:
        return []
    said = f"{number:,} columns {stem}…: pixels of images of {side} by {side}?"
    remedy = "as NumPy's arrays (docs/sources.md) they are images, and nets for images take them"
    return [f"{said} A table does not know which lie side by side; {remedy}"]


def name_of(given: Profile) -> str:
    """Return what a row calls a column: one without a name by its place, as sources do."""
    return given.title or f"column {given.column}"


def kind_of(given: Profile) -> str:
    """Return the kind that a column of a table is of."""
    if given.kind == "boolean":
        return "boolean" if {value.lower() for value in given.values} <= SAYS_YES_OR_NO else "category"
    if given.kind == "names":
        return "text"  # its words may come again
    return given.kind


def _dates(dates: Sequence[Profile]) -> tuple[dict[str, Any], list[str]]:
    """Return clean.normalise.dates where dates are not ISO 8601; a doubt where day and month cannot be told apart."""
    first, second, short = set(), set(), False
    months = [each for each in dates if _MONTH.fullmatch(next(iter(each.values)))]
    for each in dates:
        for value in each.values:
            if (found := _PARTS.fullmatch(value)) is not None and len(found[1]) < 4:
                first.add(int(found[1]))
                second.add(int(found[3]))
                short = short or len(found[4]) == 2
    if not first:
        return ({"formats": ["%Y-%m"]} if months else {}), []
    day_first = max(first) > 12 or max(second) <= 12
    doubts = [] if max(first) > 12 or max(second) > 12 else [f"dates of {titles(dates)}: read day first, look at one"]
    if short or months:
        formats = [form for each in dates if (form := _format(each, day_first))]
        return {"formats": list(dict.fromkeys(formats))}, doubts
    return {"day_first": day_first}, doubts


def _format(given: Profile, day_first: bool) -> str | None:
    """Return how a column's dates are written, as strptime says it; None for ISO 8601."""
    first = next(iter(given.values))
    if _MONTH.fullmatch(first):
        return "%Y-%m"
    found = _PARTS.fullmatch(first)
    if found is None or len(found[1]) == 4:
        return None
    one, two = ("%d", "%m") if day_first else ("%m", "%d")
    year = "%Y" if len(found[4]) == 4 else "%y"
    clock = f"{found[5]}%H:%M{':%S' if found[7] else ''}" if found[5] else ""
    return f"{one}{found[2]}{two}{found[2]}{year}{clock}"
