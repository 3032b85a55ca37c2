"""Files that JSON holds in base64."""

import base64
import binascii

from chainrule.system.errors import DataError


def of_base64(value: object, called: str) -> bytes:
    """Return the file that JSON holds. Raises DataError, with what it must be, for anything but base64."""
    try:
        return base64.b64decode(value, validate=True)  # type: ignore[arg-type] # of another type it is a TypeError
    except (binascii.Error, TypeError, ValueError):
        raise DataError(f"{called} in base64") from None
