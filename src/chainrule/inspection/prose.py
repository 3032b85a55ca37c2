"""Plain texts as examples: one long text, or several, of which a language is learnt."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from chainrule.data.formats import archives, trees
from chainrule.data.formats import text as encodings
from chainrule.data.formats.folders import TEXTS, TOP
from chainrule.data.formats.naming import texts
from chainrule.fields.scripts import HAN
from chainrule.inspection.examples import Examples, Options, Place
from chainrule.inspection.parts import part_of
from chainrule.system.errors import DataError

TASK, VECTORS = "text_generation", "word_vectors"
"""What is learnt of plain texts: the second where --task says so."""
SAMPLE, PIECE = 200, 2000
"""Pieces of the texts that are looked at, and characters of each."""
BYTES = 64 << 20
"""Of files together that are read to see what they are."""
APART = 0.02
"""Share of empty lines from which on lines are of a text, and not a text each."""
SHORTEST = 15
"""Characters of a line in the mean, below which lines are no parts of texts; of ideographs a third."""
NO_PROSE = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xml", ".conll", ".iob", ".bio"}
WHOLE = 10
"""Texts from which on some can be held out whole."""
ENDS = {"validation": 0.05, "test": 0.1}
"""Of fewer texts the share of the end of each that is held out."""
CHARACTERS, LETTERS = 3_000_000, 200
"""Of so little text with so few different characters the characters are the tokens."""
CONTEXT = 500
"""Characters of a row of which words are learnt by their neighbours."""
CUT = {"characters": 255, "bytes": 1000}
"""Characters of a row by what the tokens are: about as many as the net takes."""
TAGGED = 0.9
"""Share of the words of the form word/tag from which on they are tagged."""
_SPAN = re.compile(r".*\s(O|[BIESLUM]-\S+)")
"""A word and the tag of what it is a part of."""
_TAG = re.compile(r"[^\s/].*/[A-Za-z.,:;()'*`\-]+[\w$*+\-]*")


def look(place: Place, options: Options) -> Examples | None:
    """Return the examples of plain text files, or of an archive of them; None where there are none."""
    found = _texts(place)
    if not found:
        return None
    used: Counter[str] = Counter()
    read: dict[str, str] = {}
    try:
        for name, text in encodings.decoded(found, None, "source.encoding").items():
            read[name] = text.text
            used[text.encoding] += 1
    except DataError:
        return None
    if options.task not in (None, TASK, VECTORS) or (options.task is None and not is_prose(list(read.values()))):
        return None
    return _of_words(place, read, used) if options.task == VECTORS else _examples(place, read, used)


def is_prose(read: list[str]) -> bool:
    """Whether these are running texts, in which lines are no rows: empty lines part them, or there are hardly any."""
    lines = [line.strip() for text in read for line in text.strip("\n").split("\n")]
    full = [line for line in lines if line]
    if sum(bool(_SPAN.fullmatch(line)) for line in full) * 2 > len(full):
        return False
    length = sum(map(len, full)) / max(1, len(full))
    return length > PIECE or (
        length >= (SHORTEST / 3 if HAN.search(full[0]) else SHORTEST) and len(lines) - len(full) >= APART * len(lines)
    )


def _texts(place: Place) -> dict[str, bytes]:
    """Return the content of the text files, as much as is looked at; {} where others lie among them."""
    if len(place.files) == 1 and archives.stem(place.files[0].name):
        tree: trees.Tree = trees.plant(place.files[0], "source", "an archive")
    elif place.path.is_file():
        return {place.path.name: place.path.read_bytes()[:BYTES]} if _fits(place.path.name) else {}
    elif place.files or place.folders:
        tree = trees.Directory(place.path)
    else:
        return {}
    there = [file for file in tree.below(TOP)[0] if texts([file.name.name])]
    files = [file for file in there if file.problem is None and _fits(file.name.name)]
    if not files or len(files) < len(there) or len({file.name.parent for file in files}) > 1:
        return {}
    kept: dict[str, bytes] = {}
    size = 0
    for file, content in tree.contents(sorted(files, key=lambda file: file.name.as_posix())):
        if isinstance(content, bytes) and size < BYTES:
            kept[file.name.as_posix()] = content[: BYTES - size]
            size += len(content)
    return kept


def _fits(name: str) -> bool:
    return TEXTS.fits(name) and Path(name).suffix.lower() not in NO_PROSE


def _examples(place: Place, read: dict[str, str], used: "Counter[str]") -> Examples:
    characters = sum(map(len, read.values()))
    pieces = _pieces(list(read.values()))
    tagged = _tagged(pieces)
    kind = tokens(pieces, characters)
    cut = CUT[kind]
    parts = {part: text for name, text in read.items() if len(read) > 1 and (part := part_of(Path(name).stem))}
    official = len(parts) == len(read)
    source = {
        "kind": "long_texts",
        "path": str(place.files[0] if len(place.files) == 1 and not place.folders else place.path),
        "cut": cut,
        **({"tagged": True} if tagged else {}),
    }
    rows = {part: len(text) // cut + 1 for part, text in parts.items()} if official else {}
    if official and "validation" not in parts:
        source["hold_out"] = {"validation": ENDS["validation"]}
        rows["validation"] = round(rows.get("train", 0) * ENDS["validation"])
    elif not official and len(read) < WHOLE:
        source["hold_out"] = dict(ENDS)
        rows = {name: round(characters / cut * share) for name, share in ENDS.items()}
        rows["train"] = characters // cut - sum(rows.values())
    many = f"{len(read):,} texts" if len(read) > 1 else "one long text"
    held = "" if official else f", the end of {'each' if len(read) > 1 else 'it'} is held out" if rows else ""
    return Examples(
        task=TASK,
        modality="text",
        target="continuation",
        source=source,
        incoming={"kind": "long_texts", "cut": cut, **({"tagged": True} if tagged else {})},
        rows=sum(rows.values()) or characters // cut + len(read),
        parts=rows,
        texts=tuple((piece,) for piece in pieces),
        found=(f"{many}, {characters:,} characters, {', '.join(used)}{held}",),
    )


def _of_words(place: Place, read: dict[str, str], used: "Counter[str]") -> Examples:
    """Return texts whose words are learnt: running texts in rows of CONTEXT characters, else each line by itself."""
    found = _examples(place, read, used)
    read_lines = not is_prose(list(read.values()))
    own = {"texts": "line"} if read_lines else {"cut": CONTEXT}
    kept = [each for each in found.source if each != "cut" and not (read_lines and each == "hold_out")]
    official = "test" in found.parts and "test" not in found.source.get("hold_out", {})
    rows = sum(line.strip() != "" for text in read.values() for line in text.split("\n"))
    return replace(
        found,
        task=VECTORS,
        target="neighbours",
        source={name: found.source[name] for name in kept} | own,
        incoming={name: value for name, value in found.incoming.items() if name != "cut"} | own,
        rows=rows if read_lines else sum(map(len, read.values())) // CONTEXT + 1,
        parts={} if read_lines and not official else found.parts,
        found=(f"{rows:,} lines, each a text" if read_lines else found.found[0],),
    )


def _pieces(read: list[str]) -> list[str]:
    """Return pieces from all over the texts."""
    whole = sum(map(len, read))
    step = max(PIECE, whole // SAMPLE)
    return [text[start : start + PIECE] for text in read for start in range(0, max(1, len(text)), step)][: 2 * SAMPLE]


def _tagged(pieces: list[str]) -> bool:
    words = [word for piece in pieces for word in piece.split()[1:-1]]
    return len(words) > PIECE // 20 and sum(bool(_TAG.fullmatch(word)) for word in words) > TAGGED * len(words)


def tokens(pieces: list[str], characters: int) -> str:
    """Return what the tokens should be: characters of a little text or of ideographs, else parts of bytes."""
    letters = set().union(*pieces) if pieces else set()
    solid = sum(len(HAN.findall(piece)) for piece in pieces) > 0.2 * sum(map(len, pieces))
    return "characters" if solid or (characters < CHARACTERS and len(letters) < LETTERS) else "bytes"
