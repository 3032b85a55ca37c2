"""The columns of a row; one that is hidden holds what is usual: the number that fills gaps, the commonest category."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts, together
from chainrule.fields.encoding import NO_WORD, OTHER


def divide(inputs: Arrays, values: Mapping[str, Any], facts: Mapping[str, Any], tokenizer: Any, most: int) -> Parts:
    """Return the columns of the one row in `inputs`, as `fields.encoding` makes them; beyond `most`, in runs.

    values: the row's cells by column, below the name of their field.
    """
    (cells,) = values.values()
    numbers = [*facts["number"], *(column for column in facts["date"] for _ in facts["parts"][column])]
    order = [*numbers, *facts["category"], *facts["text"]]
    columns = list(dict.fromkeys(order))
    joined = together(len(columns), most)
    place = {column: int(part) for column, part in zip(columns, joined, strict=True)}
    owner = np.array([place[column] for column in order], np.int64)
    blank = _usual(inputs, facts)
    cuts = np.cumsum([len(numbers), len(facts["category"])])
    owners = dict(zip(("numbers", "categories", "words"), np.split(owner, cuts), strict=True))

    def hidden(masks: np.ndarray) -> Arrays:
        found = {}
        for name, own in inputs.items():
            stays = masks[:, owners[name]]
            found[name] = np.where(stays[..., None] if own.ndim == 3 else stays, own, blank[name])
        return found

    parts = int(joined.max(initial=-1)) + 1
    about = [_about([column for column in columns if place[column] == part], cells) for part in range(parts)]
    note = f"{len(columns):,} columns in {parts:,} runs of neighbours" if parts < len(columns) else ""
    return Parts(about, owner, hidden, blank, "what is usual in the column", note)


def _about(columns: list[str], cells: Mapping[str, Any]) -> dict[str, Any]:
    if len(columns) > 1:
        return {"columns": columns}
    return {"column": columns[0], "value": cells.get(columns[0])}


def _usual(inputs: Arrays, facts: Mapping[str, Any]) -> Arrays:
    """Return the row in which every column holds what is usual. A bundle of before does not say what fills a gap."""
    found: Arrays = {}
    if "numbers" in inputs:
        fill = facts.get("fill", [np.nan] * inputs["numbers"].shape[1])
        found["numbers"] = np.array([fill], inputs["numbers"].dtype)
    if "categories" in inputs:
        usual = [min(facts["places"][column].values(), default=OTHER) for column in facts["category"]]
        found["categories"] = np.array([usual], inputs["categories"].dtype)
    if "words" in inputs:
        found["words"] = np.full_like(inputs["words"], NO_WORD)
    return found
