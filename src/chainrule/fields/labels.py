"""A target that is a set of names: a JSON list of sorted names in the rows, a 0 or 1 for each class in training."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming, doubts, same_numbers, tidy, too_many
from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

DTYPE = "str"
ONE = "a list of labels"
STRATUM = "label"
"""What one of `strata` is called in messages."""
MIN_ROWS = 2
"""Rows that every label needs."""
SEPARATORS = (";", "|", ",")
"""What else may stand between labels than what a recipe says."""
NONE = "(none)"
"""The stratum of rows whose set is empty."""


def absent(value: Any) -> bool:
    """Whether a cell holds nothing, or blanks alone; an empty list is an answer: none of the labels."""
    return value is None or value != value or not str(value).strip()


def written(names: Collection[str]) -> str:
    """Return a set of names as rows hold it: the same set gives the same text."""
    return json.dumps(sorted(set(names)), ensure_ascii=False)


def read(value: str) -> tuple[str, ...]:
    """Return the names that a row's value holds."""
    return tuple(json.loads(value))


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return each list that was met with its names as they are to be written; one that cannot be read stays."""
    return {raw: _renamed(raw, tidy) for raw in met}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return the lists in which a name is another form of a number, with the form that is known, else met first."""
    found = dict.fromkeys(name for raw in met for name in _names(raw))
    others = same_numbers(found, known)
    return {raw: _renamed(raw, lambda name: others.get(name, name)) for raw in met} if others else {}


def _names(raw: str) -> list[str]:
    """Return the names of a list as a source gives it; none where it is no list of names."""
    try:
        found = json.loads(raw)
    except ValueError:
        return []
    return found if isinstance(found, list) and all(isinstance(name, str) for name in found) else []


def _renamed(raw: str, rename: Callable[[str], str]) -> str:
    before = _names(raw)
    after = [rename(name) for name in before]
    return raw if after == before else json.dumps(after, ensure_ascii=False)


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the set as rows hold it, and what had to be repaired.

    `raw` is a JSON list of names. Raises Reject: unreadable_labels.
    """
    found = _names(raw)
    if not all(map(str.strip, found)) or (not found and "".join(raw.split()) != "[]"):
        raise Reject("unreadable_labels", f"{raw[:60]!r} is no list of names")
    return written(found), ["repeated_label"] if len(set(found)) < len(found) else []


def renamed(value: str, rename: Renaming) -> tuple[str, list[str]]:
    """Return the set with its labels as the recipe calls them, without those it drops; and whether it is another."""
    names = [rename(name) for name in read(value)]
    found = written([name for name in names if name is not None])
    return found, ["renamed_label"] if found != value else []


def contradictory(values: Collection[str]) -> bool:
    """Whether the same input cannot have all of these sets: each says what the others leave out."""
    return len(set(values)) > 1


def classes(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: every label of the set."""
    return [read(value) for value in values]


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: of each set the label that is rarest in all rows, or NONE."""
    sets = classes(values)
    often = Counter(name for each in sets for name in each)
    return [min(each, key=lambda name: (often[name], name)) if each else NONE for each in sets]


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these sets, or ""."""
    if len(set(values)) >= 2:
        return ""
    said = f"all of {', '.join(read(values[0])) or 'no label'}" if len(values) else "none"
    return f"{said}, and some rows need a label that others lack"


def refusal(values: Sequence[str]) -> str:
    """Return why these are hardly sets of labels, or ""."""
    return too_many({name for each in classes(values) for name in each}, len(values))


def warnings(values: Collection[str]) -> list[str]:
    """Return which names are likely a mistake, in words."""
    names = {name for each in classes(list(values)) for name in each}
    return doubts(names) + [said for mark in SEPARATORS if (said := _together(names, mark))]


def _together(names: Collection[str], mark: str) -> str:
    """Return in words which names are likely several that another separator would part, or ""."""
    holding = sorted(name for name in names if mark in name)
    parts = Counter(part.strip() for name in holding for part in name.split(mark))
    if all(part not in names and often == 1 for part, often in parts.items()):
        return ""
    more = f", as do {len(holding) - 1:,} more" if len(holding) > 1 else ""
    return f"{holding[0]!r} is one label that holds {mark!r}{more}; if labels stand between, set separator: {mark!r}"


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil; `values` are those of the labelled ones."""
    return [("expect_column_values_to_be_between", {"column": "rows_of_class", "min_value": MIN_ROWS})]


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return what encoding needs: {"classes": the names that occur, sorted}."""
    return {"classes": sorted({name for each in classes(values) for name in each})}


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return float32 [N, C], 1 where a row has the class; DataError for a name that is no class."""
    number = {name: place for place, name in enumerate(facts["classes"])}
    encoded = np.zeros((len(values), len(number)), np.float32)
    for row, each in enumerate(classes(values)):
        for name in each:
            if name not in number:
                raise DataError(f"label {name!r} is none of {', '.join(number)}: train again on rows that have it")
            encoded[row, number[name]] = 1
    return encoded


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Return the sets of [N, C] (0 or 1) as rows hold them."""
    classes = facts["classes"]
    return [written([classes[place] for place in np.flatnonzero(row)]) for row in encoded]


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the sets that logits [N, C] say, and how sure they are: {"confidence": the mean over the classes [N]}.

    A class is in the set from its probability in `thresholds` of the facts on, by default a half.
    """
    chances = 1 / (1 + np.exp(-outputs["logits"].astype(np.float64)))
    sets = chances >= np.asarray(facts.get("thresholds", 0.5))
    return decode(sets, facts), {"confidence": np.maximum(chances, 1 - chances).mean(axis=1)}


def compared(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of sets: how many labels they have, and which; names that are no classes are not."""
    encoded = np.array([[name in own for name in facts["classes"]] for own in classes(values)], np.float64)
    return None, Measured(
        {"how many": np.array([len(own) for own in classes(values)], np.float64)}, {"": encoded}, None
    )
