"""Files of cells as examples: which file is which part, which column is which field, and how labels are called."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from chainrule.data.formats.folders import ENDINGS as IMAGES
from chainrule.data.formats.folders import PARTS
from chainrule.fields.names import tidy
from chainrule.inspection import cells, roles
from chainrule.inspection.cells import Table
from chainrule.inspection.doubts import of_repeats
from chainrule.inspection.examples import Examples, Images, Options, Place
from chainrule.inspection.pictures import alike
from chainrule.inspection.profile import Profile, titles
from chainrule.inspection.roles import Roles
from chainrule.system.errors import DataError, ParamsError

IMAGES_LOOKED_AT = 200
SAMPLE = 2000
"""So many texts are looked at."""
LISTS = {"classes", "class", "labels", "label", "names", "class_names", "label_names", "categories"}
_ORDER = ("train", "all", "validation", "test")


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of a file of cells, or of a folder of some; None where there are none.

    Raises DataError where files do not belong together, ParamsError where the user has to choose.
    """
    files = place.files if place.path.is_dir() else (place.path,)
    files = tuple(file for file in files if file.suffix.lower() in cells.ENDINGS)
    if not files:
        return None
    tables = by_part({file: table for file in files if (table := cells.read(file)) is not None}, place.path)
    if not tables:
        return None
    main = tables.get("train") or tables["all"]
    profiles = main.profiles()
    images = [each for each in profiles if _names_images(each, main.path.parent)]
    chosen = of_columns(profiles, images, options)
    return examples(place, tables, profiles, chosen)


# ---- files


def by_part(tables: Mapping[Path, Table], path: Path) -> dict[str, Table]:
    """Return the files by part of the split, "all" for the one of no part; DataError for several of none."""
    parts: dict[str, Table] = {}
    others: dict[Path, Table] = {}
    for file, table in tables.items():
        part = part_of(file.stem) if len(tables) > 1 else None
        if part is None:
            others[file] = table
        elif part in parts:
            raise DataError(
                f"{path}: {parts[part].path.name} and {file.name} are both of the part {part}; name one file by --data"
            )
        else:
            parts[part] = table
    if not others:
        return parts if "train" in parts else _with_training(parts)
    if len(others) == 1 and not {"train", "all"} & parts.keys():
        ((_, only),) = others.items()
        return {**parts, "train" if parts else "all": only}
    if parts:
        return parts if "train" in parts else _with_training(parts)
    names = ", ".join(file.name for file in list(others)[:6])
    raise DataError(f"{path}: {len(others)} files of cells, none called train or test ({names}); name one by --data")


def _with_training(parts: dict[str, Table]) -> dict[str, Table]:
    """Where no file is called train, take what is not the test part, or all there is."""
    if not parts:
        return {}
    name = "validation" if "validation" in parts else "test"
    return {"train" if len(parts) > 1 else "all": parts[name]} | {
        part: table for part, table in parts.items() if part != name
    }


def part_of(stem: str) -> str | None:
    """Return the part that one word of a file's name says; None where none or two do."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)
    found = {PARTS[word] for word in re.split(r"[\W_\d]+", apart.lower()) if word in PARTS}
    if found & {"train"} and "trial" in apart.lower():
        return "validation"
    if "trial" in re.split(r"[\W_\d]+", apart.lower()):
        found.add("validation")
    return found.pop() if len(found) == 1 else None


# ---- columns


def of_columns(profiles: Sequence[Profile], images: Sequence[Profile], options: Options) -> Roles:
    """Return what each column is for; ParamsError where two could be the target."""
    said: list[str] = []
    if images and len(images) > 1:
        raise ParamsError(f"several columns name images ({titles(images)}); a recipe takes one")
    group = roles.group_of(profiles) if options.group is None else _asked(profiles, options.group)
    prose = [each for each in profiles if each.kind == "text"]
    others = [each for each in profiles if each not in (*images, *prose, group)]
    if not images and not prose and len(profiles) == 2:
        prose = [each for each in others if each.kind == "names" and each.characters >= 3][:1]
        others = [each for each in others if each not in prose]
    table = not images and not (prose and (len(others) <= 4 or max(each.words for each in prose) >= 20))
    if options.task is not None:
        table = options.task.startswith("table")
    candidates = [each for each in (profiles if table else others) if roles.could_be_target(each) and each != group]
    marks = roles.marks_of(candidates) if not table and options.target is None else []
    strong = any(roles.NAMES[0] & {*each.title.lower().split()} for each in candidates)
    if marks and not strong:
        said.append(f"labels: {len(marks)} columns that say 1 or 0")
        target: Any = [each.column for each in marks]
        return _inputs(profiles, images, prose, None, target, "labels", group, options, said)
    if not table and len(candidates) > 1 and options.target is None and not images and not options.task:
        tellable = [
            each for each in candidates if roles.kind_of_target(each, None) == "label" or roles.separator_of(each)
        ]
        if tellable and len(tellable) < len(candidates):
            numbers = [each for each in candidates if each not in tellable]
            said.append(f"{titles(numbers)}: numbers, which no task tells of texts; not used")
            candidates = tellable
    column, why = roles.target_of(candidates, profiles, options.target)
    kind = roles.kind_of_target(column, options.task)
    if not table and options.task is None and roles.separator_of(column):
        kind = "labels"
    said.append(f"target: {column.title}, {why}")
    if table:
        raise DataError("a table of mixed columns; tables are not read yet")
    return _inputs(profiles, images, prose, column, column.column, kind, group, options, said)


def _asked(profiles: Sequence[Profile], name: str) -> Profile:
    found = next((each for each in profiles if name in (each.title, str(each.column))), None)
    if found is None:
        raise ParamsError(f"--group {name}: no such column; {titles(profiles)}")
    return found


def _inputs(
    profiles: Sequence[Profile],
    images: Sequence[Profile],
    prose: Sequence[Profile],
    profile: Profile | None,
    target: Any,
    kind: str,
    group: Profile | None,
    options: Options,
    said: list[str],
) -> Roles:
    """Return the roles of columns where the inputs are an image, a text or two."""
    texts = [each for each in prose if each is not profile]
    if images:
        task = {"label": "image_classification", "number": "image_regression", "labels": "multi_label"}[kind]
        inputs: dict[str, Any] = {"image": images[0].column}
        used = [images[0]]
    elif kind == "number":
        assert profile is not None
        raise ParamsError(
            f"{profile.title} is a number, and no task tells a number of texts; --target names a column of classes"
        )
    elif kind == "labels":
        used = [max(texts, key=lambda each: each.words)]
        task, inputs = "multi_label", {"text": used[0].column}
    elif options.task == "text_pair_classification" or (options.task is None and _pair(texts)):
        used = list(texts[:2])
        task, inputs = "text_pair_classification", {"first": used[0].column, "second": used[1].column}
    else:
        used = [max(texts, key=lambda each: each.words)] if texts else []
        if not used:
            raise ParamsError("no column holds texts; --task table_classification takes all columns")
        task, inputs = "text_classification", {"text": used[0].column}
    taken = [*used, profile, group]
    marks = target if isinstance(target, list) else []
    left = [each for each in profiles if each not in taken and each.column not in marks and each.kind != "constant"]
    return Roles(task, "image" if images else "text", kind, inputs, target, profile, group, left, said)


_FIRST = re.compile(r"(.*?)[\W_]*(1|a|first|one|left|premise|source|query)$", re.IGNORECASE)
_SECOND = re.compile(r"(.*?)[\W_]*(2|b|second|two|right|hypothesis|target|answer)$", re.IGNORECASE)


def _pair(texts: Sequence[Profile]) -> bool:
    """Whether two columns of text are two of a kind, rather than a title and what is below it."""
    if len(texts) != 2:
        return False
    one, two = texts
    named = _FIRST.match(one.title) and _SECOND.match(two.title)
    alike = 0.5 <= one.words / max(two.words, 0.1) <= 2
    return bool(named) or (isinstance(one.column, int) and alike)


def _names_images(given: Profile, folder: Path) -> bool:
    """Whether cells are the paths of images, from the folder of their file."""
    some = [value.replace("\\", "/") for value in list(given.values)[:20]]
    if not some or not all(Path(value).suffix.lower() in IMAGES for value in some):
        return False
    there = sum((folder / value).is_file() for value in some)
    return there * 2 >= len(some)


# ---- examples


def examples(place: Place, tables: Mapping[str, Table], profiles: Sequence[Profile], chosen: Roles) -> Examples:
    """Return the examples of files of cells whose columns are known."""
    main = tables.get("train") or tables["all"]
    found, doubts = list(chosen.said), []
    labelled, told = labelled_parts(tables, main, chosen)
    found += told
    separator = roles.separator_of(chosen.profile) if chosen.target_kind == "labels" and chosen.profile else None
    counts = {"" if part == "all" else part: _labels(table, chosen, separator) for part, table in labelled.items()}
    names, said = label_names(place, counts)
    found += said
    aligned, said = same_labels(counts)
    doubts += said
    doubts += _repeats(main, chosen)
    table_options = _options(main, chosen, names or aligned, separator)
    files = {part: table.path.relative_to(place.path).as_posix() for part, table in labelled.items()}
    path = place.path
    if place.path.is_file() or (files.keys() == {"all"} and chosen.modality == "text"):
        path, files = main.path, {}
    elif chosen.modality == "image" and place.path.is_file():
        path, files = main.path.parent, {"all": main.path.name}
    if chosen.modality == "image" and not files:
        path, files = main.path.parent, {"all": main.path.name}
    kind = "delimited"
    source = {"kind": kind, "path": str(path), **({"files": files} if files else {}), **table_options}
    incoming = {"kind": kind, **_batch_files(main.path), **table_options}
    counted = {part: Counter({(names or aligned or {}).get(label, label): n for label, n in each.items()})
               for part, each in counts.items()}  # fmt: skip
    if chosen.group is not None:
        found.append(f"groups: {chosen.group.title}, {chosen.group.distinct:,} values that a split keeps whole")
    if chosen.others and chosen.modality != "table":
        found.append(f"not used: {titles(chosen.others)}")
    odd = sum(table.odd for table in labelled.values())
    doubts += main.dialect.doubts
    if odd:
        doubts.append(f"{odd:,} rows have another number of columns; they will be rejected and counted")
    parts = {part: table.count for part, table in labelled.items() if part != "all"}
    about = "" if all(table.whole for table in labelled.values()) else "about "
    found.insert(0, _file_line(main, about, labelled))
    return Examples(
        task=chosen.task,
        modality=chosen.modality,
        target=chosen.target_kind,
        source=source,
        incoming=incoming,
        rows=sum(table.count for table in labelled.values()),
        parts=parts,
        labels=counted if chosen.target_kind != "number" else {},
        texts=_texts(main, profiles, chosen) if chosen.modality == "text" else (),
        images=_images(main, profiles, chosen) if chosen.modality == "image" else None,
        split={"test": 0} if "test" in parts else {},
        found=tuple(found),
        doubts=tuple(doubts),
    )


def _file_line(main: Table, about: str, labelled: Mapping[str, Table]) -> str:
    sign = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "blanks"}[main.dialect.delimiter]
    said = ", ".join(
        [f"columns apart by {sign}", "a header" if main.dialect.header else "no header",
         "quoted cells" if main.dialect.quoting else "quotes as they are", main.dialect.encoding]
    )  # fmt: skip
    counts = ", ".join(f"{table.path.name} {about}{table.count:,} rows" for table in labelled.values())
    return f"{counts}: {said}"


def labelled_parts(tables: Mapping[str, Table], main: Table, chosen: Roles) -> tuple[dict[str, Table], list[str]]:
    """Return the files that have the target, by part; where the test part has none, validation takes its place."""
    at = _places(main, chosen.target)
    good = {
        part: table
        for part, table in tables.items()
        if table is main or (table.titles == main.titles and table.width == main.width and any(table.column(at[0])))
    }
    said = [
        f"{table.path.name}: no column of the target; left out" for part, table in tables.items() if part not in good
    ]
    if "test" in tables and "test" not in good and "validation" in good:
        good["test"] = good.pop("validation")
        said.append(f"{good['test'].path.name} is the test part, for the other has no labels")
    ordered = {part: good[part] for part in _ORDER if part in good}
    if main is not ordered.get("all") and part_of(main.path.stem) not in ("train", None):
        said.append(f"{main.path.name} is what is trained on, for no file is called train")
    return ordered, said


def _places(table: Table, column: Any) -> list[int]:
    columns = column if isinstance(column, list) else [column]
    return [table.titles.index(each) if isinstance(each, str) and table.titles else int(each) for each in columns]


def _labels(table: Table, chosen: Roles, separator: str | None) -> Counter[str]:
    places = _places(table, chosen.target)
    if isinstance(chosen.target, list):
        names = [str(each) for each in chosen.target]
        return Counter(name for row in table.rows for name, at in zip(names, places, strict=True) if row[at] == "1")
    found = (tidy(cell) for cell in table.column(places[0]))
    if separator is None:
        return Counter(label for label in found if label)
    return Counter(part.strip() for label in found for part in label.split(separator) if part.strip())


def label_names(place: Place, counts: Mapping[str, Counter[str]]) -> tuple[dict[str, str] | None, list[str]]:
    """Return the names of numbered labels, if a file beside them lists as many."""
    every = sorted({label for each in counts.values() for label in each})
    if not every or not all(label.isdecimal() for label in every):
        return None, []
    first = min(map(int, every))
    for file in place.beside:
        if file.stem.lower() not in LISTS:
            continue
        listed = [line.strip() for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
        if (
            first in (0, 1)
            and max(map(int, every)) - first < len(listed) <= len(every) + 2
            and len({*listed}) == len(listed)
        ):
            names = {str(number): name for number, name in enumerate(listed, start=first)}
            return names, [f"names of the labels: {file.name}"]
    return None, []


def same_labels(counts: Mapping[str, Counter[str]]) -> tuple[dict[str, str] | None, list[str]]:
    """Return the labels of other parts as the training part writes them, where marks at their ends alone differ."""
    known = counts.get("train")
    if known is None:
        return None, []
    plain = {_plain(label): label for label in known}
    others = {label for part, each in counts.items() if part != "train" for label in each} - known.keys()
    found = {label: plain[_plain(label)] for label in sorted(others) if _plain(label) in plain}
    if not found or len(plain) < len(known):
        return None, []
    said = ", ".join(f"{label!r} as {name!r}" for label, name in list(found.items())[:4])
    return {**{label: label for label in known}, **found}, [
        f"labels of other parts are read as training writes them: {said}"
    ]


def _plain(label: str) -> str:
    return label.strip(" .;,'\"").casefold()


def _options(main: Table, chosen: Roles, labels: Mapping[str, str] | None, separator: str | None) -> dict[str, Any]:
    """Return the options of a table that are not its defaults."""
    target = {"label": "label", "labels": "labels", "number": "target"}[chosen.target_kind]
    columns = {**chosen.inputs, target: chosen.target}
    said = main.dialect
    return {
        **({} if all(field == column for field, column in columns.items()) else {"columns": columns}),
        **({} if said.delimiter == "," else {"delimiter": said.delimiter}),
        **({} if said.quoting else {"quoting": False}),
        **({} if said.header else {"header": False}),
        **({"labels": dict(labels)} if labels else {}),
        **({"separator": separator} if separator not in (None, ",") else {}),
        **({"decimal": ","} if chosen.target_kind == "number" and chosen.profile and chosen.profile.comma else {}),
        **({"group": chosen.group.column} if chosen.group is not None else {}),
        **({} if main.dialect.encoding == "utf-8" else {"encoding": main.dialect.encoding}),
    }


def _batch_files(path: Path) -> dict[str, Any]:
    ending = path.suffix.lower()
    return {} if ending == ".csv" else {"files": {"unlabelled": f"*.unlabelled{ending}", "all": f"*{ending}"}}


def _repeats(main: Table, chosen: Roles) -> list[str]:
    """Return a doubt about rows whose inputs repeat another's."""
    if chosen.modality != "text" or isinstance(chosen.target, list):
        return []
    places = [_places(main, column)[0] for column in chosen.inputs.values()]
    target = _places(main, chosen.target)[0]
    inputs = [tuple(row[each] for each in places) for row in main.rows]
    return list(of_repeats(inputs, [row[target] for row in main.rows]))


def _texts(main: Table, profiles: Sequence[Profile], chosen: Roles) -> tuple[tuple[str, ...], ...]:
    at = [_places(main, column)[0] for column in chosen.inputs.values()]
    step = max(1, len(main.rows) // SAMPLE)
    return tuple(tuple(row[each] for each in at) for row in main.rows[::step])


def _images(main: Table, profiles: Sequence[Profile], chosen: Roles) -> Images | None:
    at = _places(main, chosen.inputs["image"])[0]
    cells = main.column(at)
    files = [main.path.parent / cell.replace("\\", "/") for cell in cells[:: max(1, len(cells) // IMAGES_LOOKED_AT)]]
    return alike(file.read_bytes() for file in files if file.is_file())
