"""The encoding of text files: a mark in the file, else UTF-8, else what a detector finds for the files together.

A file is read in one encoding. Where that is in doubt nothing is read, and the message names the candidates.
"""

import codecs
import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from chainrule.system.errors import DataError

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# How files begin that are no text, whatever they are called.
KINDS = (
    (b"PAR1", "Parquet"),
    (b"PK\x03\x04", "a compressed archive (zip, xlsx)"),
    (b"PK\x05\x06", "a compressed archive (zip, xlsx)"),
    (b"\x1f\x8b", "a compressed archive (gzip)"),
    (b"BZh", "a compressed archive (bzip2)"),
    (b"\xfd7zXZ", "a compressed archive (xz)"),
    (b"\x28\xb5\x2f\xfd", "a compressed archive (zstd)"),
    (b"7z\xbc\xaf", "a compressed archive (7z)"),
    (b"Rar!", "a compressed archive (rar)"),
    (b"\xd0\xcf\x11\xe0", "a workbook of old Excel (xls)"),
    (b"ARROW1", "Arrow"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "NumPy"),
    (b"SQLite format 3", "a database (SQLite)"),
    (b"%PDF-1.", "a PDF"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
)
SURE = 0.08
"""Least confidence of the detector: on three rows in each of twelve languages its right answers are at 0.16 or more."""
CLOSE = 0.95
"""A second answer whose confidence is this share of the first's leaves the first in doubt."""
SAMPLE = 1 << 20
"""Bytes of lines beyond ASCII that the detector sees."""
_FOREIGN = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# The encodings of Windows for alphabets have quotes, dashes and the like at the same places.
_WINDOWS = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257")


class Text(NamedTuple):
    """The text of a file, in which bytes that its encoding does not have are lone surrogates, and the encoding."""

    text: str
    encoding: str


def content(file: Path, section: str, most: int = -1) -> bytes:
    """Return the bytes of a file, or the first `most`; DataError that names the nearest one there is.

    section: the block that names it.
    """
    try:
        with file.open("rb") as opened:
            return opened.read(most)
    except FileNotFoundError:
        there = {path.name.lower(): path.name for path in file.parent.glob("*") if path.is_file()}
        close = difflib.get_close_matches(file.name.lower(), there, n=1)
        hint = f"; did you mean {there[close[0]]!r}?" if close else ""
        raise DataError(f"{file}: missing; put it there or correct {section}.files{hint}") from None
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror}); {section}.files must name readable files"
        ) from error


def decoded(files: Mapping[str, bytes], given: str | None, key: str) -> dict[str, Text]:
    """Return the text of each file, without its mark.

    files: the content by name; given: the encoding that the recipe names, or None; key: how the recipe calls it, for
    messages. Files that are neither marked nor UTF-8 are judged together: they come from one hand. Raises DataError
    for a file that is no text, and where the encoding is in doubt.
    """
    found: dict[str, Text] = {}
    others: dict[str, bytes] = {}
    for name, data in files.items():
        _refuse_binary(name, data)
        marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
        encoding = marked or given or _by_nulls(name, data, key) or _seven_bits(data) or _utf8(name, data, key)
        if encoding is None:
            others[name] = data
        else:
            found[name] = _read(name, data, encoding, key)
    if others:
        together = _detected(others, key)
        found |= {name: _read(name, data, together, key) for name, data in others.items()}
    return {name: found[name] for name in files}


def lines(text: str) -> list[str]:
    """Return the lines without their ends (LF, CRLF or, where there is no other, CR); a last line needs no end."""
    found = text.split("\n" if "\n" in text else "\r")
    if not found[-1]:
        found.pop()
    return [line.removesuffix("\r") for line in found]


def documents(files: Mapping[str, bytes], given: str | None, key: str) -> "tuple[list[Found], Counter[str]]":
    """Return the text of each file in UTF-8, or as found with why it is not read; and how many are in each encoding.

    The arguments are those of `decoded`. Of many files none stops the others: what is no text is "not_a_text_file",
    and where the encoding is in doubt, or lacks bytes, "undecodable_text".
    """
    found: dict[str, Found] = {}
    others: dict[str, bytes] = {}
    used: Counter[str] = Counter()
    for name, data in files.items():
        marked = next((encoding for mark, encoding in MARKS if data.startswith(mark)), None)
        if kind := _binary(data):
            found[name] = Found(data, f"not_a_text_file: {kind}")
            continue
        try:
            encoding = marked or given or _by_nulls(name, data, key) or _seven_bits(data)
        except DataError:
            found[name] = Found(data, "not_a_text_file: many of its bytes are NUL")
            continue
        if encoding := encoding or ("utf-8" if _valid(data) else None):
            found[name] = _document(data, encoding)
            used[encoding] += 1
        else:
            others[name] = data
    if others:
        together, doubt = _detect(others, key)
        for name, data in others.items():
            found[name] = _document(data, together) if together else Found(data, f"undecodable_text: {doubt}")
        used[together or "unknown"] += len(others)
    return [found[name] for name in files], used


class Found(NamedTuple):
    """The text of a file in UTF-8, or its bytes as they are and the problem with them."""

    text: bytes
    problem: str | None


def _document(data: bytes, encoding: str) -> Found:
    try:
        text = data.decode(encoding, "surrogateescape").removeprefix("\ufeff")
    except UnicodeError as error:
        return Found(data, f"undecodable_text: not {encoding} ({_reason(error)})")
    return Found(as_found(text), problem(text, encoding))


def problem(text: str, encoding: str) -> str | None:
    """Return "undecodable_text: …" where bytes of a row's text are not in its file's encoding, else None."""
    if not _FOREIGN.search(text):
        return None
    odd = " ".join(f"{ord(each) - 0xDC00:02x}" for each in _FOREIGN.findall(text)[:4])
    return f"undecodable_text: not {encoding} (bytes {odd})"


def as_found(text: str) -> bytes:
    """Return a text as UTF-8, with bytes that its file's encoding does not have as they were."""
    return text.encode("utf-8", "surrogateescape")


def _read(name: str, data: bytes, encoding: str, key: str) -> Text:
    """Return the text of a file; what cannot be decoded row by row is an error (a cut UTF-16, say)."""
    try:
        text = data.decode(encoding, "surrogateescape")
    except UnicodeError as error:
        raise DataError(f"{name}: not {encoding} ({_reason(error)}); save it as UTF-8, or correct {key}") from None
    text = text.removeprefix("\ufeff")
    if not text.strip(" \t\r\n"):
        raise DataError(f"{name}: empty; fetch the file again, or take it out of params.yaml")
    return Text(text, encoding)


def _reason(error: UnicodeError) -> str:
    return f"{error.reason} at byte {error.start}" if isinstance(error, UnicodeDecodeError) else str(error)


def _refuse_binary(name: str, data: bytes) -> None:
    if kind := _binary(data):
        remedy = "unpack it" if "archive" in kind else "export it as CSV or plain text"
        if name.lower().endswith((".xlsx", ".xlsm")) or kind == "Parquet":
            remedy = f"the kind {'parquet' if kind == 'Parquet' else 'excel'} reads it"
        raise DataError(f"{name}: {kind}, not a text file; {remedy}")


def _binary(data: bytes) -> str | None:
    """Return what a file is that is no text, by how it begins."""
    # A text may begin with ORC or BZh, but has no controls right behind.
    return next(
        (
            kind
            for begin, kind in KINDS
            if data.startswith(begin) and (len(begin) > 4 or not begin.isascii() or _CONTROLS.search(data[:64]))
        ),
        None,
    )


def _by_nulls(name: str, data: bytes, key: str) -> str | None:
    """Return UTF-16 or UTF-32 where NUL bytes stand as these have them; None where there are next to none."""
    nulls = data.count(0)
    if not nulls:
        return None
    import chardet

    encoding = str(chardet.detect(data[:SAMPLE])["encoding"] or "").lower()
    if encoding.startswith(("utf-16", "utf-32")) and "\0" not in data.decode(encoding, "replace"):
        return encoding
    if nulls * 10 > len(data):
        raise DataError(
            f"{name}: {nulls:,} of its {len(data):,} bytes are NUL, as in a file that is no text; export it as CSV or "
            f"plain text, or set {key} if it is text (utf-16-le, say)"
        )
    return None


def _seven_bits(data: bytes) -> str | None:
    """Return UTF-8 for ASCII, and the Japanese encoding of seven bits, which looks like ASCII, where it is one."""
    if not data.isascii():
        return None
    if b"\x1b$" in data:
        import chardet

        found = str(chardet.detect(data[:SAMPLE])["encoding"] or "").lower()
        if found.startswith("iso-2022"):
            return found
    return "utf-8"


def _utf8(name: str, data: bytes, key: str) -> str | None:
    """Return UTF-8 if the file is, or if most lines beyond ASCII are; None if next to none is.

    Raises DataError for what lies between: a file put together from several.
    """
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        valid = [_valid(line) for line in _beyond_ascii(data)]
    else:
        return "utf-8"
    good, bad = valid.count(True), valid.count(False)
    if good >= 3 * bad:
        return "utf-8"
    if 9 * good <= bad:
        return None
    raise DataError(
        f"{name}: {good:,} lines are UTF-8 and {bad:,} are not, as in a file put together from several; save all in "
        f"one encoding, or set {key} to the one to read (candidates: utf-8, {', '.join(_likely(data))}): lines that "
        "are not in it are rejected"
    )


def _valid(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _beyond_ascii(data: bytes) -> list[bytes]:
    return [line for line in re.split(b"[\r\n]+", data) if not line.isascii()]


def _detected(files: Mapping[str, bytes], key: str) -> str:
    """Return the encoding of files that are not UTF-8; DataError that names the candidates where it is in doubt."""
    encoding, doubt = _detect(files, key)
    if encoding is None:
        raise DataError(f"{', '.join(files)}: {doubt}")
    return encoding


def _detect(files: Mapping[str, bytes], key: str) -> tuple[str | None, str]:
    """Return the encoding of files that are not UTF-8; None where it is in doubt, with the candidates and a remedy."""
    western = _sane(files, _WINDOWS[0])
    if western is not None and all(_sane(files, encoding) == western for encoding in _WINDOWS[1:]):
        return _WINDOWS[0], ""
    lines = [line for data in files.values() for line in _beyond_ascii(data)]
    candidates = list(_candidates(_sample(lines), files, usual=True))
    best = next(iter(candidates), None)
    rival = next(iter(_candidates(_sample(lines), files, usual=False)), None)
    if best is None:
        likely = _likely(b"\n".join(lines))
        candidates_said = f" (candidates: {', '.join(likely)})" if likely else ""
        return None, (
            f"not UTF-8, and no encoding has all of its bytes; set {key} to the one it was saved in{candidates_said}: "
            "rows that are not in it are rejected"
        )
    doubts = [other for other in candidates[1:] if other.confidence >= CLOSE * best.confidence]
    if rival is not None and rival.text != best.text and rival.confidence > best.confidence:
        doubts.append(rival)
    if doubts or best.confidence < SURE:
        likely = _likely(b"\n".join(lines))
        listed = ", ".join(dict.fromkeys([*likely, *(each.encoding for each in (best, *doubts))]))
        return None, (
            f"not UTF-8, and too little or too unlike to tell its encoding (candidates: {listed}); "
            f"set {key} to the one it was saved in, or save it as UTF-8"
        )
    return _WINDOWS[0] if best.text == western else best.encoding, ""


class _Candidate(NamedTuple):
    encoding: str
    confidence: float
    text: tuple[str, ...]


def _candidates(sample: bytes, files: Mapping[str, bytes], usual: bool) -> Iterator[_Candidate]:
    """Yield the encodings that have every byte of the files, likeliest first; of those that read alike the first.

    usual: those of the web and of ISO alone; the detector takes others (of DOS, of old Macs) for them too easily.
    """
    import chardet
    from chardet.enums import EncodingEra

    era = EncodingEra.MODERN_WEB | EncodingEra.LEGACY_ISO if usual else EncodingEra.ALL
    results = chardet.detect_all(sample, ignore_threshold=True, max_bytes=SAMPLE, encoding_era=era)
    seen: set[tuple[str, ...]] = set()
    first: float | None = None
    for result in results:
        confidence = float(result["confidence"])
        if first is not None and confidence < CLOSE * first:
            return
        encoding = _python_name(result["encoding"])
        text = _sane(files, encoding) if encoding else None
        if encoding and text and text not in seen:
            seen.add(text)
            first = first or confidence
            yield _Candidate(encoding, confidence, text)


def _python_name(encoding: str | None) -> str | None:
    try:
        # ISO 8859-1 is what cp1252 is without the signs that only this has.
        name = codecs.lookup(encoding).name if encoding else None
    except LookupError:
        return None
    return "cp1252" if name == "iso8859-1" else name


def _sane(files: Mapping[str, bytes], encoding: str) -> tuple[str, ...] | None:
    """Return the texts of the files; None if one has bytes that are not in the encoding, or controls beyond ASCII."""
    texts = []
    for data in files.values():
        try:
            texts.append(data.decode(encoding))
        except UnicodeError:
            return None
        if any(ord(each) > 127 and unicodedata.category(each) in ("Cc", "Cn") for each in set(texts[-1])):
            return None
    return tuple(texts)


def _sample(lines: list[bytes]) -> bytes:
    """Return lines from all over the files, as many as the detector sees."""
    step = max(1, sum(map(len, lines)) // SAMPLE)
    return b"\n".join(lines[::step])[:SAMPLE]


def _likely(data: bytes) -> list[str]:
    """Return what a few lines at a time are most often taken for: where no encoding has all, some have most."""
    lines = [line for line in _beyond_ascii(data) if not _valid(line)]
    chunks = [b"\n".join(lines[at : at + 5]) for at in range(0, len(lines), max(5, len(lines) // 20))]
    best = (next(iter(_candidates(chunk, {"": chunk}, usual=True)), None) for chunk in chunks)
    counts = Counter(each.encoding for each in best if each is not None)
    return [encoding for encoding, _ in counts.most_common(3)]
