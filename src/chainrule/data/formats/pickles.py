"""Pickles of plain containers and NumPy arrays, read without running anything that they name."""

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

from chainrule.system.errors import DataError

_NUMBERS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f4", "f8", "b1"}


def load(data: bytes, name: str) -> Any:
    """Return what a pickle of dictionaries, lists, texts, bytes, numbers and arrays holds; texts of Python 2 as bytes.

    A pickle is a program that may call anything. Here the few names that arrays need stand for functions of this
    module, which make arrays of plain numbers from bytes, and every other name is refused: raises DataError, as for
    what is no pickle. `name` is for messages.
    """
    try:
        _refuse_gaps(data)
        return _Restricted(io.BytesIO(data), encoding="bytes").load()
    except _Refused as error:
        raise DataError(
            f"{name}: a pickle that asks for {error}, and a pickle may run any code; save the arrays as .npy or .npz "
            "(numpy.save) where you trust the file"
        ) from None
    except Exception as error:
        raise DataError(
            f"{name}: no pickle that can be read ({' '.join(str(error).split())}); fetch it again"
        ) from None


def _refuse_gaps(data: bytes) -> None:
    """Raise ValueError where a place in the memo is beyond what the pickle can fill: all below it would be made."""
    for code, place, _ in pickletools.genops(data):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(place or 0) > len(data):
            raise ValueError(f"it keeps a value at place {place}, and has {len(data):,} bytes")


def array(value: Any) -> Any:
    """Return the NumPy array of a value that `load` gave for one; anything else as it is."""
    return value.value if isinstance(value, _Array) else value


class _Refused(Exception):  # noqa: N818 - it never leaves this module
    pass


class _Array:
    """What stands for an array until its bytes come."""

    value: Any = None

    def __setstate__(self, state: Any) -> None:
        import numpy as np

        _, shape, kind, in_columns, content = state
        if not isinstance(kind, _Kind) or not isinstance(content, bytes):
            raise _Refused("an array of objects")
        self.value = np.frombuffer(content, kind.name).reshape(shape, order="F" if in_columns else "C")


class _Kind:
    """What stands for the type of an array's numbers."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.name = name.decode() if isinstance(name, bytes) else str(name)
        if self.name not in _NUMBERS:
            raise _Refused(f"an array of {self.name[:20]!r}")

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode() if isinstance(state[1], bytes) else str(state[1])
        self.name = (order if order in "<>" else "") + self.name


def _begun(*_: Any) -> _Array:
    return _Array()


def _as_bytes(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise _Refused(f"the encoding {encoding[:20]!r}")
    return text.encode("latin-1")


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _begun,
    ("numpy._core.multiarray", "_reconstruct"): _begun,
    ("_codecs", "encode"): _as_bytes,
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _Refused(f"{module}.{name}"[:80])
        return _ALLOWED[module, name]
