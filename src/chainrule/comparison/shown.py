"""What a comparison says: a page that needs nothing else, and lines for a terminal."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from chainrule.comparison.compared import Compared
from chainrule.comparison.rows import Rows
from chainrule.evaluation import cards, page
from chainrule.evaluation.cards import Card
from chainrule.evaluation.primary import change, number, of_unit
from chainrule.evaluation.shown import Cell, Table, Word

WAYS = {"worse": ("turned wrong", "is further off"), "better": ("turned right", "is nearer")}
"""What became of rows, where they are right or wrong, and where they are more or less far off."""


def to_html(names: tuple[str, str], rows: Rows, inputs: Sequence[str], found: Compared) -> str:
    """Return the page; names: what the two are called; inputs: the input fields of the rows."""
    told, (one, other) = found.numbers, names
    heads = (Word("metric"), one, other, f"{other} better by")
    lines: list[Sequence[Cell]] = [
        (
            Word(each["title"] if each["unit"] in each["title"] else f"{each['title']}{of_unit(each['unit'])}"),
            number(each["unit"], each["first"]),
            number(each["unit"], each["second"]),
            change(each["unit"], each["difference"]),
        )
        for each in told["metrics"]
    ]
    notes = [
        "Paired 95% intervals: both answer the same resampled rows, groups whole; one that holds 0 decides nothing.",
        *(f"{note}." for note in told["notes"]),
    ]
    sections = [
        page.section("Metrics", page.table(Table("", heads, lines, notes))),
        page.section("Slices", _slices(told, names)),
        page.section("Classes", _parts(told, told["classes"], "class", names)) if told["classes"] else "",
        *(page.section(_title(told, way, other), _changed(names, rows, inputs, found, way)) for way in WAYS),
        page.section("Cost", _cost(told, names)),
    ]
    facts = {"rows": f"{told['rows']:,} {told['from']}", "in groups": f"{told['groups']:,}"}
    return page.document(f"{one} · {other}", f"{one} and {other} compared", "Comparison", facts, sections)


def _title(told: Mapping[str, Any], way: str, other: str) -> str:
    counts = told["changed"]
    return escape(f"{counts[way]:,} rows: {other} {WAYS[way][0 if counts['right_or_wrong'] else 1]}")


def _slices(told: Mapping[str, Any], names: tuple[str, str]) -> str:
    if not told["slices"]:
        return "<p>No slice in which one gains or loses more on the other than chance has it.</p>"
    parts = [
        _parts(told, [each for each in told["slices"] if each["second_is"] == way], "slice", names) for way in WAYS
    ]
    note = (
        "<p class='note'>First those in which the second is worse, then those in which it is better; looks counted.</p>"
    )
    return "".join(parts) + note


def _parts(told: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], kind: str, names: tuple[str, str]) -> str:
    if not parts:
        return ""
    unit, title = told["metrics"][0]["unit"], told["metrics"][0]["title"]
    heads = (Word(kind), "rows", f"{title}: {names[0]}", names[1], f"{names[1]} better by")
    lines: list[Sequence[Cell]] = [
        (
            Word(each[kind]),
            f"{each['rows']:,}",
            number(unit, each["first"]),
            number(unit, each["second"]),
            change(unit, each["difference"]),
        )
        for each in parts
    ]
    return page.table(Table("", heads, lines))


def _changed(names: tuple[str, str], rows: Rows, inputs: Sequence[str], found: Compared, way: str) -> str:
    if not found.changed[way]:
        return "<p>None.</p>"
    frame = rows.frame
    shown = [
        Card(
            str(frame["id"].iloc[row]),
            [frame[name].iloc[row] for name in inputs],
            [(names[0], one), (names[1], other), ("in truth", truth)],
        )
        for row, one, other, truth in found.changed[way]
    ]
    return cards.to_html(shown)


def _cost(told: Mapping[str, Any], names: tuple[str, str]) -> str:
    lines: list[Sequence[Cell]] = [
        (Word(name), f"{cost['bytes'] / 1e6:,.2f}", number("ms", cost["milliseconds"]), f"{told['refused'][side]:,}")
        for name, (side, cost) in zip(names, told["cost"].items(), strict=True)
    ]
    note = "Milliseconds of one thread for a row alone, fp32, on this machine; rows that one refuses count as wrong."
    return page.table(Table("", (Word("model"), "MB", "ms a row", "rows refused"), lines, (note,)))


def lines(names: tuple[str, str], found: Compared) -> list[str]:
    """Return what is said in a terminal."""
    told, (one, other) = found.numbers, names
    said = [f"{told['rows']:,} {told['from']} in {told['groups']:,} groups", *told["notes"]]
    for each in told["metrics"]:
        unit = each["unit"]
        values = f"{one} {number(unit, each['first'])}, {other} {number(unit, each['second'])}"
        said.append(f"{each['title']}: {values}; {other} better by {change(unit, each['difference'])}")
    counts = told["changed"]
    for way, words in WAYS.items():
        said.append(f"{counts[way]:,} rows: {other} {words[0 if counts['right_or_wrong'] else 1]}")
    unit = told["metrics"][0]["unit"]
    for each in told["slices"]:
        apart = change(unit, each["difference"])
        said.append(f"{other} is {each['second_is']} where {each['slice']} ({each['rows']:,} rows): by {apart}")
    costs = [
        f"{name} {cost['bytes'] / 1e6:,.2f} MB, {number('ms', cost['milliseconds'])} ms a row"
        for name, cost in zip(names, told["cost"].values(), strict=True)
    ]
    return [*said, "; ".join(costs)]
