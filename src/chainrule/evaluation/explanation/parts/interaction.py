"""User, item and the features of both as parts of a row; one that is hidden is of nobody, or missing."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.evaluation.explanation.divided import Arrays, Parts, together
from chainrule.fields.interaction import NOBODY, OTHER, ROLES


def divide(inputs: Arrays, values: Mapping[str, Any], facts: Mapping[str, Any], tokenizer: Any, most: int) -> Parts:
    """Return the parts of the one row in `inputs`, as `fields.interaction.encode` makes them; beyond `most`, in runs.

    values: the row's cells by column, below the name of their field.
    """
    (cells,) = values.values()
    names = [*ROLES, *facts["number"], *facts["category"]]
    owner = together(len(names), most)
    blank = {
        **{role: np.full_like(inputs[role], NOBODY) for role in ROLES},
        **{name: np.full_like(inputs[name], fill) for name, fill in _FILLS.items() if name in inputs},
    }
    cuts = np.cumsum([1, 1, len(facts["number"])])
    owners = dict(zip((*ROLES, "numbers", "categories"), np.split(owner, cuts), strict=True))

    def hidden(masks: np.ndarray) -> Arrays:
        found = {}
        for name, own in inputs.items():
            stays = masks[:, owners[name]]
            found[name] = np.where(stays[:, 0] if own.ndim == 1 else stays, own, blank[name])
        return found

    parts = int(owner.max(initial=-1)) + 1
    about = [
        _about([name for name, at in zip(names, owner, strict=True) if at == part], cells) for part in range(parts)
    ]
    note = f"{len(names):,} columns in {parts:,} runs of neighbours" if parts < len(names) else ""
    return Parts(about, owner, hidden, blank, "nobody in particular, or nothing told", note)


_FILLS = {"numbers": np.nan, "categories": OTHER}


def _about(columns: list[str], cells: Mapping[str, Any]) -> dict[str, Any]:
    if len(columns) > 1:
        return {"columns": columns}
    return {"column": columns[0], "value": cells.get(columns[0])}
