"""Files of lines as examples: one file for each class."""

from collections import Counter
from pathlib import Path

from chainrule.data.formats import dialect
from chainrule.data.formats import text as encodings
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.parts import part_of
from chainrule.system.errors import DataError

FULL = {"neg": "negative", "pos": "positive"}
SAMPLE = 1000


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of text files of which each is a class; None where they are none.

    Their names tell classes apart by their stem or by their ending, and none is called like a part; their lines are
    no rows of cells.
    """
    files = [file for file in place.files if file.suffix.lower() not in {".csv", ".tsv", ".xlsx", ".json", ".jsonl"}]
    if len(files) < 2 or len(files) < len(place.files) or any(part_of(file.stem) for file in files):
        return None
    labels = _labels(files)
    texts: dict[str, list[str]] = {}
    used: Counter[str] = Counter()
    for label, file in labels.items():
        try:
            data = file.read_bytes()
            text, encoding = encodings.decoded({str(file): data}, None, "source.encoding")[str(file)]
        except DataError:
            return None
        used[encoding] += 1
        texts[label] = [line for line in text.splitlines() if line.strip()]
    if len(used) > 1:
        return None  # the source reads them in one
    if sum(dialect.detect(file).width > 1 for file in files) * 2 > len(texts):
        return None
    step = max(1, sum(map(len, texts.values())) // SAMPLE)
    counts = Counter({label: len(lines) for label, lines in texts.items()})
    return Examples(
        task=options.task or "text_classification",
        modality="text",
        target="label",
        source={
            "kind": "class_files",
            "path": str(place.path),
            "files": {label: labels[label].name for label in labels},
        },
        incoming={"kind": "delimited"},
        rows=sum(counts.values()),
        labels={"": counts},
        texts=tuple((line,) for lines in texts.values() for line in lines[::step]),
        found=(f"{len(labels)} text files, one for each class, a text a line, {', '.join(used)}",),
    )


def _labels(files: list[Path]) -> dict[str, Path]:
    """Return the files by label: what differs in their names."""
    by_stem = {file.stem: file for file in files}
    named = by_stem if len(by_stem) == len(files) else {file.suffix.lstrip("."): file for file in files}
    return {FULL.get(name, name): file for name, file in sorted(named.items())}
