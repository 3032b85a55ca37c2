"""One cell of a table as a kind of column wants it: a JSON value, or why it is none."""

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from chainrule.fields import numerals
from chainrule.fields.names import plain_number, tidy
from chainrule.fields.reject import Reject

KINDS = ("number", "category", "date", "boolean", "text")
"""Of columns, in the order in which a clean row has them."""
Value = float | str | bool
Read = Callable[[Any], Value]
"""From a cell that holds something, as it is written or typed, to its value; Reject where it is none of the kind."""

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_AS_JSON = r"(?!-0\Z)-?(?:0|[1-9]\d{0,9})(?:\.\d{0,3}[1-9])?"
"""A number of at most 14 digits, written as Python would write it."""
_INFINITE = re.compile(r"[+-]?(inf|infinity|∞)", re.IGNORECASE)
_LARGEST = float(np.finfo(np.float32).max)  # what a model can be given
_TRUE = {"true", "yes", "y", "t", "1", "on"}
_FALSE = {"false", "no", "n", "f", "0", "off"}
_ISO = re.compile(
    r"(\d{4})([-/.]?)(\d{1,2})\2(\d{1,2})(?:[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_WRITTEN = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?:[T ](\d{1,2}:\d{2}(?::\d{2})?))?", re.ASCII)
_NAMED_MONTHS = ("%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y")


def readers(*, decimal: str, thousands: str, dates: Mapping[str, Any]) -> dict[str, Read]:
    """Return what reads a cell, by the kind of its column; the arguments are keys of clean.normalise.

    Raised as Reject: not_a_number, not_finite, not_a_date, ambiguous_date, not_a_boolean, not_a_cell.
    """
    grouped = numerals.grouped(decimal, thousands)
    written = partial(_number, grouped, decimal)
    day = partial(_date, tuple(dates["formats"]), dates["day_first"])
    return {"number": written, "category": _category, "date": day, "boolean": _boolean, "text": _text}


def is_absent(cell: Any, absent: Collection[str]) -> bool:
    """Whether a cell holds nothing: null, NaN, or what `absent` lists, in any letter case, blanks aside."""
    if isinstance(cell, str):
        return cell.strip().casefold() in absent
    return cell is None or cell != cell


def plainly(absent: Collection[str]) -> Callable[[str], object]:
    """Return what says of a text whether it is a number written just as `plain` and JSON have it, and not absent.

    Where the decimal mark is a point, nothing is to be done about such a cell.
    """
    written = re.compile(_AS_JSON, re.ASCII)
    others = "|".join(re.escape(each) for each in sorted(absent) if written.fullmatch(each))
    return re.compile(rf"(?!(?:{others})\Z){_AS_JSON}", re.ASCII).fullmatch if others else written.fullmatch


def plain(value: float) -> float | int:
    """Return a number in its one form: whole ones as int, as far as floats tell these apart."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _number(grouped: re.Pattern[str] | None, decimal: str, cell: Any) -> float:
    if isinstance(cell, str):
        text = numerals.ungrouped(numerals.bare(cell), decimal, grouped)
        if decimal == ",":
            if "." in text:
                raise Reject(
                    "not_a_number", f"{_short(cell)} has a point where decimal is a comma and thousands another"
                )
            text = text.replace(",", ".")
        if not _PLAIN.fullmatch(text):
            if _INFINITE.fullmatch(text):
                raise Reject("not_finite", _short(cell))
            hint = "; 1,5 is one and a half where decimal is ',', 1,500 is 1500 where thousands is ','"
            raise Reject("not_a_number", f"{_short(cell)}{hint if ',' in text else ''}")
        value = float(text)
    elif isinstance(cell, int | float):
        value = float(cell) if abs(cell) <= _LARGEST else math.inf
    else:
        raise _no_cell(cell)
    if abs(value) > _LARGEST:
        raise Reject("not_finite", f"{_short(cell)} is beyond what a model can take")
    return plain(value)


def _category(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return str(plain(float(cell)) if abs(cell) < 2**53 else cell)
    return plain_number(_text(cell))


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        text = tidy(cell)
        if not text:
            raise Reject("not_a_cell", "nothing but characters that show nothing")
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise Reject("not_a_cell", f"{_short(cell)} has half a character (a lone surrogate)")
        return text
    if isinstance(cell, bool | int | float):
        return _category(cell)
    raise _no_cell(cell)


def _boolean(cell: Any) -> bool:
    if isinstance(cell, bool):
        return cell
    text = plain_number(str(cell).strip()).casefold()
    if text not in _TRUE and text not in _FALSE:
        raise Reject("not_a_boolean", f"{_short(cell)} is neither yes nor no; such a column may be a category")
    return text in _TRUE


def _date(formats: Sequence[str], day_first: bool | None, cell: Any) -> str:
    """Return ISO 8601, a day or a day and a time of UTC."""
    text = str(cell).strip() if isinstance(cell, str | int) and not isinstance(cell, bool) else ""
    try:
        for form in formats:
            try:
                return _iso(datetime.strptime(text, form))
            except ValueError:
                continue
        if found := _ISO.fullmatch(text):  # besides any format: whoever asks a served model may write so
            year, _, month, day, time, zone = found.groups()
            return _iso(datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T{_padded(time)}{zone or ''}"))
        if formats:
            raise Reject(
                "not_a_date", f"{_short(cell)} is none of {', '.join(formats)} (clean.normalise.dates.formats)"
            )
        if found := _WRITTEN.fullmatch(text):
            one, mark, other, year, time = found.groups()
            day, month = _ordered(one, other, mark, day_first, text)
            return _iso(datetime.fromisoformat(f"{year}-{month:0>2}-{day:0>2}T{_padded(time)}"))
        return _iso(_by_name(text))
    except ValueError:
        raise Reject(
            "not_a_date", f"{_short(cell)}; say how dates are written in clean.normalise.dates.formats"
        ) from None


def _ordered(one: str, other: str, mark: str, day_first: bool | None, text: str) -> tuple[str, str]:
    """Return (day, month) of two numbers before a year; a point between them stands behind a day."""
    if day_first is None and mark == ".":
        day_first = True
    if day_first is None:
        if int(one) <= 12 and int(other) <= 12 and one != other:
            raise Reject("ambiguous_date", f"{text!r}; say clean.normalise.dates.day_first: true or false")
        day_first = int(one) > 12
    return (one, other) if day_first else (other, one)


def _padded(time: str | None) -> str:
    return f"{time or '00:00':0>5}" if time is None or time.index(":") == 2 else f"0{time}"


def _by_name(text: str) -> datetime:
    for form in _NAMED_MONTHS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise ValueError(text)


def _iso(moment: datetime) -> str:
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    whole_day = not (moment.hour or moment.minute or moment.second or moment.microsecond)
    return moment.date().isoformat() if whole_day else moment.isoformat(timespec="seconds")


def _no_cell(cell: Any) -> Reject:
    return Reject("not_a_cell", f"{_short(cell)} is a {type(cell).__name__}, and a cell is a text or a number")


def _short(cell: Any) -> str:
    shown = ascii(cell)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
