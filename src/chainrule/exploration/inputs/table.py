"""Tables: what each column holds, as a line with a small histogram."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.data.profile import profile
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked, drawn, of
from chainrule.exploration.outliers import Outlying
from chainrule.fields import table
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject
from chainrule.system import plugins

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 100_000
"""Rows of a split that are looked at."""
COLUMNS, CELLS = 100, 12
"""Columns that are listed, and cells of a row that are shown."""
NARROW = False
"""Whether rows are small when they are shown."""
COMPARED, NAMES = 60, 200
"""Columns that are compared between splits, and different names of one that is."""
BARS, BINS = 12, 20
"""Names whose counts are drawn, and bins in which cells are rare."""


def overview(looked: Looked, name: str) -> Part:
    """Return a line for each column: missing cells, different values, their spread; and what tells the target alone."""
    rows = drawn(looked.splits["train"], ROWS, looked.seed)
    if rows.empty:
        return Part(name, "<p>There are no training rows.</p>", {})
    cells = table.columnar(rows[name].tolist())
    kind = plugins.load("exploration.targets", looked.block["target"])
    targets = kind.associated(rows[looked.columns.target.name].tolist())
    found = profile(cells, table.listed(looked.cleaning.normalise), targets)
    lines = "".join(_line(column, cells[column["column"]], len(rows)) for column in found.columns[:COLUMNS])
    heads = "".join(
        f"<th>{head}</th>" for head in ("", "missing", "different", "lowest", "median", "highest or commonest")
    )
    more = len(found.columns) - COLUMNS
    note = f"<p class='note'>The first {COLUMNS} of {len(found.columns):,} columns.</p>" if more > 0 else ""
    body = (
        f"<p>{escape(of(len(rows), len(looked.splits['train']), 'training rows'))}: {len(found.columns):,} columns.</p>"
        f'<div class="scroll tall"><table><thead><tr><th class="name">column</th>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>{note}"
    )
    return Part(name, body, {"looked_at": len(rows), "columns": found.columns, "look_at": found.warnings})


def _line(column: Mapping[str, Any], cells: "pa.ChunkedArray", rows: int) -> str:
    counts = _counts(column["kind"], cells)
    says = f"how the values of {column['column']} are spread"
    picture = drawing.spark(counts, says) if counts else ""
    ends = [_short(column.get(end, "")) for end in ("lowest", "median")]
    last = _short(column["highest"]) if "highest" in column else _commonest(column, rows)
    missing = f"{column['missing'] / rows:.1%}" if column["missing"] else "0"
    values = "".join(f"<td>{each}</td>" for each in (missing, f"{column['distinct']:,}", *ends, last))
    return (
        f'<tr><th class="name">{escape(column["column"])}<small>{column["kind"]}</small></th>'
        f'<td class="cell">{picture}</td>{values}</tr>'
    )


def _commonest(column: Mapping[str, Any], rows: int) -> str:
    if "commonest" not in column:
        return ""
    return f"{escape(drawing.clipped(column['commonest'], 40))}<small>{column['of_commonest'] / rows:.1%}</small>"


def _short(value: Any) -> str:
    return drawing.short(value) if isinstance(value, float) else escape(str(value))


def _counts(kind: str, cells: "pa.ChunkedArray") -> list[int]:
    """Return how many cells lie in each bin, or hold each of the commonest names; nothing of texts."""
    known = cells.drop_null()
    if not len(known) or kind == "text":
        return []
    if kind == "number":
        numbers = known.to_numpy()
        return [int(count) for count in drawing.binned(numbers, drawing.edges(numbers))]
    if kind == "date":
        days = known.to_numpy().astype("datetime64[s]").astype(np.float64)
        return [int(count) for count in drawing.binned(days, drawing.edges(days))]
    counts = sorted((int(count.as_py()) for count in known.value_counts().field(1)), reverse=True)
    return counts[:BARS]


def shown(value: str, says: str) -> str:
    """Return a row as its columns and cells, the first of many."""
    return _cells(json.loads(value))


def shown_raw(raw: Any) -> str:
    """Return a row as the source gave it; a line where it is no object of cells."""
    if not isinstance(raw, bytes):
        return "<p>nothing</p>"
    try:
        row = json.loads(raw)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        return f'<p dir="auto">{escape(raw[:200].decode("utf-8", errors="backslashreplace"))}</p>'
    return _cells(row)


def _cells(row: Mapping[str, Any]) -> str:
    names = list(row)[:CELLS]
    more = f" and {len(row) - CELLS:,} more" if len(row) > CELLS else ""
    named = "; ".join(f"<small>{escape(name)}</small> {_cell(row[name])}" for name in names)
    return f'<p dir="auto">{named}{more}</p>'


def _cell(value: Any) -> str:
    return "<i>missing</i>" if value is None else escape(drawing.clipped(str(value), 60))


def came(raw: Sequence[Any], normalise: Mapping[str, Any]) -> str:
    """Return which columns the source gave that the recipe leaves out."""
    for value in raw:
        try:
            left = table.left_out(value, normalise)
        except (Reject, TypeError):
            continue
        shown = ", ".join(left[:CELLS]) + (f" and {len(left) - CELLS:,} more" if len(left) > CELLS else "")
        return f"Columns of the source that clean.normalise does not list: {shown}." if left else ""
    return ""


def variables(values: Sequence[str], normalise: Mapping[str, Any], most: int) -> dict[str, np.ndarray]:
    """Return by column what can be compared: float64 [N] of numbers and dates, int64 [N] of names, -1 where missing.

    Without texts, columns of one value, and those of more than `most` different names.
    """
    cells = table.columnar(values)
    found = {}
    for name, kind in table.listed(normalise).items():
        if kind == "text" or not cells[name].drop_null():
            continue
        own = _numbers(kind, cells[name]) if kind in ("number", "date") else _numbered(cells[name])
        known = np.unique(own[np.isfinite(own)] if own.dtype.kind == "f" else own[own >= 0])
        if len(known) > 1 and (own.dtype.kind == "f" or len(known) <= most):
            found[name] = own
    return found


def compared(values: Sequence[str], normalise: Mapping[str, Any]) -> Measured:
    """Return what drift compares of rows of a table: numbers, names, and how many cells are missing.

    Dates move on by themselves. What is missing stands at the median of the numbers, or is a name of its own.
    """
    cells = table.columnar(values)
    kinds = {name: kind for name, kind in table.listed(normalise).items() if kind in ("number", "category", "boolean")}
    numbers, names = {}, {}
    missing = np.zeros(len(values))
    for name, kind in list(kinds.items())[:COMPARED]:
        gaps = cells[name].is_null().to_numpy()
        missing += gaps
        if kind == "number":
            own = _numbers(kind, cells[name])
            numbers[f"{name!r}"] = np.where(gaps, np.nanmedian(own) if not gaps.all() else 0.0, own)
        else:
            names[f"{name!r}"] = ["missing" if cell is None else str(cell) for cell in cells[name].to_pylist()]
    few = {name: own for name, own in names.items() if len(set(own)) <= NAMES}
    return Measured({**numbers, "missing cells": missing}, {}, None, few)


def _numbers(kind: str, cells: "pa.ChunkedArray") -> np.ndarray:
    """Return float64 [N] of numbers, or of dates as seconds; NaN where missing."""
    if kind == "number":
        return np.asarray(cells.to_numpy(), np.float64)
    moments = cells.to_pandas().to_numpy(dtype=object)
    return np.array(
        [
            np.nan if moment is None or moment != moment else np.datetime64(moment, "s").astype(np.int64)
            for moment in moments
        ],
        np.float64,
    )


def _numbered(cells: "pa.ChunkedArray") -> np.ndarray:
    """Return int64 [N]: the number of each cell's name, -1 where missing."""
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(cells.combine_chunks().dictionary_encode().indices, -1).to_numpy(), np.int64)


def outlying(looked: Looked, name: str) -> Outlying:
    """Return how rare the cells of each row are: the histogram-based outlier score (Goldstein and Dengel 2012).

    It adds up, over the columns but texts, minus the logarithm of the share of rows in the cell's bin, or with its
    name; that a cell is missing is a bin of its own.
    """
    rows = drawn(looked.splits["train"], ROWS, looked.seed)
    cells = table.columnar(rows[name].tolist())
    rarity = {}
    for column, kind in table.listed(looked.cleaning.normalise).items():
        if kind == "text" or not cells[column].drop_null():
            continue
        if kind in ("number", "date"):
            numbers = _numbers(kind, cells[column])
            known = numbers[np.isfinite(numbers)]
            bounds = np.linspace(known.min(), known.max(), BINS + 1)
            place = np.clip(np.searchsorted(bounds, np.nan_to_num(numbers), side="right") - 1, 0, BINS - 1)
            place[~np.isfinite(numbers)] = BINS
        else:
            place = _numbered(cells[column]) + 1
        rarity[column] = np.log(len(rows) / np.bincount(place)[place])
    if not rarity:
        raise NotShownError("all columns are texts, which have no bins")
    names, matrix = list(rarity), np.column_stack(list(rarity.values()))

    def why(at: int) -> str:
        rarest = np.argsort(-matrix[at], kind="stable")[:3].tolist()
        held = json.loads(rows[name].iloc[at])
        return ", ".join(
            f"{names[place]} {'missing' if held[names[place]] is None else held[names[place]]} "
            f"(with {np.exp(-matrix[at, place]):.2%} of the rows)"
            for place in rarest
        )

    method = (
        "Histogram-based outlier score (Goldstein and Dengel 2012): the sum over the columns, texts aside, of "
        f"-log(share of the rows in the cell's bin, of {BINS} of equal width, or with its name)."
    )
    return Outlying(rows, matrix.sum(axis=1), method, why)
