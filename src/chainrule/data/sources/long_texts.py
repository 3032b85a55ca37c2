"""Plain text to learn a language from: one long text, folders of texts, or one text after another in a file.

A text that is longer than a row is cut into rows; joined, its rows are the text, mark for mark. What Project Gutenberg
puts around a book is no part of it (https://www.gutenberg.org), nor are the tags of a tagged corpus such as Brown's.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple

from chainrule.data.formats import archives, naming, trees
from chainrule.data.formats import text as encodings
from chainrule.data.formats.folders import TEXTS, TOP
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

GIVES = ("text", "continuation")

Unit = Literal["file", "paragraph", "line"]
# "*** START OF THE PROJECT GUTENBERG EBOOK …", with THIS in older files; the first line of the licence may follow.
_BEGINS = re.compile(r"\*\*\* ?START OF TH(?:E|IS) PROJECT GUTENBERG[^\n]*\*\*\*[^\n]*\n")
_ENDS = re.compile(r"^(?:\*\*\* ?END OF TH(?:E|IS) PROJECT GUTENBERG|End of (?:the )?Project Gutenberg)", re.MULTILINE)
_BLANK = re.compile(r"\s")
_LATE = 0.75
"""A row ends after the last blank in the rest of its length, else within a word."""


class _Text(NamedTuple):
    """A text: its name, the file that it is in, and its part of the split, if that is said."""

    name: str
    file: str
    part: str | None
    text: str
    problem: str | None


def read(
    path: Path,
    *,
    files: Mapping[str, str] | None = None,
    texts: Unit = "file",
    cut: int = 1000,
    tagged: bool = False,
    hold_out: Mapping[str, float] | None = None,
    block: int = 8,
    encoding: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of a text file, of a folder or an archive of them, in the order of names and of the texts.

    files: "train", "validation", "test" or "all" to a file; None: every file, and where all of their names say parts
    these are. texts: what is one text: a file, a paragraph (set apart by empty lines), or a line. cut: the most
    characters of a row. tagged: words are written word/tag, and the tags are left out. hold_out: shares of the end of
    every text that has no part, {"validation", "test"}, held out, of one that is of part train the first of them: of
    one long text there is nothing else to hold out. Between parts one row is left out, which attrs["between_parts"]
    counts. None: texts are held out whole.

    `id` is "<name>/<row>", counted from 1; `group` the text, or `block` rows of one that has parts or is of one;
    `origin` the file and the character at which the row begins. attrs["noted"] counts Project Gutenberg's notes that
    were left out, attrs["encodings"] files by encoding. `problem` is that of a file as the source `text_folder` has
    it. Raises DataError where there are no texts, and where one text alone could be held out whole.
    """
    import pandas as pd

    noted: Counter[str] = Counter()
    found, used = _files(Path(path), files, encoding, section)
    apart = [each for document in found for each in _apart(_clear(document, tagged, noted), texts)]
    if hold_out is None and len(apart) == 1 and apart[0].part is None and section == "source":
        raise DataError(f"{path}: one text alone, of which none can be held out whole; set {section}.hold_out")
    records: list[tuple[object, ...]] = []
    between = 0
    for each in apart:
        rows = list(_rows(each.text, cut))
        parts = _parts(len(rows), each.part, hold_out)
        between += parts.count("")
        for place, ((start, row), part) in enumerate(zip(rows, parts, strict=True)):
            if part == "":
                continue
            whole = hold_out is None and each.part is None
            group = each.name if whole else f"{each.name}/{part}/{place // block:05d}"
            one = f"{each.name}/{place + 1:06d}"
            records.append((one, group, encodings.as_found(row), part, f"{each.file}@{start}", each.problem))
    names = ("id", "group", "text", "part", "origin", "problem")
    columns = zip(names, zip(*records, strict=True) if records else [()] * len(names), strict=True)
    frame = pd.DataFrame({name: pd.Series(own, dtype=object if name == "text" else "str") for name, own in columns})
    frame.attrs = {"encodings": dict(used), "noted": dict(noted)} | ({"between_parts": between} if between else {})
    return frame


def _files(
    path: Path, files: Mapping[str, str] | None, encoding: str | None, section: str
) -> tuple[list[_Text], "Counter[str]"]:
    """Return the texts of the files, whole, and how many files are in each encoding."""
    tree, wanted = _wanted(path, files, section)
    contents: dict[str, bytes] = {}
    lost: dict[str, str] = {}
    for file, content in tree.contents([file for file in wanted.values() if file.problem is None]):
        if isinstance(content, bytes):
            contents[file.origin] = content
        else:
            lost[file.origin] = content
    lost |= {file.origin: file.problem for file in wanted.values() if file.problem}
    found, used = encodings.documents(contents, encoding, f"{section}.encoding")
    told = dict(zip(contents, found, strict=True))
    stems = Counter(PurePosixPath(name).with_suffix("").as_posix() for name in wanted)
    by_part = {name: part for part, name in (files or _said(list(wanted))).items() if part != "all"}
    texts = []
    for name, file in wanted.items():
        stem = PurePosixPath(name).with_suffix("").as_posix()
        own = told.get(file.origin) or encodings.Found(b"", lost[file.origin])
        text = own.text.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
        texts.append(_Text(stem if stems[stem] == 1 else name, name, by_part.get(name), text, own.problem))
    return texts, used


def _said(names: list[str]) -> dict[str, str]:
    return naming.by_part(names) if len(names) > 1 else {}


def _wanted(path: Path, files: Mapping[str, str] | None, section: str) -> tuple[trees.Tree, dict[str, trees.File]]:
    """Return the tree, and of it the files that are read, by their names."""
    if path.is_file() and not archives.stem(path.name):
        if files is not None:
            raise DataError(f"{path}: a file; leave {section}.files out, or let {section}.path name its directory")
        return trees.Directory(path.parent), {path.name: trees.File(PurePosixPath(path.name), path.name)}
    tree = trees.plant(path, section, "a text file, a folder of them, or an archive")
    there = {file.name.as_posix(): file for file in tree.below(TOP)[0]}
    wanted = {name: there[name] for name in sorted(there) if TEXTS.fits(name) and naming.texts([Path(name).name])}
    if files is not None:
        if missing := [name for name in files.values() if name not in there]:
            raise DataError(f"{path / missing[0]}: missing; put it there or correct {section}.files")
        wanted = {name: there[name] for name in files.values()}
    if not wanted:
        raise DataError(f"{path}: no text file in it; {section}.path must name a text file or a folder of them")
    return tree, wanted


def _clear(document: _Text, tagged: bool, noted: "Counter[str]") -> _Text:
    """Return a text without what others put around it or into it; what was left out is counted."""
    text = document.text
    if begins := _BEGINS.search(text):
        text = text[begins.end() :]
        noted["Project Gutenberg's header left out"] += 1
    if begins and (ends := _ENDS.search(text)):
        text = text[: ends.start()]
        noted["Project Gutenberg's licence left out"] += 1
    if tagged:
        lines = (" ".join(word.rsplit("/", 1)[0] for word in line.split()) for line in text.split("\n"))
        text = "\n".join(line for line in lines if line)
    return document._replace(text=text.strip("\n"))


def _apart(document: _Text, texts: Unit) -> Iterator[_Text]:
    """Yield the texts of a file: it, or its paragraphs or lines, numbered from 1."""
    if texts == "file" or document.problem:
        yield document
        return
    pieces = re.split(r"\n[ \t]*\n\s*", document.text) if texts == "paragraph" else document.text.split("\n")
    for number, piece in enumerate((piece for piece in pieces if piece.strip()), 1):
        yield document._replace(name=f"{document.name}/{number:06d}", text=piece)


def _rows(text: str, most: int) -> Iterator[tuple[int, str]]:
    """Yield the rows of a text with where they begin; one row of a text that has nothing."""
    start = 0
    while len(text) - start > most:
        end = start + most
        late = start + int(most * _LATE)
        blank = next((place for place in range(end, late, -1) if _BLANK.match(text[place - 1])), None)
        end = blank or end
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def _parts(rows: int, part: str | None, hold_out: Mapping[str, float] | None) -> list[str | None]:
    """Return the part of each row of a text, "" of one that stands between two parts."""
    if hold_out is None or part not in (None, "train") or rows < 2:
        return [part] * rows
    asked = {name: share for name, share in hold_out.items() if part is None or name == "validation"}
    validation, test = (round(rows * asked.get(name, 0.0)) for name in ("validation", "test"))
    counts = {"train": rows - validation - test, "validation": validation, "test": test}
    found: list[str | None] = []
    for name, count in counts.items():
        if found and count > 1:
            found += ["", *([name] * (count - 1))]
        else:
            found += [name] * count
    return found
