"""Files of words and their tags as examples, as CoNLL's shared tasks have them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from chainrule.data.formats import conll
from chainrule.data.formats import text as encodings
from chainrule.data.formats.conll import Sentence
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.parts import part_of
from chainrule.system.errors import DataError

BYTES = 64 << 20
SAMPLE = 1000
FEWEST, MOST_LABELS = 10, 200
"""Sentences, and labels at most, of what is looked at as words and their tags."""
EVEN, OUTSIDE = 0.95, 0.3
"""Share of the sentences whose lines have as many columns as the others, and of the words that are in no span."""
OTHERS = {".csv", ".xlsx", ".json", ".jsonl", ".parquet"}


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of files with a word and its tag in each line; None where they are none.

    The last column has tags of spans, O among them. Where no file is called train, the one that is called validation
    is trained on, as of other files.
    """
    files = [file for file in place.files if file.suffix.lower() not in OTHERS]
    if not files or len(files) < len(place.files):
        return None
    opened = {file: own for file in files if (own := _sentences(file)) is not None}
    if len(opened) < len(files):
        return None
    parts = _by_part(files)
    if parts is None:
        return None
    every = [sentence for own in opened.values() for sentence in own]
    scheme, gap = conll.scheme_of([sentence.tags for sentence in every]), conll.between(every)
    labels = {
        "" if part == "all" else part: Counter(
            label for sentence in opened[file] for *_, label in conll.spans(sentence.tags, scheme)[0]
        )
        for part, file in parts.items()
    }
    step = max(1, len(every) // SAMPLE)
    texts = tuple((conll.joined(sentence.words, gap)[0],) for sentence in every[::step])
    documents = sum(len({own.document for own in each} - {None}) for each in opened.values())
    held = f" in {documents:,} documents, which splits keep whole" if documents else ""
    named = ", ".join(file.name for file in files)
    path = files[0] if len(files) == 1 else place.path
    official = {part: len(opened[file]) for part, file in parts.items() if part != "all"}
    spans = sum(sum(own.values()) for own in labels.values())
    return Examples(
        task=options.task or "token_classification",
        modality="text",
        target="spans",
        source={
            "kind": "conll",
            "path": str(path),
            **({"files": {part: file.name for part, file in parts.items()}} if official else {}),
        },
        incoming={"kind": "conll"},
        rows=len(every),
        parts=official,
        labels=labels,
        texts=texts,
        split={"test": 0} if "test" in official else {},
        found=(f"{len(every):,} sentences{held}, {spans:,} spans by tags of {scheme}, in {named}",),
    )


def _sentences(file: Path) -> list[Sentence] | None:
    """Return the sentences of a file, as far as it is looked at; None where it is none of words and their tags."""
    try:
        data = encodings.content(file, "source", most=BYTES)
        text, encoding = encodings.decoded({str(file): data}, None, "source.encoding")[str(file)]
        if not any(len(line.split()) > 1 for line in text.splitlines()[:20]):
            return None
        own = conll.read(str(file), text, encoding, 0, None, None).sentences
    except DataError:
        return None
    even = [sentence for sentence in own if sentence.fault is None]
    if len(even) < FEWEST or len(even) < EVEN * len(own):
        return None
    tags = Counter(tag for sentence in even for tag in sentence.tags)
    known = {tag: conll.tag_of(tag) for tag in tags}
    marked = {tag.label for tag in known.values() if tag.mark not in ("O", "")}
    bare = sum(count for tag, count in tags.items() if known[tag].mark == "")
    outside = sum(count for tag, count in tags.items() if known[tag].mark == "O")
    fits = 1 <= len(marked) <= MOST_LABELS and not bare and outside >= OUTSIDE * tags.total()
    return even if fits else None


def _by_part(files: Sequence[Path]) -> Mapping[str, Path] | None:
    """Return the file of each part; None where two are of one, or one of several is of none."""
    if len(files) == 1:
        return {"all": files[0]}
    parts = {part_of(file.name): file for file in files}
    if None in parts or len(parts) < len(files):
        return None
    found = {str(part): file for part, file in parts.items()}
    if "train" not in found:
        found["train"] = found.pop("validation" if "validation" in found else "test")
    return {part: found[part] for part in ("train", "validation", "test") if part in found}
