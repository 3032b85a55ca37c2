"""The conditions that are asked of the rows of a task: traits of their inputs, their target, their group."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation.slices import conditions
from chainrule.evaluation.slices.conditions import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

GROUP = "group"


def of_rows(
    rows: "pd.DataFrame",
    inputs: "Sequence[str]",
    traits: ModuleType,
    target: str,
    kind: ModuleType,
    least: int,
    more: "Mapping[str, np.ndarray] | None" = None,
) -> list[Condition]:
    """Return the conditions of rows with a column for each input field, the target and, if there is one, the group.

    traits: the module of `slices.traits` of the inputs; kind: that of chainrule.fields of the target; more: columns
    besides, as `conditions.of_columns` takes them; least: rows for which a condition must hold.
    """
    columns: dict[str, np.ndarray] = {}
    for field in inputs:
        found = traits.traits(rows[field].tolist())
        columns |= {name if len(inputs) == 1 else f"{name} of {field}": own for name, own in found.items()}
    values: list[Any] = rows[target].tolist()
    classes = kind.classes(values)
    if hasattr(kind, "traits"):
        columns |= {f"{name} of true {target}": own for name, own in kind.traits(values).items()}
    elif not any(classes):
        columns[f"true {target}"] = np.array(values, np.float64)
    if GROUP in rows:
        if GROUP in columns:  # a table may have a column of that name
            columns[f"column {GROUP}"] = columns.pop(GROUP)
        columns[GROUP] = np.array(rows[GROUP].astype(str).tolist(), object)
    return [
        *(conditions.of_classes(f"true {target}", classes, least) if any(classes) else []),
        *conditions.of_columns({**columns, **(more or {})}, least),
    ]
