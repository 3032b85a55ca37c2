"""The labels of the parts: how often each is there, and what a list beside the rows calls them."""

from collections import Counter
from collections.abc import Mapping

from chainrule.fields.names import tidy
from chainrule.inspection.cells import Table
from chainrule.inspection.examples import Place
from chainrule.inspection.profile import absent
from chainrule.inspection.roles import Roles

LISTS = {"classes", "class", "labels", "label", "names", "class_names", "label_names", "categories"}
"""What files are called that list the names of labels."""
SHOWN = 4
Named = tuple[dict[str, str] | None, list[str]]
"""Names by the value in the file, None where they are not to be changed; and what is said of that."""


def counted(table: Table, chosen: Roles, separator: str | None) -> Counter[str]:
    """Return the rows of each label in a file, as it is written."""
    places = table.places(chosen.target)
    if isinstance(chosen.target, list):
        names = [str(each) for each in chosen.target]
        return Counter(name for row in table.rows for name, at in zip(names, places, strict=True) if row[at] == "1")
    found = Counter(tidy(cell) for cell in table.column(places[0]) if not absent(cell.strip()))
    if separator is None:
        return found
    parts: Counter[str] = Counter()
    for label, count in found.items():
        parts.update({part.strip(): count for part in label.split(separator) if part.strip()})
    return parts


def names(place: Place, counts: Mapping[str, Counter[str]]) -> Named:
    """Return the names of numbered labels, if a file beside them lists as many."""
    every = sorted({label for each in counts.values() for label in each})
    if not every or not all(label.isdecimal() for label in every):
        return None, []
    first, last = min(map(int, every)), max(map(int, every))
    for file in place.beside:
        if file.stem.lower() not in LISTS:
            continue
        lines = file.read_text("utf-8", "replace").splitlines()
        listed = [line.strip() for line in lines if line.strip()]
        enough = last - first < len(listed) <= len(every) + 2 and len({*listed}) == len(listed)
        if first in (0, 1) and enough:
            return dict(zip(map(str, range(first, first + len(listed))), listed, strict=True)), [
                f"names of the labels: {file.name}"
            ]
    return None, []


def as_training(counts: Mapping[str, Counter[str]]) -> Named:
    """Return the labels of other parts as the training part writes them, where marks at their ends alone differ."""
    known = counts.get("train")
    if known is None:
        return None, []
    plain = {_plain(label): label for label in known}
    others = {label for part, each in counts.items() if part != "train" for label in each} - known.keys()
    found = {label: plain[_plain(label)] for label in sorted(others) if _plain(label) in plain}
    if not found or len(plain) < len(known):
        return None, []
    said = ", ".join(f"{label!r} as {name!r}" for label, name in list(found.items())[:SHOWN])
    same = {label: label for label in known}
    return {**same, **found}, [f"labels of other parts are read as training writes them: {said}"]


def renamed(counts: Mapping[str, Counter[str]], called: Mapping[str, str] | None) -> dict[str, Counter[str]]:
    """Return the counts by what labels are called."""
    found: dict[str, Counter[str]] = {part: Counter() for part in counts}
    for part, each in counts.items():
        for label, count in each.items():
            found[part][(called or {}).get(label, label)] += count
    return found


def _plain(label: str) -> str:
    return label.strip(" .;,'\"").casefold()
