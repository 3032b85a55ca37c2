"""`chainrule predict`: a file of rows in, the same file with the model's answers beside them out."""

import argparse
import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from chainrule.system.errors import ChainruleError
from chainrule.system.progress import Progress

if TYPE_CHECKING:
    from chainrule.serving.bundle import Bundle
    from chainrule.serving.scoring import Scored

PROBLEM = "problem"
"""The column that says why a row has no answer, or what of it was not taken as it came."""
Write = Callable[["Scored"], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("model", help="a served model's name, or the folder of a bundle")
    parser.add_argument(
        "rows",
        type=Path,
        help="a CSV, TSV or JSON Lines file of rows, or a folder of images, sounds or texts",
    )
    parser.add_argument("--out", type=Path, required=True, help="where to write: .csv or .tsv; .jsonl for JSON Lines")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="the file's name of a column that the model takes; repeatable, and of one text several are joined line by "
        "line (default: the model's own name)",
    )
    parser.add_argument("--delimiter", help="what parts the cells of a CSV (default: as its header shows)")
    parser.add_argument("--encoding", help="of a CSV (default: UTF-8, or what a mark at its beginning says)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "tensorrt"), default="auto", help="as for `serve`")
    parser.add_argument("--variant", choices=("fp32", "int8", "fp16"), help="as for `serve`")
    parser.add_argument("--root", type=Path, default=Path(), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Answer the rows and say how many; 1 if not one of them has an answer."""
    from chainrule.serving import records, runtime, scoring
    from chainrule.serving.limits import Limits

    limits = Limits()
    bundle = _bundle(arguments.root, arguments.model)
    named = _named(arguments.column)
    wanted = [own for column in scoring.wanted(bundle) for own in named.get(column, [column])]
    found = records.read(arguments.rows, wanted, arguments.delimiter, arguments.encoding)
    parts = scoring.parts_of(bundle, found, arguments.rows, named, limits)
    added = [*scoring.columns_of(bundle), PROBLEM]
    _check_out(arguments, found.columns, added, bool(found.delimiter))
    session = runtime.open_session(bundle, arguments.variant, arguments.device, runtime.cores(), limits)
    counts = Counter[str]()
    progress = Progress("predict", found.size, found.unit)
    with _writing(arguments.out, found.columns, added, found.delimiter) as write:
        for row in scoring.scored(bundle, session, found.rows, parts, limits):
            write(row)
            counts["answered" if row.answered else "left"] += 1
            counts["odd"] += bool(row.answered and row.problem)
            progress.advance(max(0, row.record.read - progress.done), lambda: f"{_rows(counts):,} rows")
    progress.close()
    by = f"{bundle.name}{f' version {bundle.version}' if bundle.version else ''} ({session.variant})"
    said = [f"{arguments.out}: {counts['answered']:,} of {_rows(counts):,} rows answered by {by}"]
    if counts["left"]:
        said.append(f"{counts['left']:,} have no answer, `{PROBLEM}` says why")
    if counts["odd"]:
        said.append(f"of {counts['odd']:,} answered rows a value was not taken as it came, `{PROBLEM}` says which")
    print("; ".join(said))
    return 0 if counts["answered"] or not counts["left"] else 1


def _rows(counts: Mapping[str, int]) -> int:
    return counts["answered"] + counts["left"]


def _bundle(root: Path, model: str) -> "Bundle":
    """Return the bundle in a folder of this name, or what is served under it."""
    from chainrule.exporting.bundle import SUMS
    from chainrule.serving import bundle as bundles
    from chainrule.serving import store

    folder = Path(model)
    if (folder / SUMS).is_file():
        return bundles.read(folder, folder.resolve().name, "")
    wanted = store.find(root, model) if store.is_name(model) else None
    if wanted is None:
        known = ", ".join(sorted(store.places(root))) or "none"
        raise ChainruleError(f"{model}: neither the folder of a bundle nor a model that is served here ({known})")
    bundle = bundles.read(wanted.folder, wanted.name, wanted.version)
    if wanted.digest not in (None, bundle.digest):
        raise ChainruleError(f"{wanted.folder}: not the bundle that was promoted or exported; do so again")
    return bundle


def _named(given: list[str]) -> dict[str, list[str]]:
    """Return the file's own columns of each that the model takes; a text may be in several."""
    pairs = [pair.partition("=") for pair in given]
    if wrong := [pair for pair in pairs if not pair[1]]:
        raise ChainruleError(f"--column {wrong[0][0]}: say it as NAME=COLUMN")
    return {name: [own for other, _, own in pairs if other == name] for name, _, _ in pairs}


def _check_out(arguments: argparse.Namespace, columns: list[str], added: list[str], cells: bool) -> None:
    out = arguments.out
    endings = (".csv", ".tsv") if cells else (".jsonl", ".ndjson")
    if out.suffix.lower() not in endings:
        raise ChainruleError(f"--out {out}: the answers to {arguments.rows} are written as {' or '.join(endings)}")
    if out.exists() and (out.is_dir() or out.samefile(arguments.rows)):
        raise ChainruleError(f"--out {out}: is a folder, or the file of rows itself; name another file")
    if not out.parent.is_dir():
        raise ChainruleError(f"--out {out}: there is no folder {out.parent}; make it, or name another")
    if taken := [name for name in added if name in columns]:
        raise ChainruleError(
            f"{arguments.rows}: has a column {taken[0]!r}, which an answer would take; rename it, or leave it out"
        )


@contextmanager
def _writing(out: Path, columns: list[str], added: list[str], delimiter: str) -> Iterator[Write]:
    """Give what writes a row with its answer; the file stands under its name once all of it does."""
    partial = out.with_name(f".{out.name}.partial")
    with open(partial, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        try:
            yield _as_cells(file, [*columns, *added], out, delimiter) if delimiter else _as_json(file, added)
        except BaseException:
            file.close()
            partial.unlink(missing_ok=True)
            raise
    partial.replace(out)


def _as_cells(file: TextIO, columns: list[str], out: Path, delimiter: str) -> Write:
    import orjson

    writer = csv.writer(file, delimiter="\t" if out.suffix.lower() == ".tsv" else delimiter, lineterminator="\n")
    writer.writerow(columns)

    def write(row: "Scored") -> None:
        told = [orjson.dumps(cell).decode() if isinstance(cell, list) else cell for cell in row.answer]
        writer.writerow([*row.record.cells, *told, row.problem])

    return write


def _as_json(file: TextIO, added: list[str]) -> Write:
    import orjson

    def write(row: "Scored") -> None:
        told = dict(zip(added, [*row.answer, row.problem or None], strict=True))
        file.write(f"{orjson.dumps({**row.record.cells, **told}).decode()}\n")  # type: ignore[dict-item] # JSON's rows

    return write
