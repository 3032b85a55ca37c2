"""Words with tags of named entities or other spans, one in each line, as CoNLL's shared tasks have them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data.formats import conll, naming
from chainrule.data.formats import text as encodings
from chainrule.data.formats.conll import Scheme, Sentence
from chainrule.data.formats.folders import TOP
from chainrule.data.formats.trees import Directory
from chainrule.fields.names import tidy
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

_ORDER = ("all", "train", "validation", "test", "unlabelled")


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    files: Mapping[str, str] | None = None,
    columns: Mapping[str, str | int] | None = None,
    delimiter: str | None = None,
    scheme: Scheme | None = None,
    between: str | None = None,
    encoding: str | None = None,
    section: str = "source",
) -> "pd.DataFrame":
    """Raw rows of the files in the directory `path`, or of the file `path`: a row a sentence, its document its group.

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
    found = _files(Path(path), files, section)
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
        for sentence in file.sentences:
            raw, spans, problem = _row(sentence, gap, followed, part == "unlabelled")
            row = f"{part}/{sentence.line:06d}"
            group = row if sentence.document is None else f"{part}/document {sentence.document:05d}"
            records.append((row, group, raw, spans, official, f"{place.name}:{sentence.line}", problem))
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


def _row(sentence: Sentence, gap: str, scheme: Scheme, unlabelled: bool) -> tuple[bytes, str | None, str | None]:
    """Return the text, the spans and the problem of a sentence."""
    text, places = conll.joined(sentence.words, gap)
    raw = encodings.as_found(text)
    if sentence.fault or unlabelled:
        return raw, None, sentence.fault
    spans, wrong = conll.spans(sentence.tags, scheme)
    if wrong is not None:
        return raw, None, f"tag_out_of_scheme: {wrong}"
    found = [[places[first][0], places[last][1], tidy(label)] for first, last, label in spans]
    return raw, json.dumps(found, ensure_ascii=False), None


def _files(path: Path, files: Mapping[str, str] | None, section: str) -> dict[str, Path]:
    """Return the file of each part."""
    if path.is_file():
        if files is not None:
            raise DataError(f"{path}: a file; leave {section}.files out, or let {section}.path name its directory")
        return {"all": path}
    if not path.is_dir():
        raise DataError(f"{path}: no such file or directory; {section}.path must name a file, or a directory of files")
    if files is not None:
        return {part: path / name for part, name in files.items()}
    there = sorted(Directory(path).look(TOP).files)
    found = naming.by_part(there)
    if not found:
        raise DataError(
            f"{path}: which part are its files ({', '.join(there[:5]) or 'none there'})? Call them train, test and "
            f"validation, or say it in {section}.files, such as train: {there[0] if there else 'train.conll'}"
        )
    return {part: path / found[part] for part in sorted(found, key=_ORDER.index)}
