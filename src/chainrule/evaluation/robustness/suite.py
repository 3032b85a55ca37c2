"""Rows of any task under the corruptions of their modality."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from chainrule.fields.reject import Reject
from chainrule.system import plugins
from chainrule.system.errors import ParamsError

if TYPE_CHECKING:
    import pandas as pd


def names(modality: str) -> list[str]:
    """Return the corruptions of a modality, in their order."""
    return list(plugins.load("evaluation.robustness", modality).CORRUPTIONS)


def corrupted(
    rows: "pd.DataFrame",
    inputs: Sequence[str],
    modality: str,
    name: str,
    severity: int,
    *,
    seed: int,
    normalise: Mapping[str, Any] | None = None,
) -> "pd.DataFrame":
    """Return rows whose input columns are corrupted; the same rows and seed give the same.

    inputs: names of the input columns. normalise: clean.normalise, by which what was made is cleaned as any other row;
    a value that it refuses stays as it was. Without it what is made is left to whoever reads it.
    """
    kind = plugins.load("evaluation.robustness", modality)
    made = {}
    for place, column in enumerate(inputs):
        before = rows[column].tolist()
        after = kind.corrupted(before, name, severity, seed + place)
        if severity and kind.NEEDS_CLEANING:
            after = cleaned(after, before, modality, normalise)
        made[column] = after
    return rows.assign(**made)


def cleaned(
    after: Sequence[Any], before: Sequence[Any], modality: str, normalise: Mapping[str, Any] | None
) -> list[Any]:
    """Return values as cleaning leaves them, the one before where it refuses one; as they are without `normalise`."""
    if normalise is None:
        return list(after)
    field = plugins.load("fields", modality)
    own: Callable[[Any], tuple[Any, list[str]]] = (
        field.normaliser(**normalise) if hasattr(field, "normaliser") else partial(field.normalise, **normalise)
    )
    found = []
    for value, instead in zip(after, before, strict=True):
        try:
            found.append(own(value.encode())[0])
        except Reject:
            found.append(instead)
    return found


def every(
    rows: "pd.DataFrame",
    inputs: Sequence[str],
    modality: str,
    chosen: Sequence[str] | None,
    severities: Sequence[int],
    *,
    seed: int,
) -> Iterator["pd.DataFrame"]:
    """Yield the rows under each of the chosen corruptions (None: all of the modality) at each severity.

    Raises ParamsError for a corruption that the modality does not have.
    """
    known = names(modality)
    if unknown := [name for name in chosen or () if name not in known]:
        raise ParamsError(f"no corruption of modality {modality} is called {', '.join(unknown)}: {', '.join(known)}")
    for name in chosen or known:
        for severity in severities:
            yield corrupted(rows, inputs, modality, name, severity, seed=seed)
