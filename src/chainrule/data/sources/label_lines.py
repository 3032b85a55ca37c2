"""Lines of a label and a text, as fastText and TREC have them: `__label__good a fine film`, or `good a fine film`."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import naming
from chainrule.data.formats import text as encodings
from chainrule.fields.names import tidy
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

FASTTEXT = "__label__"


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    files: Mapping[str, str] | None = None,
    prefix: str | None = None,
    encoding: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, or of the file `path`, in the order of parts and lines.

    A line is a label, blanks or a tab, and the text. With `prefix` every word in front that begins so is a label, and
    where none does the line has no label; None: "__label__" if the first line of a file begins so, else none. Of a set
    of labels (fastText's lines may have several) they all are taken; where the task has one, several are the `problem`
    "several_labels". Lines of "unlabelled" are texts as a whole.

    `files` maps "train", "validation", "test", "unlabelled" or "all" (not split yet: `part` is None) to a file name;
    None: the names say it, and attrs["parts"] counts lines by what was taken for which. `id` is "<part>/<line>",
    counted from 1; every row is its own group. Encodings, `section` and errors are as in the source `class_files`.
    """
    import pandas as pd

    target = next(field for field in fields if field.role == "target")
    found = naming.files(Path(path), files, section, naming.texts, "rows.txt")
    contents = {str(place): encodings.content(place, section) for place in found.values()}
    decoded = encodings.decoded(contents, encoding, f"{section}.encoding")
    records: list[tuple[object, ...]] = []
    parts: Counter[str] = Counter()
    for part, place in found.items():
        text, used = decoded[str(place)]
        lines = encodings.lines(text)
        mark = prefix if prefix is not None else FASTTEXT if lines[0].startswith(FASTTEXT) else ""
        official = None if part == "all" else part
        for number, line in enumerate(lines, start=1):
            labels, rest = ([], line) if part == "unlabelled" else _parted(line, mark)
            problem = encodings.problem(line, used)
            if problem is None and len(labels) > 1 and target.kind != "labels":
                problem = f"several_labels: {' '.join(labels[:4])}, and the task has one"
            value = None if problem or not labels else labels[0]
            if value is not None and target.kind == "labels":
                value = json.dumps(labels, ensure_ascii=False)
            row = f"{part}/{number:06d}"
            records.append((row, row, encodings.as_found(rest), value, official, f"{place.name}:{number}", problem))
        if files is None and official:
            parts[f"{place.name} as {official}"] += len(lines)
    names = ("id", "group", "text", target.name, "part", "origin", "problem")
    columns = zip(names, zip(*records, strict=True), strict=True)
    frame = pd.DataFrame({name: pd.Series(own, dtype=object if name == "text" else "str") for name, own in columns})
    frame.attrs = {"encodings": dict(Counter(used for _, used in decoded.values()))}
    frame.attrs |= {"parts": dict(parts)} if parts else {}
    return frame


def _parted(line: str, mark: str) -> tuple[list[str], str]:
    """Return the labels in front of a line, and the text behind them."""
    labels: list[str] = []
    rest = line.lstrip()
    while rest and rest.startswith(mark) and not (labels and not mark):
        word, *behind = rest.split(maxsplit=1)
        label = tidy(encodings.as_found(word[len(mark) :]).decode("utf-8", "replace"))
        labels += [label] if label else []
        rest = behind[0] if behind else ""
    return labels, rest
