"""One text file per class, one row per line (such as the movie reviews of Pang and Lee, 2005)."""

from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def read(path: Path, *, files: dict[str, str]) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, in the order of `files` and of the lines.

    `files` maps a label to the name of the file of that class. `text` holds the bytes of the line without
    its line end (LF or CRLF), empty lines included; `id` is "<label>/<line>", counted from 1; every row is
    its own group. Raises DataError for a missing or empty file, and for one that is not a text file.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_dir():
        raise DataError(f"{path}: no such directory; source.path must name the directory of the text files")
    ids: list[str] = []
    texts: list[bytes] = []
    labels: list[str] = []
    origins: list[str] = []
    taken: dict[Path, str] = {}
    for label, name in files.items():
        file = path / name
        if file in taken:
            raise DataError(f"{file}: named for both {taken[file]!r} and {label!r}; give every label its own file")
        taken[file] = label
        lines = _lines(file)
        ids += [f"{label}/{i:06d}" for i in range(1, len(lines) + 1)]
        texts += lines
        labels += [label] * len(lines)
        origins += [f"{name}:{i}" for i in range(1, len(lines) + 1)]
    return pd.DataFrame(
        {
            "id": pd.Series(ids, dtype="str"),
            "group": pd.Series(ids, dtype="str"),
            "text": pd.Series(texts, dtype=object),
            "label": pd.Series(labels, dtype="str"),
            "part": pd.Series([None] * len(ids), dtype="str"),
            "origin": pd.Series(origins, dtype="str"),
            "problem": pd.Series([None] * len(ids), dtype="str"),
        }
    )


def _lines(file: Path) -> list[bytes]:
    """Return the lines of a text file as bytes without their ends; a last line needs no end."""
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{file}: missing; put it there or correct source.files") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); source.files must name readable files") from error
    if not data.strip():
        raise DataError(f"{file}: empty; fetch the file again or take it out of source.files")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{file}: UTF-16, where lines cannot be told apart as bytes; save the file as UTF-8")
    if data.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        raise DataError(f"{file}: a compressed archive, not a text file; unpack it")
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]
