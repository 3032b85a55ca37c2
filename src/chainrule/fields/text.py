"""Rows whose input is a text: undecoded bytes in, clean str out."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from chainrule.fields import markup, scripts, shingles, windows
from chainrule.fields import typos as slips
from chainrule.fields.measured import Measured
from chainrule.fields.reject import Reject

if TYPE_CHECKING:
    import pandas as pd

DTYPE = "str"
EMPTY = ""
"""What stands for a text that is not there."""

Long = Literal["cut", "reject"]
Form = Literal["NFC", "NFKC"]
Quotes = Literal["keep", "plain"]
Width = Literal["keep", "letters", "all"]
Blanks = Literal["keep", "words", "as_found"]

_BLANK = "▁"  # how a piece says that a word begins with it
_MAX_PASSES = 10

# Controls other than whitespace, soft hyphens, zero-width and direction marks. The zero-width joiners stay:
# Persian and emoji need them.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]")

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        "\u2026": "...",
    }
)
"""What typography sets, as a keyboard has it."""

_NUMBER_MARK = re.compile(r"(?<=\d)[.,](?=\d)")


def normalise(
    raw: bytes,
    *,
    lowercase: bool,
    strip_html: bool,
    min_characters: int,
    max_characters: int,
    long: Long = "cut",
    unicode: Form = "NFC",
    quotes: Quotes = "keep",
    repeats: int | None = None,
    width: Width = "keep",
    blanks: Blanks = "keep",
) -> tuple[str, list[str]]:
    """Return the text and what had to be repaired.

    Read as UTF-8 (or UTF-16 where a byte order mark says so), else as cp1252. Then HTML is stripped and
    unescaped, mojibake undone (ftfy, R. Speer 2019), Unicode brought to NFC (or NFKC), control characters removed,
    with `quotes` plain what typography sets becomes what keyboards have, runs of one letter or sign are cut to
    `repeats` (digits stay), whitespace collapsed to single blanks; over again until nothing changes, so the function is
    idempotent. With `width` letters the letters and digits of double width become those of ASCII and katakana of half
    width the usual ones, with `all` the signs, too; with `blanks` words those between two ideographs are taken out,
    with as_found all whitespace is left as it is, but that every line ends with LF. Whether ideographs are simplified
    or traditional is let be.
    What then is longer than `max_characters` is cut after a word, or within one that is longer than half of
    that (repair "cut"), or rejected, as `long` says.

    Raises Reject: undecodable_text, empty_text, too_short (under `min_characters`), too_long.
    """
    text, repairs = _decoded(raw)
    wanted = _Wanted(lowercase, strip_html, unicode, quotes, repeats, width, blanks)
    text = _settled(text, wanted, repairs)
    if long == "cut" and len(text) > max_characters:
        text = _settled(_cut(text, min_characters, max_characters), wanted, repairs)
        repairs.append("cut")
    if not text or text.isspace():
        raise Reject("empty_text", "nothing is left but blanks, controls or markup" if raw else "no bytes")
    if len(text) < min_characters:
        raise Reject("too_short", f"{len(text)} characters, at least {min_characters} are asked for")
    if len(text) > max_characters:
        raise Reject("too_long", f"{len(text)} characters, at most {max_characters} are allowed")
    return text, list(dict.fromkeys(repairs))


class _Wanted(NamedTuple):
    lowercase: bool
    strip_html: bool
    unicode: Form
    quotes: Quotes
    repeats: int | None
    width: Width
    blanks: Blanks


def _settled(text: str, wanted: _Wanted, repairs: list[str]) -> str:
    """Return the text after as many passes as change it; Reject if there is no end to them."""
    for _ in range(_MAX_PASSES):
        before = text
        text = _pass(text, wanted, repairs)
        if wanted.lowercase:
            text = text.lower()
        if text == before:
            return text
    raise Reject("undecodable_text", f"still changing after {_MAX_PASSES} passes of normalisation")


def _cut(text: str, least: int, most: int) -> str:
    """Return the beginning of a longer text, ended by a whole word where one ends in its second half."""
    at = text.rfind(" ", max(least, most // 2), most + 1)
    if at < 0:
        at = most
        while at > 1 and (unicodedata.category(text[at])[0] == "M" or "\u200d" in text[at - 1 : at + 1]):
            at -= 1  # not between a letter and its marks, nor within a joined emoji
    return text[:at]


def key(value: str) -> str:
    """Return what two texts share that differ in case, blanks and punctuation only.

    Points and commas within numbers count, as do symbols such as emoji. A text of nothing but punctuation is
    its own key.
    """
    folded = value.casefold()
    marked = _NUMBER_MARK.sub(lambda mark: "\ue000" if mark[0] == "." else "\ue001", folded)
    return marked.translate(_DROP) or "".join(folded.split())


def near_duplicates(
    values: Sequence[str], threshold: float, progress: Callable[..., Iterable[Any]] | None = None
) -> np.ndarray:
    """Return the index pairs [P, 2] (int64, first < second, sorted) of texts that say nearly the same.

    Alike means: the Jaccard similarity of their sets of word 3-shingles (case and punctuation aside; a text
    of fewer words is one shingle) is at least `threshold`, and they share a shingle. No such pair is missed.

    Raises DataError when more than 20 million pairs would have to be verified.
    """
    shown = progress(values, "look for near duplicates", "texts") if progress else values
    return shingles.alike((words(value.casefold()) for value in shown), len(values), threshold)


def augmented_copy(
    value: str,
    rng: np.random.Generator,
    *,
    delete: float,
    swap: float,
    typos: float = 0.0,
    keyboard: str | None = None,
) -> str:
    """Return a copy with words left out, neighbours swapped, and slips of a typist in a share `typos` of the words.

    Each word is deleted with probability `delete`, each left swapped with the next with probability `swap`:
    random deletion and swap of EDA (Wei and Zou 2019, arXiv:1901.11196). At least one word is left. Words are those of
    `scripts.apart`: of a script without blanks each letter. What a slip is says `typos.slip`.
    """
    words, gaps = scripts.apart(value)
    if not words:
        return value
    keep = rng.random(len(words)) >= delete
    if not keep.any():
        keep[rng.integers(len(words))] = True
    value = scripts.joined([word if stays else None for word, stays in zip(words, keep, strict=True)], gaps)
    kept, gaps = scripts.apart(value)
    for index in np.flatnonzero(rng.random(len(kept) - 1) < swap):
        kept[index], kept[index + 1] = kept[index + 1], kept[index]
    if typos:
        for index in np.flatnonzero(rng.random(len(kept)) < typos):
            slips.slip(kept, int(index), rng, keyboard)
    return scripts.joined(kept, gaps)


def describe(values: Sequence[str]) -> "pd.DataFrame":
    """Return what validation looks at, one row per text: its number of characters and of words."""
    import pandas as pd

    characters = np.array([len(value) for value in values], np.int64)
    words = np.array([len(scripts.apart(value)[0]) for value in values], np.int64)
    return pd.DataFrame({"characters": characters, "words": words})


def expectations(normalise: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what `describe` must show of clean texts; `normalise` as in params.yaml."""
    lengths = {"min_value": normalise["min_characters"], "max_value": normalise["max_characters"]}
    return [
        ("expect_column_values_to_be_between", {"column": "characters", **lengths}),
        ("expect_column_values_to_be_between", {"column": "words", "min_value": 1}),
    ]


def measure(
    rows: Sequence[Mapping[str, np.ndarray]],
    fields: Sequence[str],
    tokenizer: Any,
    preprocessing: Mapping[str, Any] | None = None,
) -> dict[str, Measured]:
    """Return by field what drift compares of texts as a model gets them: through its tokenizer, cut to its longest.

    rows: a graph's inputs, of which input_ids int64 [1, T] holds the texts of all fields, each with an end behind it;
    in windows [1, W, T].
    """
    vocabulary = tokenizer.get_vocab()
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    end, unknown = next(reversed(tokenizer.encode("").ids), None), vocabulary.get("[UNK]")
    names = {number: token for token, number in vocabulary.items() if number not in special}
    texts: list[list[list[int]]] = [[] for _ in fields]
    folded = (preprocessing or {}).get(fields[-1], {}).get("windows") or {}
    for row in rows:
        ids = windows.unfolded(row, end, len(fields), folded.get("overlap", 0), special)
        parts = windows.parts(ids, end, len(fields))
        for place, own in enumerate(parts):
            texts[place].append(own)
    return {field: _measured(own, names, unknown) for field, own in zip(fields, texts, strict=True)}


def _measured(texts: Sequence[Sequence[int]], names: Mapping[int, str], unknown: int | None) -> Measured:
    """Return the measures of texts as ids, of which those without a name are special."""
    # Where no piece says that a word begins with it, every piece is a word.
    between = "" if any(token.startswith(_BLANK) for token in names.values()) else " "
    spoken: list[list[str]] = []
    measured = np.empty((len(texts), 5))
    for index, ids in enumerate(texts):
        pieces = [names[number] for number in ids if number in names]
        text = between.join(pieces).replace(_BLANK, " ")
        found = words(text)
        spoken.append(found)
        letters = sum(len(word) for word in found)
        # Every unknown character is one token; every word that the vocabulary lacks is several.
        measured[index] = (
            len(found),
            letters / max(len(found), 1),
            len(pieces) / max(len(found), 1),
            sum(number == unknown for number in ids) / max(len(ids), 1),
            sum(not letter.isalnum() and letter != " " for letter in text) / max(len(text), 1),
        )
    titles = ("length in words", "letters per word", "pieces per word", "unknown pieces", "punctuation")
    return Measured(dict(zip(titles, measured.T, strict=True)), {}, spoken)


def as_read(raw: bytes) -> str:
    """Return a raw text before anything is changed in it. Raises Reject: undecodable_text."""
    return _decoded(raw)[0]


def _decoded(raw: bytes) -> tuple[str, list[str]]:
    """Return the decoded text and the repairs that decoding was."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16"), ["decoded_utf16"]
        except UnicodeDecodeError as error:
            raise Reject("undecodable_text", f"marked as UTF-16 but {error.reason} at byte {error.start}") from error
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError as error:
        utf8 = f"not UTF-8 ({error.reason} at byte {error.start})"
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError as error:
        raise Reject("undecodable_text", f"{utf8}, not cp1252 (byte {error.start})") from error
    # Every byte string with the right luck is cp1252; a text in it holds no controls.
    if _CONTROL.search(text):
        raise Reject("undecodable_text", f"{utf8}, and control characters speak against cp1252")
    return text, ["decoded_cp1252"]


def _pass(text: str, wanted: _Wanted, repairs: list[str]) -> str:
    """Apply every repair once, noting those that changed something."""
    from ftfy import fix_encoding

    shown = _INVISIBLE.sub("", _CONTROL.sub(" ", text))
    if shown != text:
        repairs.append("control_characters")
    text = shown
    if wanted.strip_html:
        bare = markup.stripped(text)
        if bare != text:
            repairs.append("html")
        text = bare
    if not text.isascii():
        fixed = fix_encoding(text)
        if fixed != text:
            repairs.append("mojibake")
        composed = unicodedata.normalize(wanted.unicode, fixed)
        if composed != fixed:
            repairs.append("unicode")
        text = composed
        if wanted.quotes == "plain" and (plain := text.translate(_PLAIN)) != text:
            repairs.append("quotes")
            text = plain
        if wanted.width != "keep" and (plain := scripts.one_width(text, signs=wanted.width == "all")) != text:
            repairs.append("width")
            text = plain
    if wanted.repeats is not None:
        shorter = re.sub(rf"([^\d\s])\1{{{wanted.repeats},}}", lambda run: run[1] * (wanted.repeats or 1), text)
        if shorter != text:
            repairs.append("repeats")
        text = shorter
    spaced = _with_line_feeds(text) if wanted.blanks == "as_found" else " ".join(text.split())
    if spaced != text:
        repairs.append("whitespace")
    if wanted.blanks == "words" and (closed := scripts.close_up(spaced)) != spaced:
        repairs.append("blanks")
        return closed
    return spaced


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Spacing(dict[int, int | str]):
    """A table for str.translate that keeps letters, digits, marks and joiners and puts blanks for the rest.

    With `signs` every other sign but a control stays, between blanks.
    """

    def __init__(self, signs: bool) -> None:
        super().__init__({ord("_"): "_", 0x200C: "\u200c", 0x200D: "\u200d"})
        self.signs = signs

    def __missing__(self, letter: int) -> int | str:
        kind = unicodedata.category(chr(letter))[0]
        self[letter] = letter if kind in "LMN" else f" {chr(letter)} " if self.signs and kind in "PS" else " "
        return self[letter]


_WORDS, _WORDS_AND_SIGNS = _Spacing(signs=False), _Spacing(signs=True)


def words(value: str, signs: bool = False) -> list[str]:
    """Return the words of a text: runs of letters, digits and their marks, in any script.

    A letter of a script that puts no blanks between its words is a word of its own, its marks included. With `signs`,
    every other sign, such as "!" or an emoji, is a word as well.
    """
    spaced = value.translate(_WORDS_AND_SIGNS if signs else _WORDS)
    return (spaced if spaced.isascii() else scripts.SOLID.sub(r" \g<0> ", spaced)).split()


class _Dropping(dict[int, int | None]):
    """A table for str.translate that drops blanks, controls and punctuation, filled as letters come by."""

    def __missing__(self, letter: int) -> int | None:
        kind = unicodedata.category(chr(letter))
        kept = None if kind[0] in "PZ" or kind in ("Cc", "Cf") else letter
        self[letter] = kept
        return kept


_DROP = _Dropping()


def decode(values: Sequence[str]) -> list[str]:
    """Return the texts as models take them: as they are."""
    return list(values)
