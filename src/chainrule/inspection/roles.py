"""Which column of a table is what: the target, the inputs, what a split keeps together, and what tells nothing."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.data.formats import folders
from chainrule.inspection.profile import FEW, Profile, numbers, titles
from chainrule.system.errors import ParamsError
from chainrule.system.words import count, listed

# How targets are called, the likeliest first; words of a column's name.
NAMES = (
    {"label", "labels", "target", "class", "classes", "y", "标签", "类别", "output"},
    {"survived", "churn", "churned", "outcome", "diagnosis", "species", "quality", "price", "value", "cnt", "sales",
     "default", "fraud", "approved", "sentiment", "polarity", "intent", "topic", "emotion", "emotions", "judgment",
     "judgement", "entailment", "stance", "duplicate", "spam", "toxic", "gold"},
    {"category", "rating", "stars", "income", "salary", "score", "grade", "status", "result", "count", "type", "tag",
     "tags", "section"},
)  # fmt: skip
QUANTITIES = {
    "quality", "price", "value", "cnt", "sales", "count", "income", "salary", "score", "grade", "rating", "stars",
    "age", "amount", "total", "cost", "number", "size", "weight", "height", "length", "duration",
}  # fmt: skip
PARTS = {"split", "splits", "part", "partition", "set", "subset", "usage", "phase"}
"""How a column is called that says which part of the split a row is of."""
IDS = {"id", "ids", "uid", "uuid", "guid", "index", "idx", "key", "nr", "no", "instant", "row", "rowid", "unnamed"}
GROUPS = {
    "group", "user", "person", "patient", "subject", "customer", "client", "speaker", "writer", "author", "session",
    "document", "doc", "article", "thread", "conversation", "dialog", "dialogue", "household", "family", "fold",
    "participant", "student", "device", "site", "hospital", "video", "scene", "paragraph",
}  # fmt: skip
UNLABELLED = "unlabelled"
MEMBERS = ("train", "validation", "test", UNLABELLED)
MOST_CLASSES = 200
FEWEST_EACH = 5
"""Rows of a class in the mean from which on a column that is called like a target may have more classes."""
NUMBERS_AS_CLASSES = 20
"""Whole numbers with no more values than this may be classes."""


@dataclass(frozen=True)
class Roles:
    """Columns by what they are for."""

    task: str
    modality: str
    target_kind: str
    inputs: Mapping[str, str | int | list[str | int]]
    """The columns of fields; of a table none, for its input is the row."""
    target: str | int | list[str | int]
    profile: Profile | None
    """The target's; None for several."""
    group: Profile | None
    others: Sequence[Profile] = ()
    """What is neither target nor group nor an input of its own."""
    said: Sequence[str] = field(default_factory=tuple)
    part: Profile | None = None
    """The column that says which part of the split a row is of."""
    named: str = "{}"
    """The file that a cell of an image or a sound names: {} stands for the cell."""


def is_id(given: Profile) -> bool:
    """Whether a column numbers or names its rows."""
    named = bool(IDS & {*_words(given.title)}) or not given.title
    if given.kind in ("names", "text") and given.unique and addresses(given):
        return True
    if given.kind == "names":
        return given.unique and (named or given.words <= 1.2)
    return given.kind == "number" and given.whole and given.unique and (named or _counts(given))


def addresses(given: Profile) -> bool:
    """Whether a column's cells are addresses in the network."""
    some = list(given.values)[:20]
    return bool(some) and all(value.startswith(("http://", "https://")) for value in some)


def _counts(given: Profile) -> bool:
    """Whether whole numbers are 0, 1, 2, … in order."""
    first = [int(each) for each in numbers(given)[:50]]
    return len(first) > 3 and first == list(range(first[0], first[0] + len(first)))


def _words(title: str) -> list[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", str(title))
    return [word for word in re.split(r"[\W_]+", apart.lower()) if word]


def target_of(candidates: Sequence[Profile], every: Sequence[Profile], asked: str | None) -> tuple[Profile, str]:
    """Return the target among the columns, and why it is; ParamsError that lists the candidates where two could be."""
    if asked is not None:
        found = [each for each in every if asked in (each.title, str(each.column))]
        if len(found) != 1:
            there = ", ".join(f"{each.title or each.column}" for each in every)
            raise ParamsError(f"--target {asked}: {'no such column' if not found else 'several columns'}; {there}")
        return found[0], "as --target says"
    if not candidates:
        lone = next((each for each in every if likely(each) and each.distinct == 1), None)
        what = "name one by --target" if lone is None else "rows of a second class are needed"
        raise ParamsError(f"no column could be a target: {titles(every)}; {what}{_not_told(candidates, every)}")
    last = candidates[-1]  # they are in the order of the columns
    for names in NAMES:
        named = [each for each in candidates if names & {*_words(each.title)}]
        if len(named) == 1:
            return named[0], "by its name"
        if named:
            if last in named and last is every[-1]:
                return last, "by its name and place"
            raise ParamsError(f"two columns could be the target: {titles(named)}; name one by --target")
    if len(candidates) == 1:
        return candidates[0], "no other column could be"
    if last is every[-1]:
        return last, "the last column, as is usual; --target names another"
    raise ParamsError(
        f"several columns could be the target: {titles(candidates)}; name one by --target{_not_told(candidates, every)}"
    )


def _not_told(candidates: Sequence[Profile], every: Sequence[Profile]) -> str:
    """Return why columns that are called like a target are none."""
    called = [each for each in every if each not in candidates and likely(each)]
    held = {each.title: f"{each.distinct:,} values" if each.distinct > 1 else "one value" for each in called}
    why = [f"{each.title} holds {held[each.title]} in {count(each.cells, 'row')}" for each in called]
    return f" ({listed(why)})" if why else ""


def likely(given: Profile) -> bool:
    """Whether a column is called as targets usually are."""
    return bool((NAMES[0] | NAMES[1]) & {*_words(given.title)})


def kind_of_target(given: Profile, asked: str | None) -> str:
    """Return label or number: what a target is."""
    if asked is not None:
        return "number" if asked.endswith("_regression") else "labels" if asked == "multi_label" else "label"
    if given.kind != "number":
        return "label"
    if not given.whole or given.distinct > NUMBERS_AS_CLASSES:
        return "number"
    return "number" if QUANTITIES & {*_words(given.title)} and given.distinct > 2 else "label"


def could_be_target(given: Profile) -> bool:
    """Whether a column could be told: neither a constant nor a name for each row nor running text nor a date."""
    if given.kind in ("constant", "text", "date", "names") or is_id(given):
        return False
    most = given.cells / FEWEST_EACH if likely(given) else MOST_CLASSES
    return given.kind in ("number", "boolean") or given.distinct <= min(max(most, MOST_CLASSES), FEW * given.cells)


def part_of(columns: Sequence[Profile]) -> Profile | None:
    """Return the column that says which part of the split each row is of, if there is one."""
    for each in columns:
        if PARTS & {*_words(each.title)} and 2 <= each.distinct <= len(MEMBERS) and all(map(member, each.values)):
            return each
    return None


def member(said: str) -> str | None:
    """Return the part of the split that a cell says; None where it says none."""
    return UNLABELLED if folders.without_labels(said) else folders.part_of(said)


def group_of(columns: Sequence[Profile]) -> Profile | None:
    """Return the column that says which rows belong together, if one is named so and repeats its values."""
    for each in columns:
        repeats = 5 <= each.distinct <= 0.9 * each.cells
        if repeats and GROUPS & {*_words(each.title)} and each.kind in ("names", "category", "number"):
            return each
    return None


def separator_of(given: Profile) -> str | None:
    """Return what parts the labels of a cell, where cells hold several: the parts are few and come again."""
    for mark in (",", ";", "|"):
        several = sum(times for value, times in given.values.items() if mark in value)
        if not 0.01 * given.cells <= several:
            continue
        parts = {part.strip() for value in given.values for part in value.split(mark)} - {""}
        alone = {value for value in given.values if mark not in value}
        if 2 <= len(parts) <= MOST_CLASSES and len(parts) < given.distinct and len(parts & alone) >= 0.5 * len(parts):
            return mark
    return None


def marks_of(profiles: Sequence[Profile]) -> list[Profile]:
    """Return the columns that say 1 or 0, one for each label, where three or more do."""
    found = [each for each in profiles if {*each.values} <= {"0", "1"} and each.kind == "boolean"]
    return found if len(found) >= 3 else []


Column = Any
