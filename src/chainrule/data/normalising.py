"""One raw row as its kinds want it, or why it cannot be used: the same for cleaning and for new files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from chainrule.data.columns import Column, Columns, of_inputs
from chainrule.fields.names import Renaming
from chainrule.fields.reject import Reject

Normalise = Callable[[Any], tuple[Any, list[str]]]
"""From a raw value to the normalised one and what had to be repaired; Reject where it cannot be used."""


class Normal(NamedTuple):
    """A row's inputs in the order of the task's, its target (None: it has none), and what had to be repaired."""

    inputs: tuple[Any, ...]
    target: Any
    repairs: tuple[str, ...]


def normalisers(columns: Columns, options: Mapping[str, Any]) -> list[Normalise]:
    """Return what normalises each input, by clean.normalise; a kind that has much to prepare does so here, once."""
    return [
        column.kind.normaliser(**own) if hasattr(column.kind, "normaliser") else partial(column.kind.normalise, **own)
        for column, own in zip(columns.inputs, of_inputs(columns, options), strict=True)
    ]


Over = Callable[[Any, Any], tuple[Any, list[str]]]
"""From a normalised target and the raw input below it to the target as it lies over the normalised input."""


def laid_over(columns: Columns, options: Mapping[str, Any]) -> Over | None:
    """Return what lays a target over its input, by clean.normalise; None where a target has no place there."""
    kind = columns.target.kind
    return partial(kind.over, options=options) if hasattr(kind, "over") else None


def normal(
    raw: Sequence[Any],
    target: Any,
    part: Any,
    problem: Any,
    columns: Columns,
    normalise: Sequence[Normalise],
    rename: Renaming | None = None,
    over: Over | None = None,
) -> Normal:
    """Return a raw row normalised; `raw` holds its inputs, `normalise` is what `normalisers` returns.

    rename: what clean.labels asks for; over: what `laid_over` returns.

    Raises Reject, in this order: what the source put into `problem`; of each input missing_input (of several inputs
    missing_<field>, also where there are but blanks; of optional ones missing_input where all are missing) and the
    reasons of its kind (of several <reason>_in_<field>);
    missing_<target> (unless the part is unlabelled); the reasons of the target's kind, of it alone and beside the
    inputs. A target that tells places in a text means the last input, and moves with what cleaning makes of it.
    """
    if isinstance(problem, str) and problem.strip():
        reason, _, detail = problem.partition(": ")
        raise Reject(reason, detail or "found by the source")
    repairs: list[str] = []
    inputs = []
    for column, value, own in zip(columns.inputs, raw, normalise, strict=True):
        normalised, done = _input(column, value, own, alone=len(columns.inputs) == 1)
        inputs.append(normalised)
        repairs += done
    if not any(inputs) and all(column.optional for column in columns.inputs):
        raise Reject("missing_input", f"neither {' nor '.join(column.name for column in columns.inputs)}")
    kind = columns.target.kind
    told = next(
        (value for column, value in zip(columns.inputs, inputs, strict=True) if column.name == columns.target.name),
        None,
    )
    if told is not None:  # what is given is to be told: one column in two roles
        return Normal(tuple(inputs), told, tuple(dict.fromkeys(repairs)))
    if kind.absent(target):
        if part != "unlabelled":
            name = columns.target.name
            raise Reject(f"missing_{name}", f"no {name}, and the row is not in the part unlabelled")
        return Normal(tuple(inputs), None, tuple(dict.fromkeys(repairs)))
    value, done = kind.normalise(target)
    if hasattr(kind, "located"):
        value, moved = kind.located(value, columns.inputs[-1].kind.as_read(raw[-1]), inputs[-1])
        done = [*done, *moved]
    if hasattr(kind, "beside"):
        kind.beside(inputs, value)
    if over is not None:
        value, fitted = over(value, raw[0])
        done = [*done, *fitted]
    if rename is not None:
        value, changed = kind.renamed(value, rename)
        done = [*done, *changed]
    return Normal(tuple(inputs), value, tuple(dict.fromkeys([*repairs, *done])))


def _input(column: Column, raw: Any, normalise: Normalise, alone: bool) -> tuple[Any, list[str]]:
    """Return the normalised value of one input and its repairs; a reason names the input where there are several."""
    if not isinstance(raw, bytes) or not (alone or raw.strip()):
        if column.optional:
            return column.kind.EMPTY, []
        raise Reject("missing_input" if alone else f"missing_{column.name}", f"no {column.name}")
    try:
        value, repairs = normalise(raw)
    except Reject as reject:
        if alone:
            raise
        raise Reject(f"{reject.reason}_in_{column.name}", reject.detail) from None
    return value, repairs


def readable(kind: ModuleType, raw: Iterable[Any]) -> list[Any]:
    """Return, normalised, the targets as found that their kind can read; those that are absent are left out."""
    values = []
    for value in raw:
        try:
            if not kind.absent(value):
                values.append(kind.normalise(value)[0])
        except Reject:
            continue
    return values


def key(columns: Columns, inputs: Sequence[Any]) -> Any:
    """Return what two rows share if and only if all of their inputs are the same to their kinds."""
    if len(columns.inputs) == 1:
        return columns.inputs[0].kind.key(inputs[0])
    return tuple(
        column.kind.key(value) if value or not column.optional else None
        for column, value in zip(columns.inputs, inputs, strict=True)
    )
