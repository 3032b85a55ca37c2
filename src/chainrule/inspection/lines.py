"""Files of lines as examples: one file for each class, or a label and a text in each line."""

from collections import Counter
from pathlib import Path

from chainrule.data.formats import dialect
from chainrule.data.formats import text as encodings
from chainrule.data.sources.label_lines import FASTTEXT
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.parts import part_of
from chainrule.system.errors import DataError

FULL = {"neg": "negative", "pos": "positive"}
SAMPLE = 1000
PLAIN = {".txt", ".text", ".train", ".test", ".valid", ".ft", ".label", ""}
BYTES = 64 << 20
FEWEST, SELDOM, MOST_CLASSES = 20, 0.05, 200
"""Lines from which on first words may be labels: of at most this share, and no more than so many."""


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
    counts: Counter[str] = Counter()
    for label, file in labels.items():
        try:
            data = encodings.content(file, "source", most=BYTES)
            if len(data) == BYTES:
                data = data[: data.rfind(b"\n") + 1] or data
            times = file.stat().st_size / max(1, len(data))
            text, encoding = encodings.decoded({str(file): data}, None, "source.encoding")[str(file)]
        except DataError:
            return None
        used[encoding] += 1
        texts[label] = [line for line in text.splitlines() if line.strip()]
        counts[label] = round(len(texts[label]) * times)  # of a file longer than what is read, an estimate
    if len(used) > 1:
        return None  # the source reads them in one
    if sum(dialect.detect(file).width > 1 for file in files) * 2 > len(texts):
        return None
    step = max(1, sum(map(len, texts.values())) // SAMPLE)
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


def look_for_labels(place: Place, options: Options) -> Examples | None:
    """Return the examples of files whose lines are a label and a text; None where they are none.

    Labels begin as fastText's do, or the first words of the lines are few.
    """
    files = [file for file in place.files if file.suffix.lower() in PLAIN]
    if not files or len(files) < len(place.files):
        return None
    found: dict[str, list[str]] = {}
    try:
        contents = {str(file): encodings.content(file, "source", most=BYTES) for file in files}
        decoded = encodings.decoded(contents, None, "source.encoding")
    except DataError:
        return None
    for file in files:
        part = part_of(file.stem) if len(files) > 1 else None
        found.setdefault(part or "", []).extend(line for line in decoded[str(file)].text.splitlines() if line.strip())
    every = [line for own in found.values() for line in own]
    first = Counter(line.split(maxsplit=1)[0] for line in every)
    fast = all(line.startswith(FASTTEXT) for line in every[:20])
    if not fast and not (len(every) >= FEWEST and 2 <= len(first) <= min(MOST_CLASSES, SELDOM * len(every))):
        return None
    labels = {part: Counter(_label(line) for line in own) for part, own in found.items()}
    parts = {part: len(own) for part, own in found.items() if part}
    several = fast and any(line.split()[1:2] and line.split()[1].startswith(FASTTEXT) for line in every)
    path = files[0] if len(files) == 1 else place.path
    step = max(1, len(every) // SAMPLE)
    return Examples(
        task=options.task or ("multi_label" if several else "text_classification"),
        modality="text",
        target="labels" if several else "label",
        source={"kind": "label_lines", "path": str(path)},
        incoming={"kind": "label_lines"},
        rows=len(every),
        parts=parts,
        labels=labels,
        texts=tuple((line.split(maxsplit=1)[-1],) for line in every[::step]),
        split={"test": 0} if "test" in parts else {},
        found=(f"{len(every):,} lines of a label and a text, in {', '.join(file.name for file in files)}",),
    )


def _label(line: str) -> str:
    return line.split(maxsplit=1)[0].removeprefix(FASTTEXT)


def _labels(files: list[Path]) -> dict[str, Path]:
    """Return the files by label: what differs in their names."""
    by_stem = {file.stem: file for file in files}
    named = by_stem if len(by_stem) == len(files) else {file.suffix.lstrip("."): file for file in files}
    return {FULL.get(name, name): file for name, file in sorted(named.items())}
