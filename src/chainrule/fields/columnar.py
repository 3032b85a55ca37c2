"""Clean rows of a table by column, where all of them are looked at together."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 2**23  # bytes that are parsed together, more only for a row that is longer


def columnar(values: Sequence[str]) -> "pa.Table":
    """Return rows [N], as `chainrule.fields.table` cleans them, by column: float64, string or bool, null where missing.

    A column in which every cell is missing is of type null.
    """
    import pyarrow as pa
    from pyarrow import json as lines

    schema = _schema(values)
    if not values:
        return schema.empty_table()
    longest = 4 * max(map(len, values)) + 2  # a character has four bytes at most
    text = "\n".join(values).encode()
    return lines.read_json(
        pa.BufferReader(text),
        read_options=lines.ReadOptions(use_threads=False, block_size=max(_BLOCK, longest)),
        parse_options=lines.ParseOptions(explicit_schema=schema, newlines_in_values=False),
    )


def _schema(values: Sequence[str]) -> "pa.Schema":
    """Return the columns with their types: all cells of a column have one, so the first that is not missing says it."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {}
    open_still: set[str] = set()
    for at, value in enumerate(values):
        row = json.loads(value)
        if not at:
            types, open_still = dict.fromkeys(row, pa.null()), set(row)
        for name in [name for name in open_still if row[name] is not None]:
            cell = row[name]
            types[name] = (
                pa.bool_() if isinstance(cell, bool) else pa.string() if isinstance(cell, str) else pa.float64()
            )
            open_still.remove(name)
        if not open_still:
            break
    return pa.schema(list(types.items()))
