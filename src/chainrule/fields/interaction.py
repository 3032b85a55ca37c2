"""Who met what: a JSON object of raw cells in; one of `user`, `item` and what is told of both out.

A user and an item meet once: of two rows of the same two the target says whether they contradict each other.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from chainrule.fields import cells, table
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject

DTYPE = "str"
USER, ITEM = ROLES = ("user", "item")
"""The columns of a clean row that say who met what."""
NOBODY = 0
"""The place of who, or what, is not said; those that training did not meet stand behind all that it met."""
OTHER = 0
"""The place of a feature's value that is missing, or that training did not meet."""
STRANGERS = 2**23
"""Places of those that training did not meet, by their hash, so that they stay apart; float32 tells all of them."""

_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
columnar = table.columnar
measures = table.measures
decode = table.decode


def normalise(raw: bytes | str | Mapping[str, Any], **options: Any) -> tuple[str, list[str]]:
    """Return one row normalised, as `normaliser` says; for many rows make one with it."""
    return normaliser(**options)(raw)


def normaliser(
    *,
    user: str,
    item: str,
    number: Sequence[str],
    category: Sequence[str],
    of_item: Sequence[str],
    absent: Sequence[str],
    decimal: str,
    thousands: str,
    longest: int,
    ratings: Sequence[float | None] | None,
) -> table.Normalise:
    """Return what normalises a row, by clean.normalise: from raw to (clean, what had to be repaired).

    raw: a JSON object of cells by column, in UTF-8 or read already. clean: compact JSON of user, item and the features,
    numbers first, null where a feature is missing. Repairs: a feature that is none of its kind counts as missing,
    <reason>_in_<column>. `ratings` are looked at where the target is.

    What is normalised Rejects: not_an_object, no_column_<column>, missing_user, missing_item, user_too_long,
    item_too_long (over `longest` characters), not_a_cell_in_user, not_a_cell_in_item.
    """
    read = cells.readers(decimal=decimal, thousands=thousands, dates={"formats": [], "day_first": None})
    nothing = frozenset(each.strip().casefold() for each in absent)
    features = {**dict.fromkeys(number, "number"), **dict.fromkeys(category, "category")}

    def cell(row: Mapping[str, Any], column: str) -> Any:
        if column not in row:
            named = ", ".join(ascii(name)[:60] for name in list(row)[:8])
            raise Reject(f"no_column_{column}", f"the row has no column {column!r}; it has {named}")
        return row[column]

    def named(row: Mapping[str, Any], role: str, column: str) -> cells.Value:
        found = cell(row, column)
        if cells.is_absent(found, nothing):
            raise Reject(f"missing_{role}", f"no {role} in the column {column!r}")
        try:
            name = read["category"](found)
        except Reject as reject:
            raise Reject(f"{reject.reason}_in_{role}", reject.detail) from None
        if len(str(name)) > longest:
            detail = f"{len(str(name)):,} characters; clean.normalise.longest is {longest:,}"
            raise Reject(f"{role}_too_long", detail)
        return name

    def normalise(raw: bytes | str | Mapping[str, Any]) -> tuple[str, list[str]]:
        row = raw if isinstance(raw, Mapping) else table.parsed(raw)
        found: dict[str, Any] = {USER: named(row, USER, user), ITEM: named(row, ITEM, item)}
        repairs = []
        for column, kind in features.items():
            value, found[column] = cell(row, column), None
            if not cells.is_absent(value, nothing):
                try:
                    found[column] = read[kind](value)
                except Reject as reject:
                    repairs.append(f"{reject.reason}_in_{column}")
        return _written(found), repairs

    return normalise


def listed(normalise: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of each column of a clean row, in its order."""
    numbers, categories = (dict.fromkeys(normalise[kind], kind) for kind in ("number", "category"))
    return {**dict.fromkeys(ROLES, "category"), **numbers, **categories}


def left_out(raw: bytes, normalise: Mapping[str, Any]) -> list[str]:
    """Return the columns of a raw row that clean.normalise does not list."""
    known = {normalise[USER], normalise[ITEM], *normalise["number"], *normalise["category"]}
    return [name for name in table.parsed(raw) if name not in known]


def key(value: str) -> str:
    """Return what two rows share that are of the same user and the same item."""
    row = json.loads(value)
    return _written([row[USER], row[ITEM]])


def near_duplicates(
    values: Sequence[str], threshold: float, progress: Callable[..., Iterable[Any]] | None = None
) -> np.ndarray:
    """Return no pairs, int64 [0, 2]: a user and an item meet in one row, and who is like whom a model finds."""
    return np.empty((0, 2), np.int64)


def augmented_copy(value: str, rng: np.random.Generator, *, dropout: float) -> str:
    """Return a copy of which each feature becomes missing with probability `dropout`; user and item stay."""
    row = json.loads(value)
    features = [name for name in row if name not in ROLES]
    gone = rng.random(len(features)) < dropout
    return _written({**row, **{name: None for name, own in zip(features, gone, strict=True) if own}})


def expectations(normalise: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what `measures` must show of clean rows: each has a user and an item."""
    return [("expect_column_values_to_not_be_null", {"column": f"'{role}'"}) for role in ROLES]


def places(facts: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return the place of each user and item that training met, from 1; facts: of `training.inputs.interaction`."""
    return {role: {name: place for place, name in enumerate(facts[f"{role}s"], NOBODY + 1)} for role in ROLES}


def encode(
    rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any], known: Mapping[str, Mapping[str, int]] | None = None
) -> dict[str, np.ndarray]:
    """Return the inputs of a graph for decoded rows, by name; an input of which there is no column is left out.

    user, item: int64 [B], the place of each, NOBODY where the row names none, one of STRANGERS behind those that are
    known where training met none of that name. numbers: float32 [B, N], NaN where missing. categories: int64 [B, C],
    OTHER where missing or not known.
    known: what `places` returns, of whoever has it.
    """
    known = places(facts) if known is None else known
    found: dict[str, np.ndarray] = {
        role: np.array([_place(row.get(role), known[role]) for row in rows], np.int64) for role in ROLES
    }
    if facts["number"]:
        numbers = [[row.get(column) for column in facts["number"]] for row in rows]
        found["numbers"] = np.array(numbers, np.float32).reshape(len(rows), -1)
    if facts["category"]:
        of = [facts["places"][column] for column in facts["category"]]
        codes = [
            [own.get(row.get(column), OTHER) for column, own in zip(facts["category"], of, strict=True)] for row in rows
        ]
        found["categories"] = np.array(codes, np.int64).reshape(len(rows), -1)
    return found


def _place(name: str | None, known: Mapping[str, int]) -> int:
    if name is None:
        return NOBODY
    return known.get(name) or len(known) + 1 + crc32(name.encode()) % STRANGERS


def measure(
    rows: Sequence[Mapping[str, np.ndarray]],
    fields: Sequence[str],
    tokenizer: Any,
    preprocessing: Mapping[str, Any] | None = None,
) -> dict[str, Measured]:
    """Return by field what drift compares of rows as a model gets them.

    Of user and item whether training met them, and how often (as a logarithm); of the features each number and
    category. rows: a graph's inputs, as `encode` makes them; preprocessing: by field the facts they were made with.
    """
    assert preprocessing is not None  # exported with every model of interactions
    (field,) = fields
    facts = preprocessing[field]["facts"]
    numbers: dict[str, np.ndarray] = {}
    for role in ROLES:
        place = np.array([int(row[role][0]) for row in rows], np.int64)
        counts = np.array([0, *facts[f"{role}_counts"]], np.float64)
        known = (place > NOBODY) & (place < len(counts))
        numbers[f"{role} known"] = known.astype(np.float64)
        numbers[f"training rows of the {role}, log"] = np.log1p(counts[np.where(known, place, NOBODY)])
    for at, column in enumerate(facts["number"]):
        values = np.array([row["numbers"][0, at] for row in rows], np.float64)
        numbers[f"'{column}'"] = np.where(np.isnan(values), facts["mean"][at], values)
    classes = {}
    for at, column in enumerate(facts["category"]):
        named = {place: name for name, place in facts["places"][column].items()}
        classes[f"'{column}'"] = [named.get(int(row["categories"][0, at]), "other") for row in rows]
    return {field: Measured(numbers, {}, None, classes)}
