"""A user, and maybe an item, as a part of a request: an object in, the inputs of a graph out."""

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.fields import cells
from chainrule.fields.interaction import ITEM, ROLES, STRANGERS, USER, decode, encode, places
from chainrule.fields.reject import Reject
from chainrule.serving.limits import Limits
from chainrule.serving.parts.objects import QUICK, Kept, bare, gaps, of_cells, of_object, of_text, short
from chainrule.system.errors import DataError, TooLargeError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "QUICK", "SHAPE", "WORDS", "Read", "Reader", "bare", "check", "clean", "columns", "examples", "gaps", "highest",
    "inputs", "of_cells", "of_json", "of_text", "prepare", "read", "schema", "shown",
]  # fmt: skip

WORDS = "a user"
SHAPE = {"user": "..."}
"""What is said of a part in JSON."""
COUNT, WITHOUT = "k", "without"
"""What a request may say beside the row: how many items are listed, and which are not."""
USUAL, MOST, LEFT_OUT = 10, 100, 1000
"""Items of a list if nothing is said, at most, and the most that may be left out of it."""
_NAMED = 1000  # users and items that a page offers
_TYPES = {"number": "number", "category": "string"}


class Reader(NamedTuple):
    """What reads the rows of one bundle."""

    read: dict[str, cells.Read]
    nothing: frozenset[str]
    longest: int
    features: dict[str, str]
    """Kind by column."""
    places: dict[str, dict[str, int]]
    facts: Mapping[str, Any]


class Read(NamedTuple):
    """A row as it was read."""

    row: dict[str, Any]
    """user, item and features, None where one is missing, as encoding takes them."""
    notes: list[str]
    """What of it could not be taken as it came, a line each."""
    most: int = USUAL
    without: frozenset[str] = frozenset()


def of_json(value: object) -> dict[str, Any]:
    """Return the row that JSON holds. Raises DataError, with what it must be, for anything else."""
    return of_object(value, "an object that names a user")


def columns(name: str, rules: Mapping[str, Any]) -> list[str]:
    """Return which columns of a file of rows hold the field `name`."""
    return [*ROLES, *_reader(rules).features]


def prepare(
    parts: Mapping[str, Any],
    signature: Mapping[str, Any],
    tokenizer: "Tokenizer | None",
    limits: Limits,
) -> dict[str, np.ndarray]:
    """Return the graph's inputs, one row each, for a user and an item. Raises DataError for what no row could be."""
    ((name, part),) = parts.items()
    return inputs(part, signature["preprocessing"][name], limits)


def inputs(part: Any, rules: Mapping[str, Any], limits: Limits) -> dict[str, np.ndarray]:
    """Return the graph's inputs, one row each, of an object, of a clean row, or of what `read` made of one.

    rules: the field's `preprocessing` in the signature. Raises DataError, with the remedy, for what no row could be.
    """
    found = part if isinstance(part, Read) else read(part, rules, limits)
    reader = _reader(rules)
    return encode([found.row], reader.facts, reader.places)


def read(part: Any, rules: Mapping[str, Any], limits: Limits) -> Read:
    """Return the row of an object, with what had to be done; a clean row, a str, is read alone.

    Raises DataError as `inputs`.
    """
    reader = _reader(rules)
    if isinstance(part, str):
        (row,) = decode([part])
        return Read({name: row.get(name) for name in (*ROLES, *reader.features)}, [])
    _check(part, reader)
    row = {role: _name(role, part.get(role), reader, limits) for role in ROLES}
    for column, kind in reader.features.items():
        row[column] = _cell(column, part.get(column), kind, reader, limits)
    notes = [
        f"{role}: {short(row[role])} is none that training met; it is taken for one of whom nothing is known"
        for role in ROLES
        if row[role] is not None and row[role] not in reader.places[role]
    ]
    return Read(row, notes, _count(part.get(COUNT)), _without(part.get(WITHOUT), reader, limits))


clean = read
"""What was sent as it was read, for an answer that says how many items are listed."""


def examples(rules: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return a row that is taken: the user and the item of most training rows."""
    facts = rules["facts"]
    yield {role: _commonest(facts, role)[0] for role in ROLES}


def shown(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form asks for: users and items, those of most training rows first, and features.

    {"users", "items", "features": [{"name", "kind", "values"}], "usual", "most"}
    """
    reader = _reader(rules)
    features = [
        {"name": name, "kind": kind, **({"values": list(reader.facts["places"][name])} if kind == "category" else {})}
        for name, kind in reader.features.items()
    ]
    named = {f"{role}s": _commonest(reader.facts, role)[:_NAMED] for role in ROLES}
    return {**named, "features": features, "usual": USUAL, "most": min(MOST, len(reader.facts["items"]))}


def schema(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a row."""
    name = {"type": ["string", "number", "null"]}
    properties = {
        USER: {**name, "description": "who; null: nobody in particular"},
        ITEM: {**name, "description": "what is to be said of; left out or null: the list alone"},
        COUNT: {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL, "description": "items of the list"},
        WITHOUT: {
            "type": "array",
            "items": {"type": ["string", "number"]},
            "maxItems": LEFT_OUT,
            "description": "items that are not to be listed, beside those that the user met in training",
        },
        **{
            column: {"type": [_TYPES[kind], "null"], "description": "null or left out: as training knows it"}
            for column, kind in _reader(rules).features.items()
        },
    }
    example = next(examples(rules))
    required = [USER]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "example": example,
    }


def check(rules: Mapping[str, Any]) -> None:
    """Raise DataError if the field's `preprocessing` is not as export writes it."""
    try:
        shown(rules), highest(rules), encode([dict.fromkeys(ROLES)], rules["facts"])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, Reject) as error:
        raise DataError(f"how a row is read is not as export writes it ({error!r:.200}); export it again") from None


def highest(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the largest value of each input that has one: users and items with strangers, categories by column."""
    facts = rules["facts"]
    found: dict[str, Any] = {role: len(facts[f"{role}s"]) + STRANGERS for role in ROLES}
    return {**found, "categories": [len(facts["places"][column]) for column in facts["category"]]}


@Kept
def _reader(rules: Mapping[str, Any]) -> Reader:
    normalise, facts = rules["normalise"], rules["facts"]
    read = cells.readers(
        decimal=normalise["decimal"], thousands=normalise["thousands"], dates={"formats": [], "day_first": None}
    )
    nothing = frozenset(each.strip().casefold() for each in normalise["absent"])
    features = {**dict.fromkeys(facts["number"], "number"), **dict.fromkeys(facts["category"], "category")}
    return Reader(read, nothing, normalise["longest"], features, places(facts), facts)


def _check(part: Mapping[str, Any], reader: Reader) -> None:
    """Raise DataError for what a request does not take, and where it says nothing of a user."""
    known = [*ROLES, *reader.features, COUNT, WITHOUT]
    for name in part:
        if name not in known:
            near = difflib.get_close_matches(str(name)[:100], known, 1)
            meant = f" (did you mean {near[0]!r}?)" if near else ""
            raise DataError(f"the model has no {name!r:.100}{meant}; it takes {', '.join(known)}")
    if USER not in part:
        raise DataError("user is missing; send null for nobody in particular")


def _name(role: str, cell: Any, reader: Reader, limits: Limits) -> str | None:
    """Return the name of a user or an item; None where none is named."""
    value = _cell(role, cell, "category", reader, limits)
    if value is not None and len(str(value)) > reader.longest:
        raise DataError(f"{role}: {len(str(value)):,} characters; at most {reader.longest:,} are taken")
    return None if value is None else str(value)


def _cell(column: str, cell: Any, kind: str, reader: Reader, limits: Limits) -> Any:
    if isinstance(cell, dict | list | bool):
        raise DataError(f"{column}: {short(cell)} is neither a text nor a number; send null where it is not known")
    if isinstance(cell, str) and len(cell) > limits.characters:
        raise TooLargeError(f"{column}: {len(cell):,} characters; at most {limits.characters:,} are read")
    if cells.is_absent(cell, reader.nothing):
        return None
    try:
        return reader.read[kind](cell)
    except Reject:
        raise DataError(f"{column}: {short(cell)} is no {kind}; send null where it is not known") from None


def _count(asked: Any) -> int:
    if asked is None:
        return USUAL
    if type(asked) is not int or not 1 <= asked <= MOST:
        raise DataError(f"{COUNT} must be a whole number from 1 to {MOST}, not {short(asked)}")
    return asked


def _without(asked: Any, reader: Reader, limits: Limits) -> frozenset[str]:
    if asked is None:
        return frozenset()
    if not isinstance(asked, list) or len(asked) > LEFT_OUT:
        raise DataError(f"{WITHOUT} must be a list of at most {LEFT_OUT:,} items")
    named = [_name(WITHOUT, each, reader, limits) for each in asked]
    return frozenset(name for name in named if name is not None)


def _commonest(facts: Mapping[str, Any], role: str) -> list[str]:
    names, counts = facts[f"{role}s"], facts[f"{role}_counts"]
    return [names[place] for place in np.argsort(-np.asarray(counts), kind="stable").tolist()]
