"""The rows on which models are compared: rows that none of them trained on, or those of a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.fields.reject import Reject
from chainrule.serving import records, scoring
from chainrule.serving.bundle import Bundle, input_fields
from chainrule.serving.limits import Limits
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import read_rows

if TYPE_CHECKING:
    import pandas as pd


class Rows(NamedTuple):
    """Clean rows with a column for each field, an id, and a group where they have one; where they are from, in words.

    notes: what a reader must know of them, a sentence each.
    """

    frame: "pd.DataFrame"
    origin: str
    notes: tuple[str, ...]


def held_out(root: Path, one: Bundle, other: Bundle) -> Rows:
    """Return the validation rows of the first bundle's recipe that neither of them trained on.

    A row was trained on if all of its inputs are those of a row of the splits train or unlabelled of either's recipe.
    Raises DataError if there are none.
    """
    recipe = str(one.signature.get("recipe"))
    path = root / "data" / "split" / recipe / "validation.parquet"
    if not path.is_file():
        raise DataError(f"{path}: not found; `dvc repro split@{recipe}` makes it, --rows FILE brings other rows")
    frame, notes = read_rows(path), []
    fields = [(field.name, plugins.load("fields", field.kind)) for field in input_fields(one)]
    if [(field.name, field.kind) for field in input_fields(one)] != [(f.name, f.kind) for f in input_fields(other)]:
        raise DataError(f"{one.name} and {other.name} take other fields: no row is one of both")
    keys = _keys(frame, fields)
    before = len(frame)
    for each in dict.fromkeys(str(side.signature.get("recipe")) for side in (one, other)):
        folder = root / "data" / "split" / each
        trained: set[tuple[Any, ...]] = set()
        for split in ("train", "unlabelled"):
            if (folder / f"{split}.parquet").is_file():
                trained.update(_keys(read_rows(folder / f"{split}.parquet"), fields))
        if not trained:
            notes.append(f"which rows {each} trained on is not known here ({folder} has none): none is left out for it")
        kept = [key not in trained for key in keys]
        if gone := kept.count(False):
            notes.append(f"left out: {gone:,} that {each} trained on")
        frame, keys = frame[kept], [key for key in keys if key not in trained]
    notes += [
        f"{side.name} version {side.version} may have trained on other rows than its recipe's present split has"
        for side in (one, other)
        if side.version
    ]
    if frame.empty:
        raise DataError(f"{path}: all of its {before:,} rows were trained on; --rows FILE brings other rows")
    return Rows(frame.reset_index(drop=True), f"validation rows of {recipe}", tuple(dict.fromkeys(notes)))


def _keys(frame: "pd.DataFrame", fields: Sequence[tuple[str, Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*([kind.key(value) for value in frame[name]] for name, kind in fields), strict=True))


def of_file(path: Path, bundle: Bundle, named: Mapping[str, Sequence[str]]) -> Rows:
    """Return the rows of a CSV, TSV, JSON Lines or Parquet file with their targets, cleaned as the bundle cleans them.

    named: the file's own names of columns. Rows without a target that can be read, or that the bundle refuses, are left
    out, and counted. Raises DataError if a column is missing or no row is left.
    """
    import pandas as pd

    limits = Limits()
    (target,) = (field for field in bundle.fields if field.role == "target")
    kind, inputs = plugins.load("fields", target.kind), input_fields(bundle)
    wanted = [*scoring.wanted(bundle), target.name]
    found = _parquet(path) if path.suffix.lower() == ".parquet" else records.read(path, wanted, None, None)
    own = {name: columns for name, columns in named.items() if name != target.name}
    parts = scoring.parts_of(bundle, found, path, own, limits)
    (asked,) = named.get(target.name, [target.name])
    (place,) = records.places(found.columns, [asked], path)
    group = found.columns.index("group") if "group" in found.columns else None
    made, lost = [], 0
    for record in found.rows:
        cells = [record.cells.get(name) for name in found.columns] if isinstance(record.cells, dict) else record.cells
        try:
            if record.problem or cells[place] is None or kind.absent(cells[place]):
                raise DataError(record.problem or "no target")
            given = parts(record)
            rules = bundle.signature["preprocessing"]
            row = {
                each.name: _clean(each.kind, given[each.name], rules[each.name])
                if each.name in given
                else plugins.load("fields", each.kind).EMPTY
                for each in inputs
            }
            row[target.name] = kind.normalise(str(cells[place]))[0]
        except (Reject, ChainruleError):
            lost += 1
            continue
        made.append(row | {"id": f"line {record.line}"} | ({} if group is None else {"group": str(cells[group])}))
    if not made:
        raise DataError(f"{path}: no row with a {target.name} that {bundle.name} takes")
    notes = (f"left out: {lost:,} without a {target.name}, or not to be read",) if lost else ()
    return Rows(pd.DataFrame(made), f"rows of {path.name}", notes)


def _clean(kind: str, given: Any, rules: Mapping[str, Any]) -> Any:
    """Return an input as it stands in clean rows; an image keeps its size, which the bundle then makes its own."""
    options = rules.get("normalise") or {"mode": rules["mode"], "size": None, "max_pixels": rules["max_pixels"]}
    raw = given.encode() if isinstance(given, str) and kind == "text" else given
    clean: Any = plugins.load("fields", kind).normalise(raw, **options)[0]
    return clean


def _parquet(path: Path) -> records.Records:
    import pandas as pd

    try:
        frame = pd.read_parquet(path, dtype_backend="pyarrow")  # whole numbers stay so beside gaps
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({' '.join(str(error).split())[:200]})") from None
    columns = [str(name) for name in frame.columns]
    told = frame.astype(object).where(frame.notna(), None)
    rows = (
        records.Record(number, dict(zip(columns, values, strict=True)), "", number)
        for number, values in enumerate(told.itertuples(index=False), 1)
    )
    return records.Records(columns, rows, len(frame), "rows", "")
