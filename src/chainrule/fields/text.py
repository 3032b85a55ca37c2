"""Rows whose input is a text: undecoded bytes in, clean str out."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from html.entities import html5
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule.fields.reject import Reject
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

DTYPE = "str"

Long = Literal["cut", "reject"]

_SHINGLE = 3
_MAX_CANDIDATES = 20_000_000  # pairs to verify; 320 MB of indices
_CHUNK = 100_000  # pairs verified at once
_MAX_PASSES = 10

# Controls other than whitespace, soft hyphens, zero-width and direction marks. The zero-width joiners stay:
# Persian and emoji need them.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]")

_INLINE = "a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|q|s|small|span|strike|strong|sub|sup|tt|u|var"
_BLOCK = (
    "article|aside|blockquote|body|br|center|dd|div|dl|dt|footer|form|h1|h2|h3|h4|h5|h6|head|header|hr|"
    "html|iframe|img|input|label|li|link|main|meta|nav|ol|option|p|pre|section|select|table|tbody|td|"
    "textarea|tfoot|th|thead|title|tr|ul|video|wbr"
)
# Only names that HTML knows, and only attributes with values: "<unk>", "a <b" and "<i think>" are text.
_ATTRIBUTES = r"""(?:\s+[\w:-]+=(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))*\s*/?>"""
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}", re.IGNORECASE)
_BLOCK_TAG = re.compile(rf"<(?:!doctype html|/?(?:{_BLOCK})){_ATTRIBUTES}", re.IGNORECASE)
# Without its semicolon an entity counts before a blank only, the five of markup at the end, too: "&copy=2" is part of
# an address. A longer name is none that begins with one: "&notit;" is text.
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31})(;|(?=\s)|\Z)")
_MARKUP = ("amp", "lt", "gt", "quot", "nbsp")
# An entity whose ampersand was lost, as in "Microsoft #39;s"; "ranked #12; next" counts something.
_LAME_ENTITY = re.compile(r"(?<![&\w;])(#39|quot|amp|lt|gt|nbsp|apos|#\d{2,5}(?=;\S));")

_NUMBER_MARK = re.compile(r"(?<=\d)[.,](?=\d)")


def normalise(
    raw: bytes,
    *,
    lowercase: bool,
    strip_html: bool,
    min_characters: int,
    max_characters: int,
    long: Long = "cut",
) -> tuple[str, list[str]]:
    """Return the text and what had to be repaired.

    Read as UTF-8 (or UTF-16 where a byte order mark says so), else as cp1252. Then HTML is stripped and
    unescaped, mojibake undone (ftfy, R. Speer 2019), Unicode brought to NFC, control characters removed,
    whitespace collapsed to single blanks; over again until nothing changes, so the function is idempotent.
    What then is longer than `max_characters` is cut after a word, or within one that is longer than half of
    that (repair "cut"), or rejected, as `long` says.

    Raises Reject: undecodable_text, empty_text, too_short (under `min_characters`), too_long.
    """
    text, repairs = _decoded(raw)
    text = _settled(text, lowercase, strip_html, repairs)
    if long == "cut" and len(text) > max_characters:
        text = _settled(_cut(text, min_characters, max_characters), lowercase, strip_html, repairs)
        repairs.append("cut")
    if not text:
        raise Reject("empty_text", "nothing is left but blanks, controls or markup" if raw else "no bytes")
    if len(text) < min_characters:
        raise Reject("too_short", f"{len(text)} characters, at least {min_characters} are asked for")
    if len(text) > max_characters:
        raise Reject("too_long", f"{len(text)} characters, at most {max_characters} are allowed")
    return text, list(dict.fromkeys(repairs))


def _settled(text: str, lowercase: bool, strip_html: bool, repairs: list[str]) -> str:
    """Return the text after as many passes as change it; Reject if there is no end to them."""
    for _ in range(_MAX_PASSES):
        before = text
        text = _pass(text, strip_html, repairs)
        if lowercase:
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
    of fewer words is one shingle) is at least `threshold`, and they share a shingle. The search is exact: of
    two sets that are so alike, each with its n shingles in one common order, the first n - ceil(threshold *
    n) + 1 must overlap (prefix filter: Bayardo, Ma and Srikant 2007, Scaling up all pairs similarity search).
    The order is rarest first, so a common phrase makes no candidates.

    Raises DataError when more than 20 million pairs would have to be verified.
    """
    shown = progress(values, "look for near duplicates", "texts") if progress else values
    document, shingle = _shingles(shown, len(values))
    if not len(document):
        return np.zeros((0, 2), np.int64)
    _, shingle, frequency = np.unique(shingle, return_inverse=True, return_counts=True)
    order = np.lexsort((shingle, frequency[shingle], document))
    document, shingle = document[order], shingle[order]
    size = np.bincount(document, minlength=len(values))
    start = np.cumsum(size) - size
    prefix = size - np.ceil(threshold * size - 1e-9).astype(np.int64) + 1
    within = np.arange(len(document)) - start[document] < prefix[document]
    pairs = _sharing(document[within], shingle[within], size, threshold, len(values))
    return _verified(pairs, document, shingle, size, threshold)


def augmented_copy(value: str, rng: np.random.Generator, *, delete: float, swap: float) -> str:
    """Return a copy with words left out and neighbours swapped.

    Each word is deleted with probability `delete`, each left swapped with the next with probability `swap`:
    random deletion and swap of EDA (Wei and Zou 2019, arXiv:1901.11196). At least one word is left.
    """
    words = value.split()
    if not words:
        return value
    keep = rng.random(len(words)) >= delete
    if not keep.any():
        keep[rng.integers(len(words))] = True
    kept = [word for word, stays in zip(words, keep, strict=True) if stays]
    for index in np.flatnonzero(rng.random(len(kept) - 1) < swap):
        kept[index], kept[index + 1] = kept[index + 1], kept[index]
    return " ".join(kept)


def describe(values: Sequence[str]) -> "pd.DataFrame":
    """Return what validation looks at, one row per text: its number of characters and of words."""
    import pandas as pd

    characters = np.array([len(value) for value in values], np.int64)
    words = np.array([len(value.split()) for value in values], np.int64)
    return pd.DataFrame({"characters": characters, "words": words})


def expectations(normalise: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what `describe` must show of clean texts; `normalise` as in params.yaml."""
    lengths = {"min_value": normalise["min_characters"], "max_value": normalise["max_characters"]}
    return [
        ("expect_column_values_to_be_between", {"column": "characters", **lengths}),
        ("expect_column_values_to_be_between", {"column": "words", "min_value": 1}),
    ]


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


def _pass(text: str, strip_html: bool, repairs: list[str]) -> str:
    """Apply every repair once, noting those that changed something."""
    from ftfy import fix_encoding

    shown = _INVISIBLE.sub("", _CONTROL.sub(" ", text))
    if shown != text:
        repairs.append("control_characters")
    text = shown
    if strip_html:
        bare = _without_html(text)
        if bare != text:
            repairs.append("html")
        text = bare
    if not text.isascii():
        fixed = fix_encoding(text)
        if fixed != text:
            repairs.append("mojibake")
        composed = unicodedata.normalize("NFC", fixed)
        if composed != fixed:
            repairs.append("unicode")
        text = composed
    spaced = " ".join(text.split())
    if spaced != text:
        repairs.append("whitespace")
    return spaced


def _without_html(text: str) -> str:
    """Strip tags and unescape entities; done again by the next pass where one layer hid another."""
    if "<" in text:
        text = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", _HIDDEN.sub(" ", text)))
    if ";" in text:
        text = _LAME_ENTITY.sub(r"&\1;", text)
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    """Return what an entity stands for; what only looks like one stays as it is."""
    name, end = entity.groups()
    if not end and entity.end() == len(entity.string) and name.lower() not in _MARKUP:
        return entity[0]
    if name.startswith("#"):
        return html.unescape(f"&{name};")
    return html5.get(name + end, entity[0])


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
# Thai, Lao, Tibetan and Burmese; Khmer; kana; Han. Their marks stay with the letter before.
_SOLID_BLOCKS = "\u0e00-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SOLID_MARKS = "".join(
    chr(letter)
    for letter in (*range(0xE00, 0x10A0), *range(0x1780, 0x1800), 0x3099, 0x309A, *range(0xFE00, 0xFE10))
    if unicodedata.category(chr(letter))[0] == "M"
)
_SOLID = re.compile(f"(?![{_SOLID_MARKS}])[{_SOLID_BLOCKS}][{_SOLID_MARKS}]*")


def words(value: str, signs: bool = False) -> list[str]:
    """Return the words of a text: runs of letters, digits and their marks, in any script.

    A letter of a script that puts no blanks between its words is a word of its own, its marks included. With `signs`,
    every other sign, such as "!" or an emoji, is a word as well.
    """
    spaced = value.translate(_WORDS_AND_SIGNS if signs else _WORDS)
    return (spaced if spaced.isascii() else _SOLID.sub(r" \g<0> ", spaced)).split()


class _Dropping(dict[int, int | None]):
    """A table for str.translate that drops blanks, controls and punctuation, filled as letters come by."""

    def __missing__(self, letter: int) -> int | None:
        kind = unicodedata.category(chr(letter))
        kept = None if kind[0] in "PZ" or kind in ("Cc", "Cf") else letter
        self[letter] = kept
        return kept


_DROP = _Dropping()


def _shingles(values: Iterable[str], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (document, shingle), int64 and uint64 [S]: the distinct shingles of every text, in order."""
    numbers: dict[str, int] = {}
    flat: list[int] = []
    lengths = np.zeros(count, np.int64)
    for index, value in enumerate(values):
        found = words(value.casefold())
        if found and len(found) < _SHINGLE:
            found += [""] * (_SHINGLE - len(found))
        lengths[index] = len(found)
        flat.extend(numbers.setdefault(word, len(numbers) + 1) for word in found)
    word = np.array(flat, np.uint64)
    document = np.repeat(np.arange(count), lengths)
    if not len(word):
        return document, word
    # Three odd 64-bit constants; sums wrap around, and a chance meeting of two shingles needs billions of
    # them.
    mixed = word[:-2] * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= (word[1:-1] * np.uint64(0xC2B2AE3D27D4EB4F)) << np.uint64(1)
    mixed += word[2:] * np.uint64(0x165667B19E3779F9)
    whole = document[:-2] == document[2:]
    document, mixed = document[:-2][whole], mixed[whole]
    order = np.lexsort((mixed, document))
    document, mixed = document[order], mixed[order]
    new = np.ones(len(mixed), bool)
    new[1:] = (document[1:] != document[:-1]) | (mixed[1:] != mixed[:-1])
    return document[new], mixed[new]


def _sharing(document: np.ndarray, shingle: np.ndarray, size: np.ndarray, threshold: float, count: int) -> np.ndarray:
    """Return the pairs [P, 2] of documents that share a shingle and whose sizes allow the similarity."""
    order = np.lexsort((document, shingle))
    document, shingle = document[order], shingle[order]
    ends = np.searchsorted(shingle, shingle, side="right")
    following = ends - np.arange(len(shingle)) - 1  # later members of the same bucket
    total = int(following.sum())
    if total > _MAX_CANDIDATES:
        raise DataError(
            f"{total} pairs of {count} texts are candidates for near duplicates at {threshold}: "
            "raise clean.near_duplicates"
        )
    first = np.repeat(np.arange(len(shingle)), following)
    second = np.arange(total) - np.repeat(np.cumsum(following) - following, following) + first + 1
    one, other = document[first], document[second]
    small, large = np.minimum(size[one], size[other]), np.maximum(size[one], size[other])
    possible = small >= threshold * large - 1e-9
    keys = np.unique(one[possible] * count + other[possible])
    return np.stack([keys // count, keys % count], axis=1)


def _verified(
    pairs: np.ndarray, document: np.ndarray, shingle: np.ndarray, size: np.ndarray, threshold: float
) -> np.ndarray:
    """Return those pairs whose Jaccard similarity, computed in full, is at least `threshold`."""
    from scipy.sparse import csr_array

    shape = (len(size), int(shingle.max()) + 1)
    incidence = csr_array((np.ones(len(shingle), np.int32), (document, shingle)), shape=shape)
    alike = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), _CHUNK):
        some = pairs[start : start + _CHUNK]
        common = np.asarray(incidence[some[:, 0]].multiply(incidence[some[:, 1]]).sum(axis=1)).ravel()
        union = size[some[:, 0]] + size[some[:, 1]] - common
        alike[start : start + _CHUNK] = common >= threshold * union - 1e-9
    return pairs[alike]


def decode(values: Sequence[str]) -> list[str]:
    """Return the texts as models take them: as they are."""
    return list(values)
