"""What new files are worth: each is read as `ingest` will read it, and its rows are looked at as `clean` will."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainrule.data import batches, labels
from chainrule.data.formats import image as folders
from chainrule.data.reading import reader
from chainrule.fields.reject import Reject
from chainrule.system import plugins
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# One official test row, and no test rows are carved out any more: those that were would be trained on.
OFFICIAL = "new rows have no official part, they are split like all others"
DIRECTLY = "put the folders of the classes directly into data/incoming"
NAMED = 5
"""Rows or files that a message names."""

# Called with items, what is done with them, and their unit unless they are rows.
Progress = Callable[..., Iterable[Any]]


@dataclass
class Verdict:
    """What was found of a batch."""

    broken: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    usable: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    """Places by label."""
    unmapped: dict[str, list[str]] = field(default_factory=dict)
    """Places by value that `labels` has no name for."""


def misplaced(names: Iterable[str], options: Mapping[str, Any], welcome: Collection[str]) -> dict[str, str]:
    """Return by name why a file cannot stand where it does, in a batch of one folder per class."""
    found: dict[str, str] = {}
    for name in names if options.get("files") is None else ():
        top, *below = PurePosixPath(name).parts
        if not below:
            found[name] = "not in the folder of a class"
        elif any(part.lower() in folders.LITTER for part in (top, *below)):
            found[name] = "left by an operating system, no file of this source"
        elif folders.part_of(top) and (labels.tidy(top) not in welcome or labels.tidy(below[0]) in welcome):
            found[name] = f"{OFFICIAL}: {DIRECTLY}"
        elif len(below) > 1 and labels.tidy(top) not in welcome and labels.tidy(below[0]) in welcome:
            found[name] = f"{top} is no class, {below[0]} in it is: {DIRECTLY}"
    return found


def judge(
    folder: Path,
    names: Collection[str],
    kind: str,
    options: Mapping[str, Any],
    block: Mapping[str, Any],
    welcome: Collection[str],
    progress: Progress | None,
) -> Verdict:
    """Read every file as `ingest` will and its rows as `clean` will; the copies lie in `folder`."""
    verdict = Verdict()
    whole = options.get("files") is None
    if not names:
        return verdict
    read = reader(kind)
    modality = plugins.load("fields", str(block["modality"]))
    normalise = block["clean"]["normalise"]
    read_files: set[str] = set()
    items = list(batches.pieces(folder, options).items())
    for piece, chosen in items if whole or progress is None else progress(items, "read new files", "files"):
        try:
            rows = labels.united(read(folder, **chosen), welcome)
        except DataError as error:
            said = str(error).replace(f"{folder}/", "")
            if whole:
                raise DataError(f"data/incoming: {said}") from None
            verdict.broken[piece] = said
            read_files.add(piece)
            continue
        _judge_rows(rows, piece, modality, normalise, welcome, verdict, read_files, progress)
    for name in sorted(set(names) - read_files):
        wanted = "one that the source reads" if whole else f"{', '.join(options['files'].values())} (incoming.files)"
        verdict.broken[name] = f"not a file of this source: its name is not {wanted}"
    return verdict


def _judge_rows(
    rows: "pd.DataFrame",
    piece: str,
    modality: ModuleType,
    normalise: Mapping[str, Any],
    welcome: Collection[str],
    verdict: Verdict,
    read_files: set[str],
    progress: Progress | None,
) -> None:
    """Judge the rows of a file `piece`, or of all files (""), each of which is a row then."""
    met = [None if label is None or label != label else str(label) for label in rows["label"]]
    problems = [None if problem is None or problem != problem else str(problem) for problem in rows["problem"]]
    parts = [None if part is None or part != part else str(part) for part in rows["part"]]
    columns = list(zip(rows[modality.INPUT], met, parts, problems, rows["origin"], strict=True))
    faults: Counter[str] = Counter()
    usable = 0
    for raw, label, part, problem, origin in progress(columns, "look at new rows") if progress else columns:
        name = piece or str(origin)
        read_files.add(name)
        fault = _fault(raw, label, part, problem, modality, normalise)
        if fault is None and label is not None and label not in welcome:
            verdict.unknown.setdefault(label, []).append(str(origin))
        if problem is not None and problem.startswith("unknown_label"):
            verdict.unmapped.setdefault(problem.partition(": ")[2], []).append(str(origin))
        if fault is None:
            usable += 1
            verdict.labels.update([] if label is None else [label])
        elif piece:
            faults[fault.partition(":")[0]] += 1
        else:
            verdict.broken[name] = fault
    if piece and not usable:
        counted = ", ".join(f"{fault} {count:,}" for fault, count in faults.most_common())
        verdict.broken[piece] = f"no row of it can be used ({counted})"
    else:
        verdict.usable += usable
        verdict.rows += len(rows) if piece else usable


def _fault(
    raw: Any,
    label: str | None,
    part: str | None,
    problem: str | None,
    modality: ModuleType,
    normalise: Mapping[str, Any],
) -> str | None:
    """Return what is wrong with a row; None if it can be used."""
    if problem is not None:
        return problem
    if part not in (None, "unlabelled"):
        return OFFICIAL
    if part is None and (label is None or not label.strip()):
        return "missing_label"
    try:
        modality.normalise(raw, **normalise)
    except Reject as reject:
        return f"{reject.reason}: {reject.detail}"
    return None


def unknown_labels(place: Path, recipe: str, verdict: Verdict, known: Collection[str]) -> str:
    """Return the message that names the rows of unknown labels and what can be done."""
    found = []
    if verdict.unknown:
        unknown = "; ".join(f"{label!r} {_places(at)}" for label, at in sorted(verdict.unknown.items()))
        found.append(f"labels that the model of {recipe} does not know: {unknown}")
    if verdict.unmapped:
        unmapped = "; ".join(f"{value} {_places(at)}" for value, at in sorted(verdict.unmapped.items()))
        found.append(f"values that incoming.labels does not have: {unmapped}")
    options = " ".join(f"--new-class {label}" for label in sorted(verdict.unknown))
    return (
        f"{place}: {'; '.join(found)}; it knows {', '.join(sorted(known))}. Correct or remove these"
        + (f", or take them in as new classes with {options}" if options else "")
        + ". Nothing was taken in"
    )


def _places(origins: list[str]) -> str:
    more = f" and {len(origins) - NAMED:,} more" if len(origins) > NAMED else ""
    return f"({', '.join(origins[:NAMED])}{more})"
