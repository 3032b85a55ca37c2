"""Words with tags of named entities or other spans, one in each line, as CoNLL's shared tasks have them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chainrule.data.formats import conll, naming
from chainrule.data.formats import text as encodings
from chainrule.data.formats.conll import Scheme, Sentence
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    files: Mapping[str, str] | None = None,
    columns: Mapping[str, str | int] | None = None,
    delimiter: str | None = None,
    scheme: Scheme | None = None,
    between: str | None = None,
    rows: Literal["sentence", "document"] = "sentence",
    encoding: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, or of the file `path`: a row a sentence, its document its group.

    rows: "document" makes a row of all sentences of one, where documents are marked, with a blank between them; one
    with a sentence that has a problem has that problem.

    columns: those of `text`, the word, and `spans`, its tag, by number from 0 or by the name in the first line; by
    default the first and the last. Words are joined by `between`, by default a blank, or nothing where nearly all are
    single characters; spans are places in that text. scheme: how tags mark spans, by default found in all files
    together (`formats.conll.scheme_of`), and said in attrs["noted"]. A sentence with a tag that is against it has the
    `problem` "tag_out_of_scheme", one of uneven lines "wrong_column_count", and "empty_word", "undecodable_text".

    `files` maps "train", "validation", "test", "unlabelled" (its tags are not looked at) or "all" to a file name; None:
    the names say it. `id` is "<part>/<line>"; `group` "<part>/document <number>" where documents are marked, else the
    id. Encodings, `section` and errors are as in the source `class_files`.
    """
    import pandas as pd

    (target,) = (field.name for field in fields if field.role == "target")
    (text,) = (field.name for field in fields if field.role == "input")
    named = columns or {}
    found = naming.files(Path(path), files, section, sorted, "train.conll")
    contents = {str(place): encodings.content(place, section) for place in found.values()}
    decoded = encodings.decoded(contents, encoding, f"{section}.encoding")
    opened = {
        part: conll.read(str(place), *decoded[str(place)], named.get(text, 0), named.get(target), delimiter)
        for part, place in found.items()
    }
    every = [sentence for file in opened.values() for sentence in file.sentences]
    if not every:
        raise DataError(f"{path}: holds no words; {section}.path must name files with a word and its tag in each line")
    gap = conll.between(every) if between is None else between
    tagged = [each.tags for part, file in opened.items() if part != "unlabelled" for each in file.sentences]
    followed = scheme or conll.scheme_of(tagged)
    records: list[tuple[Any, ...]] = []
    for part, file in opened.items():
        place, official = found[part], None if part == "all" else part
        for own in _together(file.sentences, whole=rows == "document"):
            raw, spans, problem = _joined([_row(each, gap, followed, part == "unlabelled") for each in own])
            row = f"{part}/{own[0].line:06d}"
            group = row if own[0].document is None else f"{part}/document {own[0].document:05d}"
            records.append((row, group, raw, spans, official, f"{place.name}:{own[0].line}", problem))
    names = ("id", "group", text, target, "part", "origin", "problem")
    made = zip(names, zip(*records, strict=True), strict=True)
    frame = pd.DataFrame({name: pd.Series(own, dtype=object if name == text else "str") for name, own in made})
    documents = len({group for _, group, *_ in records if "/document " in group})
    noted = {f"sentences with tags of {followed}": len(tagged), "documents": documents}
    noted["comments"] = sum(file.comments for file in opened.values())
    frame.attrs = {"encodings": dict(Counter(used for _, used in decoded.values()))}
    frame.attrs["noted"] = {name: count for name, count in noted.items() if count}
    if files is None and set(found) != {"all"}:
        counted = {f"{found[part].name} as {part}": len(file.sentences) for part, file in opened.items()}
        frame.attrs["parts"] = counted
    return frame


class _Row(NamedTuple):
    """A text, its spans (None: it has no target), and why it cannot be used, or None."""

    text: str
    spans: list[tuple[int, int, str]] | None
    problem: str | None


def _together(sentences: Sequence[Sentence], whole: bool) -> Iterator[list[Sentence]]:
    """Yield the sentences of each row: one, or all of a document."""
    for _, own in groupby(
        sentences, key=lambda each: each.document if whole and each.document is not None else id(each)
    ):
        yield list(own)


def _row(sentence: Sentence, gap: str, scheme: Scheme, unlabelled: bool) -> _Row:
    text, places = conll.joined(sentence.words, gap)
    if sentence.fault or unlabelled:
        return _Row(text, None, sentence.fault)
    spans, wrong = conll.spans(sentence.tags, scheme)
    if wrong is not None:
        return _Row(text, None, f"tag_out_of_scheme: {wrong}")
    return _Row(text, [(places[first][0], places[last][1], tidy(label)) for first, last, label in spans], None)


def _joined(own: Sequence[_Row]) -> tuple[bytes, str | None, str | None]:
    """Return the text, the spans as JSON and the problem of sentences that are one row."""
    found, at = [], 0
    for each in own:
        found += [[at + start, at + end, label] for start, end, label in each.spans or []]
        at += len(each.text) + 1
    problem = next((each.problem for each in own if each.problem), None)
    lacking = problem or any(each.spans is None for each in own)
    spans = None if lacking else json.dumps(found, ensure_ascii=False)
    return encodings.as_found(" ".join(each.text for each in own)), spans, problem
