"""Cells of formats that have types (Excel, JSON, Parquet): as text, and as JSON."""

import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

NESTED = "nested_value"
BINARY = "binary_value"

Found = tuple[Any, str | None]
"""What was made of a cell, and the problem of its row if there is one."""


class ErrorValue(str):
    """What a spreadsheet shows in a cell whose formula has no value, such as #DIV/0!."""

    __slots__ = ()


def written(cell: Any) -> str:
    """Return a cell as it would be written in a CSV file; "" for none, ValueError with a problem for what has no text.

    A whole number that is a float is written without a point, as others write it; dates and times are ISO 8601.
    """
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, int | Decimal | timedelta):
        return str(cell)
    if isinstance(cell, datetime) and cell.time() == time() and cell.tzinfo is None:
        return cell.date().isoformat()
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, bytes):
        raise ValueError(f"{BINARY}: {len(cell):,} bytes where a value is needed")
    what = "an object" if isinstance(cell, dict) else "a list"
    raise ValueError(f"{NESTED}: {what} where a value is needed; give it a column of its own")


def as_json(cell: Any) -> str:
    """Return a cell as JSON: texts, numbers, truth values and null as they are, dates and the like as texts.

    A number that JSON does not have is null if it is none (NaN) and a text if it is infinite. What is nested stays so;
    bytes are told by their number alone.
    """
    if isinstance(cell, str):
        return encode_basestring(cell)
    if cell is None:
        return "null"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return int.__repr__(cell)
    if isinstance(cell, float):
        return float.__repr__(cell) if math.isfinite(cell) else "null" if math.isnan(cell) else f'"{cell}"'
    if isinstance(cell, dict):
        return f"{{{','.join(f'{encode_basestring(str(key))}:{as_json(own)}' for key, own in cell.items())}}}"
    if isinstance(cell, list | tuple):
        return f"[{','.join(map(as_json, cell))}]"
    return as_json({"bytes": len(cell)}) if isinstance(cell, bytes) else encode_basestring(written(cell))


def texts(read: Callable[[str], Found]) -> Callable[[Any], Found]:
    """Return what reads any cell as `read` does one of a CSV file."""

    def read_any(cell: Any) -> Found:
        if isinstance(cell, ErrorValue):
            return None, f"error_value: {cell}"
        if isinstance(cell, str):
            return read(cell)
        try:
            return read(written(cell))
        except ValueError as error:
            return None, str(error)

    return read_any
