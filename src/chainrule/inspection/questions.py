"""Questions about passages as examples: SQuAD's JSON, and its copies as JSON Lines or Parquet."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.columns import columns
from chainrule.data.formats import columnar, objects
from chainrule.data.formats.tables import Table
from chainrule.data.reading import reader
from chainrule.fields import answer
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.parts import part_of
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TASK = "question_answering"
TEXTS = 2000
"""So many questions are looked at."""
BEGINS = 1 << 16
"""Bytes of a file by which SQuAD's form is told."""
NAMES = ("question", "context", "answers")
_TABLES = {".jsonl": "json_lines", ".ndjson": "json_lines", ".parquet": "parquet", ".pq": "parquet"}


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of files of questions; None where there are none.

    Raises DataError for several files of which the names do not say which part each is.
    """
    found = {file: kind for file in place.files if (kind := _kind(file)) is not None}
    if not found or len(found) < len(place.files):
        return None
    kinds = set(found.values())
    if len(kinds) > 1:
        raise DataError(f"{place.path}: files of {' and '.join(sorted(kinds))}; --data names one kind of them")
    (kind,) = kinds
    files = _parts(place, [*found])
    source: dict[str, Any] = {"kind": kind, "path": str(place.path)}
    if len(files) == 1:
        source["path"] = str(next(iter(files.values())))
    else:
        source["files"] = {part: file.relative_to(place.path).as_posix() for part, file in files.items()}
    group = _group(next(iter(files.values()))) if kind != "squad" else None
    if group is not None:
        source["group"] = group
    path = Path(source["path"])
    given = {name: value for name, value in source.items() if name not in ("kind", "path")}
    rows = reader(kind, columns(TASK, "text"))(path, **given)
    return _examples(source, kind, rows, options)


def _examples(source: Mapping[str, Any], kind: str, rows: "pd.DataFrame", options: Options) -> Examples:
    good = rows[rows["problem"].isna()]
    given = good["answers"].dropna()
    told = [answer.read(value) for value in given]
    none, several = sum(not own for own in told), sum(len(own) > 1 for own in told)
    parts = {str(part): int(count) for part, count in good["part"].value_counts(sort=False).items()}
    said = f"{len(good):,} questions about {good['context'].nunique():,} passages of {good['group'].nunique():,} groups"
    form = "SQuAD's JSON" if kind == "squad" else "SQuAD's rows"
    found = [f"{form}: {said}, which a split keeps whole"]
    found.append(f"{none:,} questions have no answer, {several:,} have several right ones")
    doubts = []
    if lost := len(rows) - len(good):
        doubts.append(f"{lost:,} questions cannot be read; they will be rejected and counted")
    if lacking := len(good) - len(given):
        doubts.append(
            f"{lacking:,} questions have no answers and do not say that there are none; they will be rejected"
        )
    some = good.iloc[:: max(1, len(good) // TEXTS)]
    texts = tuple((_text(one), _text(other)) for one, other in zip(some["question"], some["context"], strict=True))
    return Examples(
        task=options.task or TASK,
        modality="text",
        target="answer",
        source=source,
        incoming={"kind": kind},
        rows=len(good),
        parts=parts,
        texts=texts,
        split={"test": 0} if "test" in parts else {},
        found=tuple(found),
        doubts=tuple(doubts),
    )


def from_nothing(trained: int, solid: bool, longest: int, why: list[str]) -> dict[str, Any]:
    """Return net, pretraining and fine-tuning of questions from random weights; `why` gets a line.

    trained: rows that are learnt from; solid: whether the script puts no blanks between words; longest: tokens of a
    window.
    """
    why.append(
        "net: a small encoder, which first learns to fill in hidden words; from nothing it can hardly learn to read "
        "from a few thousand questions, so look at its floors"
    )
    return {
        "net": {"name": "encoder", "layers": 4, "max_length": longest},
        "pretrain": {
            "objective": {"name": "masked_language"},
            "tokenizer": {"kind": "characters"} if solid else {"vocabulary": 8000},
            "training": {"epochs": 10},
        },
        "finetune": {"strategy": {"name": "full"}, "epochs": 10 if trained < 20_000 else 4},
    }


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _kind(file: Path) -> str | None:
    """Return the source that reads a file of questions; None of any other file."""
    ending = file.suffix.lower()
    if ending == ".json":
        return "squad" if _is_squad(file) else None
    if ending in _TABLES:
        opened = _opened(file)
        return _TABLES[ending] if opened is not None and {*NAMES} <= {*(opened.titles or ())} else None
    return None


def _is_squad(file: Path) -> bool:
    """Whether a file begins as SQuAD's form does; a short one is read as a whole."""
    with file.open("rb") as opened:
        begin = opened.read(BEGINS)
    if not begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False
    if len(begin) < BEGINS:
        try:
            found = json.loads(begin)
        except ValueError:
            return False
        data = found.get("data")
        return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and "paragraphs" in data[0]
    return b'"data"' in begin and b'"paragraphs"' in begin


def _opened(file: Path) -> Table | None:
    try:
        if _TABLES[file.suffix.lower()] == "parquet":
            (found,) = columnar.tables([file], section="source")
        else:
            (found,) = objects.tables([file], encoding=None, section="source")
    except DataError:
        return None
    return found


def _group(file: Path) -> str | None:
    """Return the column of what belongs together: of SQuAD's rows the title of the article, else the passage itself."""
    opened = _opened(file)
    titles = () if opened is None or opened.titles is None else opened.titles
    return "title" if "title" in titles else "context"


def _parts(place: Place, files: Sequence[Path]) -> dict[str, Path]:
    """Return the file of each part, "all" for a single one."""
    if len(files) == 1:
        return {"all": files[0]}
    named = {file: part_of(file.stem) for file in files}
    if None in named.values() or len({*named.values()}) < len(named):
        shown = ", ".join(file.name for file in files[:5])
        raise DataError(f"{place.path}: which part of the data is each of {shown}? Name one by --data, or call them so")
    found = {str(part): file for file, part in named.items()}
    if "test" not in found and "validation" in found and "train" in found:
        found["test"] = found.pop("validation")  # what tests is not published with all of SQuAD's kin
    return found
