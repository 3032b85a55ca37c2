"""What parts that come as files share: by their paths where rows name them, in base64 where JSON holds them."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.serving import records
from chainrule.serving.limits import Limits
from chainrule.system.errors import DataError


def of_base64(value: object, called: str) -> bytes:
    """Return the file that JSON holds. Raises DataError, with what it must be, for anything but base64."""
    try:
        return base64.b64decode(value, validate=True)  # type: ignore[arg-type] # of another type it is a TypeError
    except (binascii.Error, TypeError, ValueError):
        raise DataError(f"{called} in base64") from None


def columns(name: str, rules: Mapping[str, Any]) -> list[str]:
    """Return which columns of a file of rows hold the field `name`: its own."""
    return [name]


def of_cells(cells: Mapping[str, Any], folder: Path, limits: Limits) -> bytes:
    """Return the file that the cell of a row names, below `folder` unless it is absolute. Raises DataError."""
    (cell,) = cells.values()
    return of_file(folder / str(cell), limits)


def of_file(path: Path, limits: Limits) -> bytes:
    """Return a file. Raises DataError if it cannot be read, TooLargeError for more than a request may have."""
    return records.content(path, limits.body_bytes)


def shown(rules: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the page knows of the field: its rules."""
    return rules
