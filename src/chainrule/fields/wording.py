"""A target that is a text to be written, such as a translation: str in the rows, code points where rows are scored.

What a tokenizer makes of it is a matter of the training (`training.written`): scores, floors and reports are about the
text itself.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.fields import text
from chainrule.fields.measured import Measured
from chainrule.fields.names import Renaming
from chainrule.fields.reject import Reject

DTYPE = "str"
ONE = "a text"
STRATUM = "length"
"""What one of `strata` is called in messages."""
TOKENS_SHARED = True
"""Whether a tokenizer learns from these texts as well as from those that are read."""
LONGEST = 20_000
"""Characters of a text to be written at most: a longer one is an accident of reading."""
APART, FEW = 9.0, 20
"""How many times as long one side may be as the other, and the characters below which that says nothing: Moses's
`clean-corpus-n.perl` has 9 as its usual ratio of words."""
LOOKED_AT, MOSTLY = 1000, 0.3
"""Texts whose letters say whether words are apart, and the share of such letters above which they are not."""
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff]")  # Thai, Lao, Burmese, Khmer, Kana
_STRATA = ("shorter half", "longer half")


def absent(value: Any) -> bool:
    """Whether there is no text: nothing, or blanks alone."""
    return value is None or value != value or not str(value).strip()


def tidied(met: Collection[str]) -> dict[str, str | None]:
    """Return nothing: a text stays as it is written."""
    return {}


def united(met: Collection[str], known: Collection[str] = ()) -> dict[str, str]:
    """Return nothing: no text is another form of one."""
    return {}


def normalise(raw: str) -> tuple[str, list[str]]:
    """Return the text as `fields.text` repairs it, its letters as they are, and what had to be repaired.

    Raises Reject: empty_wording, too_long_wording.
    """
    try:
        return text.normalise(
            str(raw).encode("utf-8", "surrogatepass"),
            lowercase=False,
            strip_html=False,
            min_characters=1,
            max_characters=LONGEST,
            long="reject",
        )
    except Reject as reject:
        raise Reject(f"{reject.reason.removesuffix('_text')}_wording", reject.detail) from None


def beside(inputs: Sequence[Any], value: str) -> None:
    """Raise Reject for a text that hardly belongs to the texts that it is written for.

    Raises Reject: untranslated (it is the only input, word for word, and has two words or more), absurd_length_ratio.
    """
    (source,) = inputs
    if source == value and " " in value:
        raise Reject("untranslated", f"both sides are {value[:60]!r}")
    short, long = sorted((len(source), len(value)))
    if long > FEW and long > APART * short:
        raise Reject("absurd_length_ratio", f"{len(source):,} characters beside {len(value):,}")


def renamed(value: str, rename: Renaming) -> tuple[str, list[str]]:
    """Return the text as it is: clean.labels speaks of names."""
    return value, []


def near_duplicates(
    values: Sequence[str], threshold: float, progress: Callable[..., Iterable[Any]] | None = None
) -> np.ndarray:
    """Return the index pairs [P, 2] of texts that say nearly the same, as `fields.text` does."""
    return text.near_duplicates(values, threshold, progress)


def contradictory(values: Collection[str]) -> bool:
    """Whether the same input cannot have all of these: it can, there are many ways to say a thing."""
    return False


def classes(values: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what a model must have met to give each answer: nothing, it may write anything."""
    return [()] * len(values)


def strata(values: Sequence[str]) -> list[str]:
    """Return what splits keep in proportion: the shorter and the longer half of the texts."""
    lengths = np.array([len(value) for value in values])
    middle = np.median(lengths) if len(lengths) else 0
    return [_STRATA[int(length > middle)] for length in lengths]


def unlearnable(values: Sequence[str]) -> str:
    """Return why nothing can be learnt from these texts, or ""."""
    known = set(values)
    if len(known) >= 2:
        return ""
    return f"{f'all {next(iter(known))[:40]!r}' if known else 'none'}, and texts are needed that differ"


def refusal(values: Sequence[str]) -> str:
    """Return why these are hardly texts to be written, or ""."""
    return ""


def warnings(values: Collection[str]) -> list[str]:
    """Return which texts are likely a mistake, in words: none, how often one may occur nobody knows."""
    return []


def expectations(column: str, values: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what clean rows must fulfil."""
    return [("expect_column_value_lengths_to_be_between", {"column": column, "min_value": 1, "max_value": LONGEST})]


def fit(values: Sequence[str]) -> dict[str, Any]:
    """Return {"characters", "tokens"}: those of the longest training text, by which answers are bounded, and how
    scores cut words: as sacreBLEU's 13a, or zh or char where texts have no blanks between them.
    """
    return {"characters": max((len(value) for value in values), default=1), "tokens": _tokens(values)}


def _tokens(values: Sequence[str]) -> str:
    letters = "".join(values[:: max(1, len(values) // LOOKED_AT)])
    count = max(1, sum(letter.isalpha() for letter in letters))
    if len(_HAN.findall(letters)) + len(_UNSPACED.findall(letters)) < MOSTLY * count:
        return "13a"
    return "char" if _UNSPACED.search(letters) else "zh"


def encode(values: Sequence[str], facts: Mapping[str, Any]) -> np.ndarray:
    """Return the code points of each text, int32 [N, L], zeros behind it; L is the longest of these."""
    return codes(values, max((len(value) for value in values), default=0) or 1)


def decode(encoded: np.ndarray, facts: Mapping[str, Any]) -> list[str]:
    """Return the texts of int [N, L]."""
    return texts(encoded)


def codes(values: Sequence[str], width: int) -> np.ndarray:
    """Return the code points of texts, int32 [N, width], zeros behind each; what is beyond the width is left out."""
    found = np.zeros((len(values), width), np.int32)
    for row, value in zip(found, values, strict=True):
        own = np.frombuffer(value[:width].encode("utf-32-le", "surrogatepass"), np.int32)
        row[: len(own)] = own
    return found


def texts(encoded: np.ndarray) -> list[str]:
    """Return the texts of code points, int or float [N, L]; what is no character, such as 0, is left out."""
    rows = np.nan_to_num(np.asarray(encoded, np.float64)).astype(np.int64)
    return ["".join(chr(code) for code in row if 0 < code <= 0x10FFFF) for row in rows.tolist()]


def answered(outputs: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Return the texts that a model wrote, and how sure it is: {"confidence": mean probability of their tokens [N]}."""
    sure = {"confidence": np.exp(np.asarray(outputs["score"], np.float64))} if "score" in outputs else {}
    return texts(outputs["text"]), sure


def compared(values: Sequence[str], facts: Mapping[str, Any]) -> tuple[list[str] | None, Measured]:
    """Return what drift compares of texts: how long they are, and their words."""
    found = [text.words(value.casefold()) for value in values]
    lengths = np.array([len(words) for words in found], np.float64)
    return None, Measured({"length in words": lengths}, {}, found)
