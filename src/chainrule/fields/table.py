"""Rows of a table: a JSON object of cells as they are written in, one of typed cells out, in the order of its kinds."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.fields import cells
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DTYPE = "str"
OBSERVED = True
"""Equal rows are as many observations: all are kept, in one group."""

_REMEMBERED = 2**14  # cells of a column whose values are kept at hand; most columns have fewer different ones
_BLOCK = 2**23  # bytes that are parsed together, more only for a row that is longer
_LONGEST = 64  # characters of a cell that is remembered
_read = json.JSONDecoder().decode
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Found(NamedTuple):
    """What became of a cell: its JSON, the repair if there was one, and why its row is turned away, if it is."""

    text: str
    repair: str | None
    rejected: tuple[str, str] | None


class _Column(NamedTuple):
    name: str
    begin: str
    """How the column begins in a clean row: its name as JSON, and a colon."""
    plain: Callable[[str], object]
    """Whether a text stays as it is."""
    find: Callable[[Any], Found]
    seen: dict[str, Found]


Normalise = Callable[[bytes | str | Mapping[str, Any]], tuple[str, list[str]]]


def normalise(raw: bytes | str | Mapping[str, Any], **options: Any) -> tuple[str, list[str]]:
    """Return one row normalised, as `normaliser` says; for many rows make one with it."""
    return normaliser(**options)(raw)


def normaliser(
    *,
    remembered: int = _REMEMBERED,
    number: Sequence[str] = (),
    category: Sequence[str] = (),
    date: Sequence[str] = (),
    boolean: Sequence[str] = (),
    text: Sequence[str] = (),
    missing: Mapping[str, Any],
    absent: Sequence[str],
    unreadable: str,
    ranges: Mapping[str, Sequence[Any]],
    outside: str,
    decimal: str,
    thousands: str,
    dates: Mapping[str, Any],
) -> Normalise:
    """Return what normalises a row, by clean.normalise: from raw to (clean, what had to be repaired).

    remembered: of how many cells of a column the values are kept at hand; the other arguments are keys of the section.
    raw: a JSON object of cells by column, in UTF-8 or read already. clean: compact JSON of exactly the columns that are
    listed, in the order number, category, date, boolean, text: numbers, strings (NFC), ISO 8601, true or false; null
    where a cell is missing. Repairs, each with `_in_<column>`: filled (a constant for what was missing),
    outside_range, and, where `unreadable` is "missing", the reasons for which a cell is none of its kind.

    What is normalised Rejects: not_an_object, no_column_<column>, missing_<column>, empty_row (no cell of it holds
    anything), outside_range_in_<column>, ambiguous_date_in_<column>, and, where `unreadable` is "reject",
    not_a_number_in_<column>, not_finite_, not_a_date_, not_a_boolean_, not_a_cell_ alike.
    """
    of_kind = {"number": number, "category": category, "date": date, "boolean": boolean, "text": text}
    read = cells.readers(decimal=decimal, thousands=thousands, dates=dates)
    nothing = frozenset(each.strip().casefold() for each in absent)
    plain = cells.plainly(nothing)
    columns = []
    for kind in cells.KINDS:
        for name in of_kind[kind]:
            policy = missing.get(name, missing.get(kind, "keep"))
            empty = _empty(name, policy, read[kind])
            find = _finder(name, read[kind], nothing, empty, unreadable, ranges.get(name), outside)
            free = kind == "number" and decimal == "." and name not in ranges
            columns.append(_Column(name, f"{_written(name)}:", plain if free else _never, find, {}))
    return _of_columns(columns, remembered)


def _of_columns(columns: Sequence[_Column], remembered: int) -> Normalise:
    def normalise(raw: bytes | str | Mapping[str, Any]) -> tuple[str, list[str]]:
        row = raw if isinstance(raw, Mapping) else parsed(raw)
        parts, repairs, held = [], [], False
        for name, begin, plain, find, seen in columns:
            if name not in row:
                raise Reject(f"no_column_{name}", f"the row has no column {name!r}; it has {_listed(row)}")
            cell = row[name]
            if isinstance(cell, str):
                if plain(cell):
                    held = True
                    parts.append(begin + cell)
                    continue
                found = seen.get(cell)
                if found is None:
                    found = find(cell)
                    if len(cell) <= _LONGEST:
                        if len(seen) >= remembered:
                            seen.clear()
                        seen[cell] = found
            else:
                found = find(cell)
            text, repair, rejected = found
            if rejected is not None:
                raise Reject(*rejected)
            if repair is not None:
                repairs.append(repair)
            held = held or (text != "null" and (repair is None or not repair.startswith("filled_")))
            parts.append(begin + text)
        if not held:
            raise Reject("empty_row", "no column that is listed in clean.normalise holds anything")
        return f"{{{','.join(parts)}}}", repairs

    return normalise


def _never(_: str) -> bool:
    return False


def _empty(name: str, policy: Any, read: cells.Read) -> Found:
    """Return what becomes of a missing cell."""
    if policy == "reject":
        return Found("", None, (f"missing_{name}", f"no {name}; clean.normalise.missing says reject"))
    if isinstance(policy, Mapping):
        return Found(_cell(read(policy["constant"])), f"filled_in_{name}", None)
    return Found("null", None, None)  # kept, or filled once the rows before it are known


def _finder(
    name: str,
    read: cells.Read,
    absent: frozenset[str],
    empty: Found,
    unreadable: str,
    bounds: Sequence[Any] | None,
    outside: str,
) -> Callable[[Any], Found]:
    """Return what makes a cell's value of what is written in it."""

    def find(cell: Any) -> Found:
        if cells.is_absent(cell, absent):
            return empty
        try:
            value = read(cell)
        except Reject as reject:
            reason = f"{reject.reason}_in_{name}"
            if unreadable == "reject" or reject.reason == "ambiguous_date":
                return Found("", None, (reason, reject.detail))
            return _missing(empty, reason)
        if bounds is None:
            return Found(_cell(value), None, None)
        low, high = bounds
        kept: Any = low if low is not None and value < low else high if high is not None and value > high else value
        if kept == value:
            return Found(_cell(value), None, None)
        reason = f"outside_range_in_{name}"
        if outside == "reject":
            return Found("", None, (reason, f"{value} is not within {low} and {high}"))
        return Found(_cell(kept), reason, None) if outside == "clip" else _missing(empty, reason)

    return find


def _cell(value: cells.Value) -> str:
    """Return a value as JSON; a number, which is finite, as Python writes it, without the encoder's detour."""
    return _written(value) if isinstance(value, str | bool) else repr(value)


def _missing(empty: Found, reason: str) -> Found:
    """Return what becomes of a cell that counts as missing, and says why."""
    return Found(empty.text, reason, empty.rejected)


def parsed(raw: bytes | str) -> Mapping[str, Any]:
    """Return the object of cells that JSON holds. Raises Reject: not_an_object."""
    try:
        row = _read(raw if isinstance(raw, str) else raw.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise Reject("not_an_object", f"not JSON ({error})") from None
    if not isinstance(row, dict):
        raise Reject("not_an_object", f"a JSON {type(row).__name__}, and a row is an object of cells by column")
    return row


def _listed(names: Iterable[str], most: int = 8) -> str:
    listed = [ascii(name)[:60] for name in names]
    return ", ".join(listed[:most]) + (f" and {len(listed) - most:,} more" if len(listed) > most else "")


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


def listed(normalise: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of each column that clean.normalise lists, in the order of clean rows."""
    return {name: kind for kind in cells.KINDS for name in normalise[kind]}


def key(value: str) -> str:
    """Return what two rows share that are equal: the row itself, which has one form."""
    return value


def decode(values: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows as encoding takes them: cells by column, None where one is missing."""
    return [json.loads(value) for value in values]


def filled(
    values: Sequence[str], parts: Sequence[str | None], normalise: Mapping[str, Any]
) -> tuple[list[str], dict[str, int]]:
    """Return clean rows with forward_fill done, and how many cells of which column were filled.

    A missing cell becomes that of the nearest row before it, of the same official part, in which it is not missing;
    before the first of these it stays missing.
    """
    missing = normalise["missing"]
    columns = [
        name for name, kind in listed(normalise).items() if missing.get(name, missing.get(kind)) == "forward_fill"
    ]
    counts: Counter[str] = Counter()
    if not columns:
        return list(values), counts
    before: dict[str | None, dict[str, Any]] = {}
    rows = []
    for value, part in zip(values, parts, strict=True):
        row, last = json.loads(value), before.setdefault(part, {})
        for name in columns:
            if row[name] is None and name in last:
                row[name] = last[name]
                counts[f"filled_in_{name}"] += 1
            elif row[name] is not None:
                last[name] = row[name]
        rows.append(_written(row))
    return rows, counts


def near_duplicates(
    values: Sequence[str], threshold: float, progress: Callable[..., Iterable[Any]] | None = None
) -> np.ndarray:
    """Return the index pairs [P, 2] (int64, first < second, sorted) of each row and the first that is equal to it.

    `threshold` is 1, or 0: then equal rows are not alike, and may part.
    """
    if not threshold:
        return np.empty((0, 2), np.int64)
    first: dict[str, int] = {}
    pairs = [(at, index) for index, value in enumerate(values) if (at := first.setdefault(value, index)) != index]
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def augmented_copy(value: str, rng: np.random.Generator, *, noise: float, dropout: float) -> str:
    """Return a copy in which numbers are a little others, and some cells are missing.

    Each number is multiplied by 1 + `noise` times a standard normal number, so 0 stays 0; each cell becomes missing
    with probability `dropout`, but one of those that were not stays.
    """
    row = json.loads(value)
    held = [name for name, cell in row.items() if cell is not None]
    gone = rng.random(len(held)) < dropout
    if gone.all():
        gone[rng.integers(len(held))] = False
    factors = 1 + noise * rng.standard_normal(len(held))
    for name, missing, factor in zip(held, gone, factors.tolist(), strict=True):
        if missing:
            row[name] = None
        elif noise and isinstance(row[name], int | float) and not isinstance(row[name], bool):
            row[name] = cells.plain(row[name] * factor)
    return _written(row)


def left_out(raw: bytes, normalise: Mapping[str, Any]) -> list[str]:
    """Return the columns of a raw row that clean.normalise does not list."""
    known = listed(normalise)
    return [name for name in parsed(raw) if name not in known]


def measures(table: "pa.Table") -> "pd.DataFrame":
    """Return what validation looks at of what `columnar` has read: by column numbers, or whether there is anything."""
    import pandas as pd

    present = np.array([None, "present"])
    return pd.DataFrame(
        {
            _called(name): column.to_numpy()
            if str(column.type) == "double"
            else present[column.is_valid().to_numpy().astype(np.int8)]
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def expectations(normalise: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what `measures` must show of clean rows; `normalise` as in params.yaml."""
    expected: list[tuple[str, dict[str, Any]]] = []
    for name, kind in listed(normalise).items():
        policy = normalise["missing"].get(name, normalise["missing"].get(kind))
        if policy == "reject" or isinstance(policy, Mapping):
            expected.append(("expect_column_values_to_not_be_null", {"column": _called(name)}))
        if kind == "number" and name in normalise["ranges"]:
            bounds = zip(("min_value", "max_value"), normalise["ranges"][name], strict=True)
            within = {bound: value for bound, value in bounds if value is not None}
            expected.append(("expect_column_values_to_be_between", {"column": _called(name), **within}))
    return expected


def _called(name: str) -> str:
    """Return what a column is called among those of validation, of which none begins with a quote."""
    return f"'{name}'"


def measure(
    rows: Sequence[Mapping[str, np.ndarray]],
    fields: Sequence[str],
    tokenizer: Any,
    preprocessing: Mapping[str, Any] | None = None,
) -> dict[str, Measured]:
    """Return by field what drift compares of rows as a model gets them: each column of numbers and of categories.

    rows: a graph's inputs, as `chainrule.fields.encoding` makes them; preprocessing: by field the facts that they were
    made with. A missing number is what the training rows say stands for it; how many cells of a row are missing is a
    number of its own. Dates move on by themselves, and are not compared.
    """
    assert preprocessing is not None  # exported with every model for tables
    (field,) = fields
    facts = preprocessing[field]["facts"]
    count = len(facts["number"])
    numbers = np.array([row["numbers"][0, :count] if count else [] for row in rows], np.float64).reshape(
        len(rows), count
    )
    codes = np.array([row["categories"][0] if facts["category"] else [] for row in rows], np.int64)
    gaps = np.isnan(numbers)
    missing = gaps.sum(axis=1)
    classes = {}
    for at, column in enumerate(facts["category"]):
        named = {place: name for name, place in facts["places"][column].items()}
        own = facts["absent"][column]
        missing = missing + (codes[:, at] == own) * (own not in named)
        classes[_called(column)] = [
            named.get(code, "missing" if code == own else "other") for code in codes[:, at].tolist()
        ]
    filled = np.where(gaps, np.asarray(facts["fill"][:count], np.float64), numbers)
    measured = {_called(column): filled[:, at] for at, column in enumerate(facts["number"])}
    return {field: Measured({**measured, "missing cells": missing.astype(np.float64)}, {}, None, classes)}
