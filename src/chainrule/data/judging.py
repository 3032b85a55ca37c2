"""What new files are worth: each is read as `ingest` will read it, and its rows are looked at as `clean` will."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from chainrule.data import batches
from chainrule.data.columns import Columns
from chainrule.data.formats import folders
from chainrule.data.normalising import laid_over, normal, normalisers
from chainrule.data.reading import reader, takes_along, united
from chainrule.fields.names import Renaming, renaming, tidy
from chainrule.fields.reject import Reject
from chainrule.system import plugins
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# One official test row, and no test rows are carved out any more: those that were would be trained on.
OFFICIAL = "new rows have no official part, they are split like all others"
TOLD_APART = {"boxes", "mask"}
"""Targets of which another file tells than the image's."""
DIRECTLY = "put the folders of the classes directly into data/incoming"
NAMED = 5
"""Rows or files that a message names."""

# Called with items, what is done with them, and their unit unless they are rows.
Progress = Callable[..., Iterable[Any]]


@dataclass
class Verdict:
    """What was found of a batch."""

    broken: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    """Files that no table names yet, and so."""
    rows: int = 0
    usable: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    unknown: dict[str, list[str]] = field(default_factory=dict)
    """Places by label."""
    unmapped: dict[str, list[str]] = field(default_factory=dict)
    """Places by value that `labels` has no name for."""


def of_folders(kind: str, options: Mapping[str, Any]) -> bool:
    """Whether the folder of a file says its label: where a source gives labels and nothing else does."""
    return "label" in _gives(kind) and options.get("files") is None and options.get("label_pattern") is None


def belongs(kind: str) -> bool:
    """Whether rows of a source are of several files: an image and what is told of it."""
    return not TOLD_APART.isdisjoint(_gives(kind))


def _gives(kind: str) -> Collection[str]:
    """Return which fields a source gives; nothing for one that is asked for them."""
    gives: Collection[str] = getattr(plugins.load("data.sources", kind), "GIVES", ())
    return gives


def misplaced(names: Iterable[str], kind: str, options: Mapping[str, Any], welcome: Collection[str]) -> dict[str, str]:
    """Return by name why a file cannot stand where it does, in a batch of one folder per class."""
    found: dict[str, str] = {}
    in_folders = of_folders(kind, options)
    for name in names if in_folders else ():
        top, *below = PurePosixPath(name).parts
        if not below:
            found[name] = "not in the folder of a class"
        elif any(part.lower() in folders.LITTER for part in (top, *below)):
            found[name] = "left by an operating system, no file of this source"
        elif folders.part_of(top) and (tidy(top) not in welcome or tidy(below[0]) in welcome):
            found[name] = f"{OFFICIAL}: {DIRECTLY}"
        elif len(below) > 1 and tidy(top) not in welcome and tidy(below[0]) in welcome:
            found[name] = f"{top} is no class, {below[0]} in it is: {DIRECTLY}"
    return found


def judge(
    folder: Path,
    names: Collection[str],
    kind: str,
    options: Mapping[str, Any],
    columns: Columns,
    normalise: Mapping[str, Any],
    labels: Mapping[str, Any] | None,
    welcome: Collection[str],
    progress: Progress | None,
) -> Verdict:
    """Read every file as `ingest` will, and its rows as `clean` will; the copies lie in `folder`.

    normalise, labels: what stands under `clean`.
    """
    verdict = Verdict()
    whole = options.get("files") is None
    if not names:
        return verdict
    read = reader(kind, columns)
    read_files: set[str] = set()
    items = list(batches.pieces(folder, options).items())
    for piece, chosen in items if whole or progress is None else progress(items, "read new files", "files"):
        try:
            rows = united(read(folder, **chosen), columns.target, welcome)
        except DataError as error:
            said = str(error).replace(f"{folder}/", "").removeprefix(f"{folder}: ")
            if whole:
                raise DataError(f"data/incoming: {said}") from None
            verdict.broken[piece] = said
            read_files.add(piece)
            continue
        read_files |= rows.attrs.get("images", {}).keys()
        _judge_rows(rows, piece, columns, normalise, renaming(labels), welcome, verdict, read_files, progress)
        for row, beside in rows.attrs.get("beside", {}).items():
            read_files.update(beside)
            if row in verdict.broken:
                verdict.broken |= dict.fromkeys(beside, f"belongs to {row}, {verdict.broken[row]}")
    for name in sorted(set(names) - read_files):
        if takes_along(kind, columns) and batches.key_of(name, options["files"]) is None:
            verdict.waiting[name] = "no table names it yet"
            continue
        wanted = "one that the source reads" if whole else f"{', '.join(options['files'].values())} (incoming.files)"
        verdict.broken[name] = f"not a file of this source: its name is not {wanted}"
    return verdict


def _judge_rows(
    rows: "pd.DataFrame",
    piece: str,
    columns: Columns,
    normalise: Mapping[str, Any],
    rename: Renaming | None,
    welcome: Collection[str],
    verdict: Verdict,
    read_files: set[str],
    progress: Progress | None,
) -> None:
    """Judge the rows of a file `piece`, or of all files (""), each of which is a row then."""
    problems, parts = (
        [None if said is None or said != said else str(said) for said in rows[name].to_list()]
        for name in ("problem", "part")
    )
    raw = zip(*(rows[column.name].to_list() for column in columns.inputs), strict=True)
    target, origins = rows[columns.target.name].to_list(), rows["origin"].to_list()
    cells = list(zip(raw, target, parts, problems, origins, strict=True))
    own_normalisers, over = normalisers(columns, normalise), laid_over(columns, normalise)
    faults: Counter[str] = Counter()
    usable = 0
    for inputs, target, part, problem, origin in progress(cells, "look at new rows") if progress else cells:
        name = piece or str(origin)
        read_files.add(name)
        if problem is not None and problem.startswith("unknown_label"):
            verdict.unmapped.setdefault(problem.partition(": ")[2], []).append(str(origin))
        try:
            if problem is None and part not in (None, "unlabelled"):
                raise Reject(OFFICIAL, "")
            value = normal(inputs, target, part, problem, columns, own_normalisers, rename, over).target
        except Reject as reject:
            if piece:
                faults[reject.reason] += 1
            else:
                verdict.broken[name] = f"{reject.reason}: {reject.detail}" if reject.detail else reject.reason
            continue
        usable += 1
        for own in () if value is None else columns.target.kind.classes([value])[0]:
            verdict.labels[own] += 1
            if own not in welcome:
                verdict.unknown.setdefault(own, []).append(str(origin))
    if piece and not usable:
        counted = ", ".join(f"{fault} {count:,}" for fault, count in faults.most_common())
        verdict.broken[piece] = f"no row of it can be used ({counted})"
    else:
        verdict.usable += usable
        verdict.rows += len(rows) if piece else usable


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
