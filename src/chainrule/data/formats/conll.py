"""Files with a word and its tag in each line, as CoNLL's shared tasks have them: an empty line ends a sentence.

Tjong Kim Sang and De Meulder 2003 (https://aclanthology.org/W03-0419): columns parted by blanks or tabs, and a line
`-DOCSTART-` where a document begins. Lines that begin with # and have not as many columns as the others are comments.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from chainrule.data.formats import text as encodings
from chainrule.system.errors import DataError

DOCUMENT = "-DOCSTART-"
Scheme = Literal["IOB1", "IOB2", "BIOES", "IO"]
_TAG = re.compile(r"([BIOESLUM])[-_](.+)", re.IGNORECASE)
# How others mark the last word of several (L, of BILOU), a word alone (U), and one in the middle (M, of BMES).
_MARKS = {"L": "E", "U": "S", "M": "I"}
_MARKS_OF: dict[Scheme, tuple[str, ...]] = {
    "IOB1": ("B", "I", "O"),
    "IOB2": ("B", "I", "O"),
    "BIOES": ("B", "I", "O", "E", "S"),
    "IO": ("", "O"),
}
OUTSIDE = "O"


class Sentence(NamedTuple):
    """Words with their tags; document counts from 0 and is None where a file has none; fault: why it is not read."""

    line: int
    document: int | None
    words: list[str]
    tags: list[str]
    fault: str | None


class Read(NamedTuple):
    """What a file holds."""

    sentences: list[Sentence]
    comments: int


class Tag(NamedTuple):
    """A tag's mark, one of B, I, E, S and O, and its label; a label without a mark is marked with ""."""

    mark: str
    label: str


def read(name: str, text: str, encoding: str, word: str | int, tag: str | int | None, delimiter: str | None) -> Read:
    """Return the sentences of a file's text; name: of the file, for messages.

    word, tag: columns, numbers from 0, or names that stand in the first line; tag None: the last. delimiter None: a tab
    where the first line has one, else blanks. Raises DataError for a column that is not there.
    """
    lines = encodings.lines(text)
    first = next((line for line in lines if line.strip() and not line.startswith(DOCUMENT)), "")
    by = delimiter if delimiter is not None else "\t" if "\t" in first else None
    cells = [line.split(by) if line.strip() else [] for line in lines]
    begin = 0
    if isinstance(word, str) or isinstance(tag, str):
        begin = next((at for at, own in enumerate(cells) if own), 0) + 1
    titles = [each.strip() for each in cells[begin - 1]] if begin else []
    widths = Counter(len(own) for own in cells[begin:] if own and not own[0].startswith(DOCUMENT))
    if not widths:
        return Read([], 0)
    width = widths.most_common(1)[0][0]
    at_word, at_tag = _place(name, word, titles, width), _place(name, width - 1 if tag is None else tag, titles, width)
    sentences: list[Sentence] = []
    comments, document, begins = 0, None, 0
    own: list[tuple[int, list[str]]] = []

    def end() -> None:
        if own:
            sentences.append(_sentence(own, document, at_word, at_tag, width, encoding))
            own.clear()

    for number, (line, found) in enumerate(zip(lines, cells, strict=True), start=1):
        if number <= begin:
            continue
        if not found:
            end()
        elif found[0].startswith(DOCUMENT):
            end()
            document, begins = begins, begins + 1
        elif line.startswith("#") and len(found) != width:
            comments += 1
        else:
            own.append((number, found))
    end()
    return Read(sentences, comments)


def _place(name: str, column: str | int, titles: Sequence[str], width: int) -> int:
    if isinstance(column, str):
        if column in titles:
            return titles.index(column)
        raise DataError(f"{name}: its first line names no column {column!r}; it is: {' '.join(titles)[:80]}")
    if column >= width:
        raise DataError(f"{name}: there is no column {column}; its lines have {width}, counted from 0")
    return column


def _sentence(
    lines: Sequence[tuple[int, list[str]]], document: int | None, word: int, tag: int, width: int, encoding: str
) -> Sentence:
    (number, _), *_ = lines
    wrong = next((at for at, cells in lines if len(cells) != width), None)
    if wrong is not None:
        words = [" ".join(cells) for _, cells in lines]
        return Sentence(number, document, words, [], f"wrong_column_count: line {wrong}, {width} columns are usual")
    words = [cells[word].strip() for _, cells in lines]
    fault = encodings.problem(" ".join(words), encoding)
    if fault is None and not all(words):
        fault = "empty_word: a line without a word"
    return Sentence(number, document, words, [cells[tag].strip() for _, cells in lines], fault)


def tag_of(raw: str) -> Tag:
    """Return what a tag says."""
    if raw.upper() == OUTSIDE:
        return Tag("O", "")
    found = _TAG.fullmatch(raw)
    if found is None:
        return Tag("", raw)
    mark = found[1].upper()
    return Tag(_MARKS.get(mark, mark), found[2])


def scheme_of(sequences: Sequence[Sequence[str]]) -> Scheme:
    """Return the scheme that tags follow: that under which none is against it, or fewest are.

    IOB1: B- stands only between two spans of one label; IOB2: it begins every span; BIOES: E- ends a span of several
    words, and S- is one of one word; IO: labels without marks, or no tag but I-.
    """
    marks: Counter[str] = Counter()
    loose = needless = 0
    for sequence in sequences:
        before = Tag("O", "")
        for tag in map(tag_of, sequence):
            marks[tag.mark] += 1
            follows = before.mark in ("B", "I") and before.label == tag.label
            loose += tag.mark == "I" and not follows
            needless += tag.mark == "B" and not follows
            before = tag
    if marks["E"] or marks["S"]:
        return "BIOES"
    if marks[""] and not marks["B"] and not marks["I"]:
        return "IO"
    return "IOB1" if loose > needless else "IOB2"


def spans(sequence: Sequence[str], scheme: Scheme) -> tuple[list[tuple[int, int, str]], str | None]:
    """Return the spans of tags (first word, last word, label), and which tag is against the scheme, in words, or None.

    Where one is, there are no spans.
    """
    found: list[tuple[int, int, str]] = []
    before, open_at = Tag("O", ""), -1
    for at, raw in enumerate([*sequence, "O"]):
        tag = tag_of(raw)
        goes_on = open_at >= 0 and before.label == tag.label
        if wrong := _against(tag, goes_on, open_at >= 0 and before.mark in ("B", "I"), scheme):
            said = raw if at < len(sequence) else "the end"
            return [], f"{said!r} behind {sequence[at - 1]!r}: {wrong}" if at else f"{said!r} comes first: {wrong}"
        inside = goes_on and tag.mark in ("I", "E", "")
        if open_at >= 0 and not inside:
            found.append((open_at, at - 1, before.label))
            open_at = -1
        if tag.mark != "O" and not inside:
            open_at = at
        if scheme == "BIOES" and tag.mark in ("E", "S"):
            found.append((open_at, at, tag.label))
            open_at = -1
        before = tag
    return found, None


def _against(tag: Tag, goes_on: bool, is_open: bool, scheme: Scheme) -> str:
    """Return why a tag cannot stand where it does, or ""."""
    if tag.mark not in _MARKS_OF[scheme]:
        return f"no tag of {scheme}"
    if scheme == "IOB2" and tag.mark == "I" and not goes_on:
        return "I- begins no span in IOB2"
    if scheme == "BIOES":
        if tag.mark in ("I", "E") and not goes_on:
            return f"{tag.mark}- begins no span in BIOES"
        if tag.mark in ("O", "B", "S") and is_open:
            return "a span has no end"
    return ""


def between(sentences: Sequence[Sentence]) -> str:
    """Return what stands between words: nothing where nearly all are single characters, as in Chinese; else a blank."""
    lengths = Counter(len(word) == 1 for sentence in sentences for word in sentence.words)
    return "" if lengths[True] >= 0.9 * lengths.total() else " "


def joined(words: Sequence[str], gap: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of words, and where each begins and ends in it."""
    places, at = [], 0
    for word in words:
        places.append((at, at + len(word)))
        at += len(word) + len(gap)
    return gap.join(words), places
