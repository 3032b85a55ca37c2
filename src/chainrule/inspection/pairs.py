"""Pairs of files as examples: line N of one beside line N of the other, as translations are published."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from chainrule.data.formats import text as encodings
from chainrule.data.formats.tables import SIDES
from chainrule.data.sources.line_pairs import ORDER, content, part_said, parts_said, refuse_unequal, stems
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.system.errors import ParamsError

LANGUAGE = re.compile(r"[a-z]{2}([-_][A-Za-z]{2,4})?")
"""How a file's ending says a language (ISO 639-1): de, zh-CN. Of three letters it may be a class (neg, pos)."""
NAMED = ({"source", "src", "input", "in"}, {"target", "tgt", "trg", "output", "out"})
"""What sides are called that are no languages."""
FIRST = "en"
SAMPLE = 1000


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of files in pairs; None where they are none.

    Their names differ in the ending alone (.gz aside), and there are two endings, both of which say a language or a
    side. Raises DataError for a pair with unequal numbers of lines, ParamsError for a side that --target names and that
    is not there.
    """
    if not place.path.is_dir() or options.task not in (None, "translation"):
        return None
    there = stems([file.name for file in place.files])
    whole = {stem: own for stem, own in there.items() if len(own) == 2}
    endings = {ending for own in whole.values() for ending in own}
    if len(endings) != 2 or not all(_is_side(ending) for ending in endings):
        return None
    sides = _sides(sorted(endings), options.target)
    lone = [name for stem, own in there.items() if stem not in whole for name in own.values()]
    silent = sorted(stem for stem in whole if part_said(stem) is None)
    left = silent if len(whole) > len(silent) else []
    found = parts_said([stem for stem in whole if stem not in left], place.path)
    counts, texts = {}, []
    for stem in found:
        lines = [_lines(place.path / whole[stem][side]) for side in sides]
        refuse_unequal([(place.path / whole[stem][side], len(own)) for side, own in zip(sides, lines, strict=True)])
        counts[stem] = len(lines[0])
        texts += lines[0][:: max(1, len(lines[0]) // SAMPLE)]
    official: dict[str, int] = {}
    files: dict[str, list[str]] = {}
    for part in sorted(set(found.values()), key=ORDER.index):
        files[part] = sorted(stem for stem, own in found.items() if own == part)
        official[part] = sum(counts[stem] for stem in files[part])
    parts = {part: count for part, count in official.items() if part not in ("all", "unlabelled")}
    turned = f"--target {sides[0]} turns them round"
    said = [
        f"{sum(counts.values()):,} pairs of lines: {sides[0]} is read, {sides[1]} is written ({turned})",
        *(f"{part}: {', '.join(own)} together; name fewer in source.files" for part, own in files.items() if own[1:]),
        *([f"not read, for they say no part of the split: {', '.join(left)}"] if left else []),
        *([f"not read, for they have no other side: {', '.join(lone[:6])}"] if lone else []),
    ]
    return Examples(
        task="translation",
        modality="text",
        target="wording",
        source={
            "kind": "line_pairs",
            "path": str(place.path),
            "sides": sides,
            "files": {part: own[0] if len(own) == 1 else own for part, own in files.items()},
        },
        incoming={"kind": "delimited", "delimiter": "\t", "quoting": False},
        rows=sum(counts.values()),
        parts=parts,
        texts=tuple((text,) for text in texts),
        split={"test": 0} if "test" in parts else {},
        found=tuple(said),
    )


def _is_side(ending: str) -> bool:
    return (
        bool(LANGUAGE.fullmatch(ending)) or ending.lower() in SIDES or any(ending.lower() in names for names in NAMED)
    )


def _sides(endings: Sequence[str], written: str | None) -> list[str]:
    """Return what is read and what is written: what --target names, else what its name says, else not English."""
    if written is not None:
        if written not in endings:
            raise ParamsError(f"--target {written}: no such side; {' or '.join(endings)}")
        return [*(each for each in endings if each != written), written]
    for names, turned in ((NAMED[0], False), (NAMED[1], True), ({FIRST}, False)):
        if any(each.lower() in names for each in endings):
            order = sorted(endings, key=lambda each: each.lower() not in names)
            return order[::-1] if turned else order
    return list(endings)


def _lines(path: Path) -> list[str]:
    texts: Mapping[str, encodings.Text] = encodings.decoded(
        {str(path): content(path, "source")}, None, "source.encoding"
    )
    return encodings.lines(texts[str(path)].text)
