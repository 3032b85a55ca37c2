"""Files of cells as examples: CSV, Excel, JSON Lines and Parquet, of texts, of pairs, of images by name, or of rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chainrule.inspection import cells, fields, interactions, labels, parts, pictures, roles, rows, sounds
from chainrule.inspection.cells import Table
from chainrule.inspection.doubts import of_repeats
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.profile import numbers, parted, titles
from chainrule.inspection.roles import Roles
from chainrule.system.errors import DataError
from chainrule.system.words import count

COMMAS = {".csv", ".tsv", ".tab"}
"""Endings of files of which one column alone is a table without its target."""
FORM = "submission"
"""What files are called whose targets are no one's: how answers are to be handed in."""
TEXTS, FILES = 2000, 200
"""So many are looked at."""
FIELDS = {
    "click": "click",
    "rating": "rating",
    "wording": "translation",
    "label": "label",
    "labels": "labels",
    "number": "target",
}
"""What tasks call their target, by its kind."""


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of a file of cells, or of a folder of some; None where there are none.

    Raises DataError where files do not belong together, ParamsError where the user has to choose.
    """
    files = place.files if place.path.is_dir() else (place.path,)
    of_cells = [file for file in files if file.suffix.lower() in cells.KINDS]
    forms = [file for file in of_cells if FORM in file.stem.lower()] if len(of_cells) > 1 else []
    of_cells = [file for file in of_cells if file not in forms]
    read = interactions.of_files(of_cells, options)
    opened = {file: cells.read(file, options.sheet) for file in read}
    tables = [interactions.titled(table) for table in opened.values() if table is not None]
    found = parts.by_part({table.path: table for table in tables}, place.path)
    lone = [file for file, table in opened.items() if table is None and file.suffix.lower() in COMMAS]
    if not found:
        if len(lone) == len(place.files):
            raise DataError(
                f"{lone[0]}: holds one column, and nothing that could be told of it; add a column of labels, or save "
                "texts without labels as .txt, of which a language or words are learnt (--task text_generation, "
                "word_vectors)"
            )
        return None
    parts.refuse_apart(lone, tables)
    main = (found.get("train") or found["all"])[0]
    chosen = fields.of_columns(main.profiles(), main.path.parent, options)
    if chosen.modality in ("interaction", "table") and main.titles is None:
        found = {part: [table.named() for table in own] for part, own in found.items()}
        main = (found.get("train") or found["all"])[0]
        chosen = fields.of_columns(main.profiles(), main.path.parent, options)
    examples = _examples(place, found, main, chosen)
    beside = [file.name for file in of_cells if file not in read]
    said = [f"left out, beside it: {', '.join(beside)}"] if beside else []
    said += [f"left out, a column alone: {', '.join(file.name for file in lone)}"] if lone else []
    said += [f"left out, a form for answers: {', '.join(file.name for file in forms)}"] if forms else []
    return replace(examples, found=(*examples.found, *said))


def _examples(place: Place, found: Mapping[str, list[Table]], main: Table, chosen: Roles) -> Examples:
    labelled, told = _labelled(found, main, chosen)
    separator = roles.separator_of(chosen.profile) if chosen.target_kind == "labels" and chosen.profile else None
    by_part = _by_column(labelled, main, chosen)
    counts: dict[str, Counter[str]] = {}
    if chosen.target_kind not in ("click", "number", "rating", "wording"):
        for part, own in by_part.items():
            own_counts = (labels.counted(table, chosen, separator) for table in own)
            counts["" if part == "all" else part] = sum(own_counts, Counter())
    called, named = labels.names(place, counts)
    same, doubts = (None, []) if called else labels.as_training(counts)
    used = _used(main, chosen)
    options = _options(main, chosen, called or same, separator) | _time(used)
    every = [table for own in labelled.values() for table in own]
    if any(table.options.get("quoting") is False for table in every):
        options["quoting"] = False  # a quote that is a character in one part is none in the others
    official = {part: sum(table.count for table in own) for part, own in by_part.items() if part != "all"}
    split: dict[str, Any] = {"test": 0} if "test" in official else {}
    return Examples(
        task=chosen.task,
        modality=chosen.modality,
        target=chosen.target_kind,
        source={"kind": main.kind, **_files(place, labelled, main, chosen), **options, **_part(labelled, chosen)},
        incoming={"kind": main.kind, **_batch_files(main), **options},
        rows=sum(official.values()) or sum(table.count for table in every),
        parts=official,
        labels=labels.renamed(counts, called or same),
        texts=_texts(main, chosen),
        images=pictures.alike(_opened(main, chosen)) if "image" in chosen.inputs else None,
        sounds=sounds.alike(_opened(main, chosen)) if chosen.modality == "audio" else None,
        columns=sum(len(names) for names in used.normalise.values() if isinstance(names, list)) if used else 0,
        normalise=used.normalise if used else {},
        split=split or (used.split if used else {}),
        found=(*_said(every, chosen), *told, *named, *(used.said if used else [])),
        doubts=(*doubts, *_doubts(main, every, chosen), *(used.doubts if used else [])),
    )


def _part(labelled: Mapping[str, list[Table]], chosen: Roles) -> dict[str, Any]:
    return {"part": chosen.part.column} if chosen.part is not None and [*labelled] == ["all"] else {}


def _by_column(labelled: Mapping[str, list[Table]], main: Table, chosen: Roles) -> dict[str, list[Table]]:
    """Return the labelled rows by part: as files say, or the column that names the part of each row."""
    if not _part(labelled, chosen) or chosen.part is None:
        return dict(labelled)
    (at,) = main.places(chosen.part.column)
    found: dict[str, list[Table]] = {}
    for table in labelled["all"]:
        by_part: dict[str, list[list[str]]] = {}
        for row in table.rows:
            by_part.setdefault(roles.member(row[at]) or "train", []).append(row)
        for part, own in by_part.items():
            count = round(table.count * len(own) / len(table.rows))
            found.setdefault(part, []).append(replace(table, rows=own, count=count))
    return {part: found[part] for part in roles.MEMBERS if part in found and part != roles.UNLABELLED}


def _used(main: Table, chosen: Roles) -> rows.Columns | None:
    """Return how the columns of rows are used that are told by all of them."""
    if chosen.modality == "interaction":
        return interactions.used(chosen)
    return rows.columns(main, chosen) if chosen.modality == "table" else None


def _said(every: Sequence[Table], chosen: Roles) -> list[str]:
    """Return what files there are, what is told of them, what is kept together and what is not used."""
    about = "" if all(table.whole for table in every) else "about "
    counts = ", ".join(f"{table.path.name} {about}{count(table.count, 'row')}" for table in every)
    said = [f"{counts}: {every[0].said}", *chosen.said]
    if chosen.target_kind == "number" and chosen.profile is not None:
        found = numbers(chosen.profile)
        told = f"{chosen.profile.distinct:,} numbers from {min(found):g} to {max(found):g}"
        said.append(f"{chosen.profile.title}: {told}")
    if chosen.named != "{}":
        column = chosen.inputs.get("image", chosen.inputs.get("audio"))
        said.append(f"files: {chosen.named.replace('{}', f'<{column}>')}")
    if chosen.part is not None:
        said.append(f"parts: {chosen.part.title} names the part of each row ({', '.join(chosen.part.values)})")
    if chosen.group is not None and chosen.modality != "interaction":
        said.append(f"groups: {chosen.group.title}, {chosen.group.distinct:,} values that a split keeps whole")
    if chosen.others and chosen.modality not in ("interaction", "table"):
        said.append(f"not used: {titles(chosen.others)}")
    return said


def _doubts(main: Table, every: Sequence[Table], chosen: Roles) -> list[str]:
    """Return what is doubtful about how files are written, and how many inputs repeat another's."""
    found = list(main.doubts)
    if odd := sum(table.odd for table in every):
        found.append(
            f"{count(odd, 'row has', 'rows have')} another number of columns; they will be rejected and counted"
        )
    if chosen.modality == "text" and not isinstance(chosen.target, list):
        places = [at for column in chosen.inputs.values() for at in main.places(column)]
        (target,) = main.places(chosen.target)
        inputs = [tuple(row[at] for at in places) for row in main.rows]
        found += of_repeats(inputs, [row[target] for row in main.rows])
    return found


def _labelled(found: Mapping[str, list[Table]], main: Table, chosen: Roles) -> tuple[dict[str, list[Table]], list[str]]:
    """Return the files that have the target, by part; where the test part has none, validation takes its place."""
    at = main.places(chosen.target)[0]

    def has_target(table: Table) -> bool:
        same = table.titles == main.titles and table.width == main.width
        return table is main or (same and any(cell.strip() for cell in table.column(at)))

    good = {part: own for part, tables in found.items() if (own := [each for each in tables if has_target(each)])}
    lacking = [table for tables in found.values() for table in tables if not has_target(table)]
    said = [f"{table.path.name}: no column of the target; left out" for table in lacking]
    if "test" in found and "test" not in good and "validation" in good:
        good["test"] = good.pop("validation")
        said.append(f"{good['test'][0].path.name} is the test part, for the other has no labels")
    if "train" in good and parts.part_of(main.path.stem) not in ("train", None):
        said.append(f"{main.path.name} is what is trained on, for no file is called train")
    return good, said


def _files(place: Place, labelled: Mapping[str, list[Table]], main: Table, chosen: Roles) -> dict[str, Any]:
    """Return the path of a source, and its files where there are parts, or images from the folder."""
    alone = [*labelled] == ["all"] and len(labelled["all"]) == 1
    if alone and not {"audio", "image"} & {*chosen.inputs}:
        return {"path": str(main.path)}
    folder = main.path.parent if place.path.is_file() else place.path
    return {"path": str(folder), "files": {part: _name(folder, own, labelled) for part, own in labelled.items()}}


def _name(folder: Any, own: Sequence[Table], labelled: Mapping[str, list[Table]]) -> str:
    """Return the name of a file, or the pattern that several fit and no other does."""
    names = [table.path.relative_to(folder).as_posix() for table in own]
    if len(names) == 1:
        return names[0]
    shared = 0
    while len({name[: shared + 1] for name in names}) == 1:
        shared += 1
    return f"{names[0][:shared]}*{own[0].path.suffix}"


def _options(main: Table, chosen: Roles, called: Mapping[str, str] | None, separator: str | None) -> dict[str, Any]:
    """Return the options of a table that are not its defaults."""
    inputs = {} if chosen.modality == "interaction" else chosen.inputs  # a row is all of them
    columns = {**inputs, FIELDS[chosen.target_kind]: chosen.target}
    number = chosen.profile if chosen.target_kind == "number" else None
    comma = number is not None and number.comma
    grouped = number is not None and parted(number, main.thousands)
    return {
        **({} if all(field == column for field, column in columns.items()) else {"columns": columns}),
        **main.options,
        **({"labels": dict(called)} if called else {}),
        **({"separator": separator} if separator not in (None, ",") else {}),
        **({"decimal": ","} if comma else {}),
        **({"thousands": main.thousands} if grouped else {}),
        **({"named": chosen.named} if chosen.named != "{}" else {}),
        **({"group": chosen.group.column} if chosen.group is not None else {}),
    }


def _time(used: rows.Columns | None) -> dict[str, Any]:
    return {"time": used.time.column} if used is not None and used.time is not None else {}


def _batch_files(main: Table) -> dict[str, Any]:
    ending = main.path.suffix.lower()
    usual = {"delimited": ".csv", "excel": ".xlsx", "json_lines": ".jsonl", "parquet": ".parquet"}[main.kind]
    return {} if ending == usual else {"files": {"unlabelled": f"*.unlabelled{ending}", "all": f"*{ending}"}}


def _texts(main: Table, chosen: Roles) -> tuple[tuple[str, ...], ...]:
    if chosen.modality != "text":
        return ()
    at = [main.places(column) for column in chosen.inputs.values()]
    return tuple(
        tuple("\n".join(row[one] for one in each) for each in at)
        for row in main.rows[:: max(1, len(main.rows) // TEXTS)]
    )


def _opened(main: Table, chosen: Roles) -> Iterator[bytes]:
    """Yield the contents of some of the files that cells name."""
    (column,) = (chosen.inputs[name] for name in ("audio", "image") if name in chosen.inputs)
    named = [cell for cell in main.column(main.places(column)[0]) if cell]
    files = (
        main.path.parent / chosen.named.replace("{}", cell).replace("\\", "/")
        for cell in named[:: max(1, len(named) // FILES)]
    )
    return (file.read_bytes() for file in files if file.is_file())
