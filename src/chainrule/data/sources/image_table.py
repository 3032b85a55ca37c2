"""CSV and TSV files that name images beside them: one column has their paths, others say what they show."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from chainrule.data.formats import cells, folders
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

TAKES_ALONG = True
"""New tables come with the files that they name, which are none without a table."""


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    columns: cells.Columns | None = None,
    files: Mapping[str, str],
    delimiter: str = ",",
    quoting: bool = True,
    header: bool = True,
    labels: Mapping[str, str] | None = None,
    separator: str = ",",
    decimal: str = ".",
    group: str | int | None = None,
    time: str | int | None = None,
    encoding: str | None = None,
    max_cell: int = cells.MAX_CELL,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the tables in the directory `path`, in the order of `files` and of their lines.

    The column of an input holds the path of an image, from the folder of its table; the input is the bytes of that
    file. All else is as in the source `delimited`. attrs["images"] counts rows by image, as a path from `path`, and
    attrs["unnamed_images"] says of a source how many images in `path` no row names.

    `problem` is also "missing_file", and "outside_folder" for a path that leaves the folder. Raises DataError as
    `delimited` does, and for an image that is not to be read.
    """
    path = Path(path)
    if not path.is_dir():
        what = "a file" if path.is_file() else "no such directory"
        raise DataError(f"{path}: {what}; {section}.path must name the folder that holds the table and its images")
    images: Counter[str] = Counter()

    def image(folder: Path, cell: str) -> cells.Found:
        name = PurePosixPath(cell.strip().replace("\\", "/"))
        if not name.parts:
            return None, None
        if name.is_absolute() or ".." in name.parts:
            return None, f"outside_folder: {cell.strip()!r}; name images from the folder of their table"
        file = folder / name
        if not file.is_file():
            return None, f"missing_file: {cell.strip()!r}"
        images[file.relative_to(path).as_posix()] += 1
        try:
            return file.read_bytes(), None
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror}); check the file's permissions") from error

    rows = cells.read(
        path,
        fields,
        image,
        columns=columns,
        files=files,
        delimiter=delimiter,
        quoting=quoting,
        header=header,
        writing=cells.Writing(labels, separator, decimal),
        group=group,
        time=time,
        encoding=encoding,
        max_cell=max_cell,
        section=section,
    )
    rows.attrs["images"] = dict(images)
    if section == "source":
        rows.attrs["unnamed_images"] = sum(name not in images for name in _images(path))
    return rows


def _images(path: Path) -> Iterator[str]:
    """Yield the images below a folder that are not hidden, as paths from there."""
    for here, below, names in os.walk(path):
        below[:] = [name for name in below if not folders.hidden(name)]
        shown = (Path(here) / name for name in names if not folders.hidden(name))
        yield from (file.relative_to(path).as_posix() for file in shown if file.suffix.lower() in folders.ENDINGS)
