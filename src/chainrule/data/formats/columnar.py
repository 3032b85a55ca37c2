"""Parquet files as tables, read batch by batch."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule.data.formats.tables import Row, Table, refuse_wide
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError

BATCH = 4096
"""Rows that are read at a time."""


def tables(files: Sequence[Path], *, section: str) -> list[Table]:
    """Return the table of each file; numbers of classes that Hugging Face's features name are these names.

    Raises DataError for a file that is missing, no Parquet or without rows, and for more columns than a table has.
    """
    return [_table(path, section) for path in files]


def _table(path: Path, section: str) -> Table:
    import pyarrow
    from pyarrow import parquet

    if not path.is_file():
        raise DataError(f"{path}: missing; put it there or correct {section}.files")
    try:
        file = parquet.ParquetFile(path)
        schema, count = file.schema_arrow, file.metadata.num_rows
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: no Parquet file that can be read ({_line(error)}); fetch it again") from None
    if not count:
        raise DataError(f"{path}: holds no rows; fetch it again")

    def batches(wanted: list[str]) -> Iterator[Any]:
        yield from file.iter_batches(batch_size=BATCH, columns=wanted)

    return of_batches(path, section, schema.names, _classes(schema.metadata or {}), batches)


def of_batches(
    path: Path,
    section: str,
    names: Sequence[str],
    classes: Mapping[str, Sequence[str]],
    batches: Callable[[list[str]], Iterator[Any]],
) -> Table:
    """Return the table of Arrow's batches; `batches` gives them with the columns that it is called with.

    names: of all columns; classes: by column the names of classes whose numbers stand there.
    """
    import pyarrow

    refuse_wide(path, len(names))
    named = [classes.get(name) for name in names]

    def rows(places: Sequence[int]) -> Iterator[Row]:
        wanted = [names[place] for place in places]
        line = 0
        try:
            for batch in batches(wanted):
                own = [_values(batch.column(name), named[place]) for name, place in zip(wanted, places, strict=True)]
                for values in zip(*own, strict=True):
                    line += 1
                    cells: list[Any] = [None] * len(named)
                    for place, value in zip(places, values, strict=True):
                        cells[place] = value
                    yield Row(line, cells, "", "", sys.maxsize)
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{path}: cannot be read behind row {line:,} ({_line(error)}); fetch it again") from None

    return Table(path, section, [tidy(name) for name in names], len(named), rows, None, True, None, False, Counter())


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _values(column: Any, names: Sequence[str] | None) -> list[Any]:
    """Return the values of a column; of numbers of classes the names, none where there is none (-1)."""
    values: list[Any] = column.to_pylist()
    if names is None:
        return values
    known: Callable[[Any], Any] = lambda value: names[value] if value in range(len(names)) else None  # noqa: E731
    return [known(value) for value in values]


def _classes(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of classes by column, which `datasets` writes beside a schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name: each["names"] for name, each in features.items() if each.get("_type") == "ClassLabel"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
