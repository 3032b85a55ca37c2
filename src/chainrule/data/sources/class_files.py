"""One text file per class, one row per line (such as the movie reviews of Pang and Lee, 2005)."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.data.formats import naming
from chainrule.data.formats import text as encodings
from chainrule.data.formats.folders import TOP, part_of
from chainrule.data.formats.trees import Directory
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("text", "label")


def read(
    path: Path, *, files: dict[str, str] | None = None, encoding: str | None = None, section: str = "source"
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, in the order of `files` and of the lines.

    `files` maps a label to the name of the file of that class; None: the text files are found, each is of the class
    that its name says (rt-polarity.pos: pos), and attrs["labels_from"] counts lines by it. `text` holds the line
    without its line end (LF, CRLF or, where the file has no other, CR) in UTF-8, empty lines included; `id` is
    "<label>/<line>", counted from 1; every row is its own group. `encoding` is that of all files; None: it is found
    (`chainrule.data.formats.text`), and attrs["encodings"] counts files by it. A line that is not in it passes as found
    with `problem` "undecodable_text".

    section: the block of params.yaml that messages name. Raises DataError for a missing or empty file, one that is
    not a text file, and one whose encoding is in doubt.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_dir():
        what = "a file" if path.is_file() else "no such directory"
        raise DataError(f"{path}: {what}; {section}.path must name the directory of the text files")
    found = _found(path, section) if files is None else files
    contents: dict[str, bytes] = {}
    taken: dict[str, str] = {}
    for label, name in found.items():
        file = str(path / name)
        if file in taken:
            raise DataError(f"{file}: named for both {taken[file]!r} and {label!r}; give every label its own file")
        taken[file] = label
        contents[file] = encodings.content(path / name, section)
    ids: list[str] = []
    texts: list[bytes] = []
    labels: list[str] = []
    origins: list[str] = []
    problems: list[str | None] = []
    decoded = encodings.decoded(contents, encoding, f"{section}.encoding")
    for (label, name), (text, used) in zip(found.items(), decoded.values(), strict=True):
        lines = encodings.lines(text)
        ids += [f"{label}/{i:06d}" for i in range(1, len(lines) + 1)]
        texts += map(encodings.as_found, lines)
        labels += [label] * len(lines)
        origins += [f"{name}:{i}" for i in range(1, len(lines) + 1)]
        problems += [encodings.problem(line, used) for line in lines]
    frame = pd.DataFrame(
        {
            "id": pd.Series(ids, dtype="str"),
            "group": pd.Series(ids, dtype="str"),
            "text": pd.Series(texts, dtype=object),
            "label": pd.Series(labels, dtype="str"),
            "part": pd.Series([None] * len(ids), dtype="str"),
            "origin": pd.Series(origins, dtype="str"),
            "problem": pd.Series(problems, dtype="str"),
        }
    )
    frame.attrs = {"encodings": dict(Counter(used for _, used in decoded.values()))}
    if files is None:
        frame.attrs["labels_from"] = {f"{name} as {label}": labels.count(label) for label, name in found.items()}
    return frame


def _found(path: Path, section: str) -> dict[str, str]:
    """Return the file of each class, by what tells their names apart."""
    there = naming.texts(Directory(path).look(TOP).files)
    found = naming.by_class(there)
    named = [label for label in found if part_of(label)]
    if not found or len(named) == len(found):
        listed = ", ".join(there[:5]) or "none there"
        why = "are parts of a split: is it the source label_lines, or delimited" if found else "say no classes"
        raise DataError(
            f"{path}: the names of its files ({listed}) {why}? Say in {section}.files which file is of which label, "
            f"such as good: {there[0] if there else 'good.txt'}"
        )
    return found
