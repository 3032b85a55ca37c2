"""A row of a table as a part of a request: an object of raw values by column in, the inputs of a graph out."""

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.fields import table as field
from chainrule.fields.cells import KINDS
from chainrule.fields.encoding import OTHER, category, encode, sizes
from chainrule.fields.reject import Reject
from chainrule.serving.limits import Limits
from chainrule.serving.parts.objects import QUICK, Kept, bare, gaps, of_cells, of_object, of_text, short
from chainrule.system.errors import DataError, TooLargeError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "QUICK", "SHAPE", "WORDS", "Read", "Reader", "bare", "check", "columns", "examples", "gaps", "highest",
    "inputs", "of_cells", "of_json", "of_text", "prepare", "read", "schema", "shown",
]  # fmt: skip

WORDS = "a row"
SHAPE = {"<column>": "..."}
"""What is said of a part in JSON."""
_NAMED = 10  # columns, or values of one, that a message names
_REMEMBERED = 256  # cells of a column: what is kept of requests must not grow with them
_JSON_TYPES = {"number": "number", "category": "string", "date": "string", "boolean": "boolean", "text": "string"}


class Reader(NamedTuple):
    """What reads the rows of one bundle."""

    columns: dict[str, str]
    """Kind by column, in the order of a clean row."""
    normalise: field.Normalise
    facts: Mapping[str, Any]


class Read(NamedTuple):
    """A row as it was read."""

    row: dict[str, Any]
    """Cells by column, None where one is missing, as encoding takes them."""
    notes: list[str]
    """What of it could not be taken as it came, a line each."""


def of_json(value: object) -> dict[str, Any]:
    """Return the row that JSON holds. Raises DataError, with what it must be, for anything else."""
    return of_object(value, "an object of raw values by column")


def columns(name: str, rules: Mapping[str, Any]) -> list[str]:
    """Return which columns of a file of rows hold the field `name`: those of a row."""
    return list(_reader(rules).columns)


def prepare(
    parts: Mapping[str, Any],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: Limits,
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, one row each, for a row. Raises DataError for what no row could be."""
    ((name, part),) = parts.items()
    return inputs(part, signature["preprocessing"][name], limits)


def inputs(part: Any, rules: Mapping[str, Any], limits: Limits) -> dict[str, np.ndarray]:
    """Return the graph's inputs, one row each, of an object of cells, of a clean row, or of what `read` made of one.

    rules: the field's `preprocessing` in the signature; limits: how long a cell may be. Raises DataError, with the
    column and the remedy, for what no row could be.
    """
    found = part if isinstance(part, Read) else read(part, rules, limits)
    return encode([found.row], rules["facts"])


def read(part: Any, rules: Mapping[str, Any], limits: Limits) -> Read:
    """Return the cells of a row as cleaning makes the rows, and what had to be done; a clean row, a str, is read alone.

    Raises DataError as `inputs`.
    """
    reader = _reader(rules)
    if isinstance(part, str):
        return Read(_of_clean(part, reader), [])
    _check(part, reader.columns, limits)
    try:
        clean, repairs = reader.normalise(part)
    except Reject as reject:
        raise DataError(_sentence(reject, part)) from reject
    (row,) = field.decode([clean])
    return Read(row, [*_repaired(repairs, part, row), *_unknown(row, reader.facts)])


def examples(rules: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return a row that is taken: what is usual in every column."""
    yield {column["name"]: column["usual"] for column in shown(rules)["columns"]}


def shown(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form asks for: by column its kind, what training rows had in it and what is usual.

    {"columns": [{"name", "kind", "usual", "low", "high", "values"}]}; low and high of numbers and dates, values of
    categories, the commonest first.
    """
    reader = _reader(rules)
    found = []
    for name, kind in reader.columns.items():
        about: dict[str, Any] = {"name": name, "kind": kind}
        if kind in ("number", "date"):
            about |= dict(zip(("low", "usual", "high"), rules["shown"][name], strict=True))
        elif kind == "text":
            about["usual"] = ""
        else:
            values = _commonest(reader.facts, name)
            about |= {"values": values, "usual": next(iter(values), None)}
        if kind == "boolean" and about["usual"] is not None:
            about["usual"] = about["usual"] == "true"
        found.append(about)
    return {"columns": found}


def schema(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a row: every column, null where its value is not known."""
    properties = {column["name"]: _column_schema(column) for column in shown(rules)["columns"]}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        "example": next(examples(rules)),
    }


def check(rules: Mapping[str, Any]) -> None:
    """Raise DataError if the field's `preprocessing` is not as export writes it."""
    try:
        shown(rules), highest(rules), encode([dict.fromkeys(_reader(rules).columns)], rules["facts"])
    except (AttributeError, KeyError, TypeError, ValueError, Reject) as error:
        raise DataError(f"how a row is read is not as export writes it ({error!r:.200}); export it again") from None


def highest(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the largest value of each input that has one: of categories by column, of words."""
    facts = rules["facts"]
    return {"categories": [size - 1 for size in sizes(facts)], "words": facts["words"]["buckets"]}


@Kept
def _reader(rules: Mapping[str, Any]) -> Reader:
    normalise = rules["normalise"]
    kinds = {name: kind for kind in KINDS for name in normalise[kind]}
    return Reader(kinds, field.normaliser(**normalise, remembered=_REMEMBERED), rules["facts"])


def _of_clean(clean: str, reader: Reader) -> dict[str, Any]:
    """Return the cells of a clean row, which may have columns that this model does not know: it is not cleaned again.

    Dates are ISO 8601 there, whatever the recipe's own look like.
    """
    (row,) = field.decode([clean])
    if missing := [name for name in reader.columns if name not in row]:
        raise DataError(f"the row has no column {_listed(missing)}, which the model learnt from")
    return {name: row[name] for name in reader.columns}


def _check(cells: Mapping[str, Any], known: Mapping[str, str], limits: Limits) -> None:
    """Raise DataError for a column that is not the model's, or is missing, and for a cell that is none."""
    for name in cells:
        if name not in known:
            near = difflib.get_close_matches(name[:100], known, 1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise DataError(f"the model has no column {name!r:.100}{meant}; it takes {_listed(known)}")
    if missing := [name for name in known if name not in cells]:
        columns = f"column {_listed(missing)} is" if len(missing) == 1 else f"columns {_listed(missing)} are"
        raise DataError(f"the {columns} missing; send null where a value is not known")
    for name, cell in cells.items():
        if isinstance(cell, str):
            if len(cell) > limits.characters:
                raise TooLargeError(f"{name}: {len(cell):,} characters; at most {limits.characters:,} are read")
        elif isinstance(cell, dict | list):
            raise DataError(f"{name}: a cell is a text, a number, true, false or null, and no {_kind_of(cell)}")


def _kind_of(cell: Any) -> str:
    return "object" if isinstance(cell, dict) else "list"


def _listed(names: Any) -> str:
    names = list(names)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(f"{name!r:.100}" for name in names[:_NAMED]) + more


_SAID = {
    "not_a_number": "is not a number",
    "not_finite": "is no number that a model can take",
    "not_a_date": "is not a date; write it as 2011-01-20",
    "ambiguous_date": "may be one of two days; write it as 2011-01-20",
    "not_a_boolean": "is neither true nor false",
    "not_a_cell": "holds nothing",
    "outside_range": "is outside of the range that the recipe allows",
}
"""What is said of a cell, by the reasons of cleaning."""


def _sentence(reject: Reject, cells: Mapping[str, Any]) -> str:
    """Return why a row is refused, and what to send."""
    reason, column = _parted(reject.reason, cells)
    if column:
        return f"{column}: {short(cells[column])} {_SAID[reason]}; send null where it is not known"
    column = reject.reason.removeprefix("missing_")
    if column in cells:
        return f"{column} is missing, and the recipe takes no row without it; send its value"
    if reject.reason == "empty_row":
        return "the row holds no value at all; send at least one"
    return reject.detail


def _repaired(repairs: list[str], cells: Mapping[str, Any], row: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for every cell that is none of its kind, or outside of its range."""
    for repair in repairs:
        reason, column = _parted(repair, cells)
        if column:
            became = "counts as missing" if row[column] is None else f"is taken as {short(row[column])}"
            yield f"{column}: {short(cells[column])} {_SAID[reason]}; it {became}"


def _parted(reason: str, cells: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a reason of cleaning says of a cell, and its column; of another reason there is no column."""
    for said in _SAID:
        column = reason.removeprefix(f"{said}_in_")
        if column != reason and column in cells:
            return said, column
    return reason, ""


def _unknown(row: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for every category that the model does not know."""
    for column in facts["category"]:
        places, value = facts["places"][column], row[column]
        if value is not None and places.get(category(value), OTHER) == OTHER:
            yield (
                f"{column}: {short(value)} is no category of the training rows, or a rare one; the model takes these "
                f"all alike and knows {_listed(_commonest(facts, column))}"
            )


def _commonest(facts: Mapping[str, Any], column: str) -> list[str]:
    """Return the categories of a column by their places, for in JSON their order is lost."""
    places: Mapping[str, int] = facts["places"][column]
    return sorted(places, key=lambda name: places[name])


def _column_schema(column: Mapping[str, Any]) -> dict[str, Any]:
    kind = column["kind"]
    found: dict[str, Any] = {"type": [_JSON_TYPES[kind], "null"]}
    if kind == "date":
        found["format"] = "date-time" if "T" in str(column["usual"]) else "date"
    if column.get("low") is not None:
        found["description"] = f"{column['low']} to {column['high']} in the training rows"
    if kind == "category":
        found["description"] = f"in the training rows {_listed(column['values'])}"
    return found
