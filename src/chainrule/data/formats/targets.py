"""What the cells of a row say about its target, by the kind of this."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from chainrule.data.formats import answers
from chainrule.data.formats import text as encodings
from chainrule.data.formats.tables import Column, HeaderWatch, Table, column, short
from chainrule.data.formats.typed import Found, texts, written
from chainrule.fields import numerals
from chainrule.fields.names import plain_number, tidy

Cells = Sequence[Any]


class Writing(NamedTuple):
    """How targets are written: labels by the value in the file, what parts the labels of one cell, marks in numbers."""

    labels: Mapping[str, str] | None
    separator: str
    decimal: str
    thousands: str


class Target(NamedTuple):
    """What makes a target of a row's cells, the places of those that it takes, and what is to be called at the end."""

    give: Callable[[Cells], Found]
    places: list[int]
    end: Callable[[], None]


def target(table: Table, kind: str, option: str, asked: Column | Sequence[Column], writing: Writing) -> Target:
    """Return what makes targets of a kind; DataError for a column that is not there (`option` asks for it)."""
    named = None if writing.labels is None else _named(writing.labels)
    encoding = table.encoding or ""
    if not isinstance(asked, str | int):
        places = [column(table, option, each) for each in asked]
        names = [table.titles[place] if table.titles else str(place) for place in places]
        marks = dict(zip(places, [(named or {}).get(name, name) for name in names], strict=True))
        return Target(partial(_marked, marks), places, _nothing)
    place = column(table, option, asked)
    if kind == "answer":
        return Target(lambda cells: answers.read(cells[place]), [place], _nothing)
    if kind in ("number", "rating"):
        number = texts(partial(_number, writing.decimal, numerals.grouped(writing.decimal, writing.thousands)))
        return Target(lambda cells: _typed_number(cells[place]) or number(cells[place]), [place], _nothing)
    if kind == "wording":
        wording = texts(partial(_wording, encoding=encoding))
        return Target(lambda cells: wording(cells[place]), [place], _nothing)
    if kind == "spans":
        return Target(lambda cells: _spans(cells[place], named), [place], _nothing)
    read: Callable[[Any], Found] = texts(partial(_label, named=named, encoding=encoding))
    if kind == "labels":
        read = partial(_labels, named=named, encoding=encoding, separator=writing.separator)
    if kind == "click":
        return Target(lambda cells: read(cells[place]), [place], _nothing)
    watch = HeaderWatch(table, place)

    def give(cells: Cells) -> Found:
        cell = cells[place]
        if isinstance(cell, str):
            watch.see(cell)
        return read(cell)

    return Target(give, [place], watch.end)


def _none(cells: Cells) -> Found:
    return None, None


def _nothing() -> None:
    """Do nothing: of numbers and marks no header is taken for a row."""


NO_TARGET = Target(_none, [], _nothing)


def _named(labels: Mapping[str, str]) -> dict[str, str]:
    """Return label names by the value in the file; a number is found in any form, its own first."""
    exact = {tidy(value): name for value, name in labels.items()}
    return {plain_number(value): name for value, name in exact.items()} | exact


def _wording(cell: str, encoding: str) -> Found:
    """Return (text, problem) of a cell with a text that is to be written; what it says is not looked at."""
    if encoding and (fault := encodings.problem(cell, encoding)):
        return None, fault
    return cell if cell.strip() else None, None


def _label(cell: str, named: Mapping[str, str] | None, encoding: str) -> Found:
    """Return (label, problem) of a cell of the label column."""
    if encoding and encodings.problem(cell, encoding):
        return None, f"undecodable_label: {encodings.as_found(cell)!r} is not {encoding}"
    value = tidy(cell)
    if not value:
        return None, None
    if named is None:
        return cell.strip(), None
    name = named.get(value, named.get(plain_number(value)))
    return name, None if name is not None else f"unknown_label: {short(value)!r}"


def _labels(cell: Any, named: Mapping[str, str] | None, encoding: str, separator: str) -> Found:
    """Return (a JSON list of labels, problem) of a list, a cell with a JSON list, or with labels that are parted."""
    parts: Any = cell
    if not isinstance(cell, list):
        try:
            cell = written(cell)
        except ValueError as error:
            return None, str(error)
        if not tidy(cell):
            return None, None
        parts = cell.split(separator)
        if cell.lstrip().startswith("["):
            try:
                parts = json.loads(cell)
            except ValueError:
                parts = None
    if not isinstance(parts, list) or not all(isinstance(each, str | int) for each in parts):
        return None, f"unreadable_labels: {short(str(cell))!r} is no JSON list of labels"
    found = [_label(written(each), named, encoding) for each in parts]
    problem = next((fault for _, fault in found if fault), None)
    if problem is None and any(name is None for name, _ in found):
        problem = f"unreadable_labels: {short(str(cell))!r} names an empty label between two {separator!r}"
    return (None, problem) if problem else (json.dumps([name for name, _ in found], ensure_ascii=False), None)


def _spans(cell: Any, named: Mapping[str, str] | None) -> Found:
    """Return (a JSON list of [start, end, label], problem) of a list of objects or lists, or a cell with its JSON.

    An object has start, end and label; what else it has, such as the text of the span, is left out.
    """
    if isinstance(cell, str):
        if not cell.strip():
            return None, None
        try:
            cell = json.loads(cell)
        except ValueError:
            return None, f"unreadable_spans: {short(cell)!r} is no JSON list of spans"
    if cell is None:
        return None, None
    spans = [_span(each) for each in cell] if isinstance(cell, list) else [None]
    if None in spans:
        needed = 'a list of {"start": …, "end": …, "label": …} is needed'
        return None, f"unreadable_spans: {short(json.dumps(cell, ensure_ascii=False))}; {needed}"
    found = [(start, end, tidy(label)) for start, end, label in filter(None, spans)]
    if named is not None:
        if strange := next((label for *_, label in found if label not in named), None):
            return None, f"unknown_label: {short(strange)!r}"
        found = [(start, end, named[label]) for start, end, label in found]
    return json.dumps(found, ensure_ascii=False), None


def _span(each: Any) -> tuple[int, int, str] | None:
    """Return start, end and label of a span as an object, or as a list of these; None for anything else."""
    values = [each.get(name) for name in ("start", "end", "label")] if isinstance(each, dict) else each
    if not isinstance(values, list) or len(values) != 3:
        return None
    start, end, label = values
    return (start, end, label) if type(start) is type(end) is int and isinstance(label, str) and tidy(label) else None


_MARKS = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}


def _marked(names: Mapping[int, str], cells: Cells) -> Found:
    """Return (a JSON list of labels, problem) of columns that say 1 or 0, one for each label."""
    try:
        marks = {name: plain_number(tidy(written(cells[place]))).lower() for place, name in names.items()}
    except ValueError as error:
        return None, str(error)
    if not any(marks.values()):
        return None, None
    wrong = next((f"{name} is {short(mark)!r}" for name, mark in marks.items() if mark not in _MARKS), None)
    if wrong:
        return None, f"unreadable_labels: {wrong}, neither 0 nor 1"
    return json.dumps([name for name, mark in marks.items() if _MARKS[mark]], ensure_ascii=False), None


def _typed_number(cell: Any) -> Found | None:
    """Return (number as text, problem) of a cell that is a number, whatever the decimal mark of others; else None."""
    return (written(cell) or None, None) if isinstance(cell, int | float) and not isinstance(cell, bool) else None


def _number(decimal: str, grouped: re.Pattern[str] | None, cell: str) -> Found:
    """Return (number as text, problem) of a cell, with a point as its decimal mark and none between its thousands."""
    value = numerals.ungrouped(numerals.bare(cell), decimal, grouped)
    if decimal == ",":
        if "." in value:
            return None, f"not_a_number: {short(value)!r} has a point where the decimal mark is a comma"
        value = value.replace(",", ".")
    return value or None, None
