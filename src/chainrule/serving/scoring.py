"""Rows of a file through a bundle, as a server would answer them: each with its answer, or why it has none."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from chainrule.serving import answered as answering
from chainrule.serving import offline, plain, records, runtime
from chainrule.serving.bundle import Bundle, input_fields
from chainrule.serving.limits import Limits
from chainrule.serving.offline import Arrays
from chainrule.serving.records import Record, Records
from chainrule.serving.runtime import Session
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError, DataError

TOGETHER = 1024
"""Rows in memory at once."""


@dataclass(frozen=True)
class Scored:
    """A row with its answer."""

    record: Record
    answer: list[Any]
    """A cell for each of `columns_of`; None each where there is none."""
    problem: str
    """Why there is no answer, or what of the row was not taken as it came, or ""."""

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return any(cell is not None for cell in self.answer)


def columns_of(bundle: Bundle) -> tuple[str, ...]:
    """Return the columns that an answer of a bundle fills. Raises DataError for a task that is not known here."""
    if plain.face(bundle) is None:
        raise DataError(f"{bundle.folder}: its task {bundle.signature.get('task')!r} is not known here; export it anew")
    columns: tuple[str, ...] = _kind(bundle).COLUMNS
    return columns


def wanted(bundle: Bundle) -> list[str]:
    """Return the columns that a file of rows must have."""
    rules = bundle.signature["preprocessing"]
    return [column for field in input_fields(bundle) for column in _columns(field.kind, field.name, rules[field.name])]


def parts_of(bundle: Bundle, found: Records, path: Path, named: Mapping[str, Sequence[str]], limits: Limits) -> "Parts":
    """Return what makes the parts of a request of a row of a file.

    named: the file's own name of a wanted column; of a text, of several that are joined line by line. Raises DataError
    if the file lacks a column, or is a folder and the model takes more than one file.
    """
    fields, rules = input_fields(bundle), bundle.signature["preprocessing"]
    if found.unit == "files":
        if len(fields) != 1 or not hasattr(_part(fields[0].kind), "of_file"):
            raise DataError(f"{path}: a folder; {bundle.name} takes rows of {', '.join(wanted(bundle))}: give a CSV")
        name, of_file = fields[0].name, _part(fields[0].kind).of_file
        return lambda record: {name: of_file(path / _only(record), limits)}
    asks = [(field.name, field.kind, _columns(field.kind, field.name, rules[field.name])) for field in fields]
    spare = {field.name for field in fields if field.optional}  # what a row may do without
    flat = [column for _, _, own in asks for column in own]
    if unknown := [column for column in named if column not in flat]:
        raise DataError(f"--column {unknown[0]}=…: {bundle.name} takes no {unknown[0]!r}, but {', '.join(flat)}")
    joins = {column for _, kind, own in asks for column in own if kind == "text"}
    if several := [column for column, own in named.items() if len(own) > 1 and column not in joins]:
        raise DataError(f"--column {several[0]}=…: is given twice, and only a text is joined of several columns")
    at = {column: records.places(found.columns, named.get(column, [column]), path) for column in flat}

    def cell(cells: list[str] | dict[str, Any], places: Sequence[int]) -> Any:
        """Return what a row holds at a place, or the text of several; what a line of JSON leaves out is missing."""
        held = [cells.get(found.columns[place]) if isinstance(cells, dict) else cells[place] for place in places]
        return held[0] if len(held) == 1 else "\n".join(each for each in held if isinstance(each, str) and each.strip())

    def parts(record: Record) -> dict[str, Any]:
        of = {column: cell(record.cells, places) for column, places in at.items()}
        return {
            name: _part(kind).of_cells({column: of[column] for column in own}, path.parent, limits)
            for name, kind, own in asks
            if name not in spare or any(of[column] not in (None, "") for column in own)
        }

    return parts


Parts = Callable[[Record], dict[str, Any]]


def scored(bundle: Bundle, session: Session, rows: Iterable[Record], parts: Parts, limits: Limits) -> Iterator[Scored]:
    """Yield every row in its order. Raises ChainruleError if the graph fails, which no row is to blame for."""
    run = answering.to_requests(bundle, session.graphs, bundle.variants[session.variant])
    nothing = [None] * len(columns_of(bundle))
    of_answer = _kind(bundle).cells

    def prepared(record: Record) -> tuple[Arrays | None, dict[str, Any], str]:
        if record.problem:
            return None, {}, record.problem
        try:
            sent = parts(record)
            inputs, notes = plain.noted(bundle, sent, limits)
        except ChainruleError as error:
            return None, {}, str(error)
        return inputs, sent, "; ".join(notes)

    def answered(record: Record, outputs: Arrays, sent: dict[str, Any], notes: str) -> Scored:
        try:
            said = plain.beside(bundle, sent, plain.answer(bundle, session.variant, outputs), limits)
            return Scored(record, of_answer(said), notes)
        except ChainruleError as error:
            return Scored(record, nothing, f"{error}: the row is beyond what the model can take")

    # Rows of unlike size that nothing fills up have answers of unlike size.
    unlike = any(None in tensor.shape[1:] and tensor.name not in bundle.padding for tensor in bundle.inputs)
    most = 1 if unlike else TOGETHER
    left = iter(rows)
    with ThreadPoolExecutor(runtime.cores()) as pool:
        each_of = map if plain.quick(bundle, 0) else pool.map  # what is so quick would but wait for its turn
        while together := list(islice(left, most)):
            made = list(each_of(prepared, together))
            outputs = offline.answers(run, [inputs for inputs, _, _ in made if inputs is not None], bundle.padding)
            place = 0
            for record, (inputs, sent, said) in zip(together, made, strict=True):
                if inputs is None:
                    yield Scored(record, nothing, said)
                else:
                    own = {name: array[place : place + 1] for name, array in outputs.items()}
                    yield answered(record, own, sent, said)
                    place += 1


def _only(record: Record) -> str:
    (cell,) = record.cells
    return cell


def _kind(bundle: Bundle) -> Any:
    return plugins.load("serving.answers", bundle.signature["target"]["kind"])


def _part(kind: str) -> Any:
    return plugins.load("serving.parts", kind)


def _columns(kind: str, name: str, rules: Mapping[str, Any]) -> list[str]:
    found: list[str] = _part(kind).columns(name, rules)
    return found
