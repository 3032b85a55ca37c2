"""Texts: their lengths, their most frequent words and pairs of words, and the words that mark each class."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.evaluation.parts import Part
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked, drawn, of
from chainrule.exploration.outliers import Outlying
from chainrule.fields import text
from chainrule.fields.measured import Measured
from chainrule.fields.scripts import is_solid
from chainrule.system import plugins

TEXTS = 50_000
"""Texts of a split that are looked at."""
SHOWN, CLASSES, OF_CLASS = 20, 12, 8
"""Words and pairs that are shown, classes of which some are, and how many of each."""
NARROW = False
"""Whether rows are small when they are shown."""
LONG = 240
"""Letters of a text that are shown."""
_CALM = 5
_LEAST, _SURE = 5, 3.0  # texts that must have a word that marks a class, and standard errors


def overview(looked: Looked, name: str) -> Part:
    """Return lengths of texts in both splits, and what words the training texts are made of."""
    rows = {split: drawn(each, TEXTS, looked.seed) for split, each in looked.splits.items()}
    spoken = {split: [said(value) for value in each[name].tolist()] for split, each in rows.items()}
    lengths = {
        "characters": {split: _sizes(each[name].tolist()) for split, each in rows.items()},
        "words": {split: _sizes(each) for split, each in spoken.items()},
    }
    train, total = spoken["train"], len(looked.splits["train"])
    counts = Counter(word for own in train for word in own)
    pairs = Counter(pair for own in train for pair in pairwise(own))
    often = {"Most frequent words": _written(counts), "Most frequent pairs of neighbours": _written(pairs)}
    solid = sum(count for word, count in counts.items() if is_solid(word))
    note = ""
    if solid * 2 > sum(counts.values()):
        often = {
            "Most frequent characters": often["Most frequent words"],
            "Most frequent pairs of characters": often["Most frequent pairs of neighbours"],
            "Most frequent runs of three characters": _written(Counter(run for own in train for run in _runs(own, 3))),
        }
        note = "<p class='note'>In a script without blanks each character counts as a word.</p>"
        # A character says little of a class; the words that mark one have two.
        train = [[*own, *map("".join, _runs(own, 2))] for own in train]
    kind = plugins.load("exploration.targets", looked.block["target"])
    groups = kind.buckets(rows["train"][looked.columns.target.name].tolist())
    marks = (
        marking({called: [train[at] for at in places] for called, places in groups})
        if 1 < len(groups) <= CLASSES
        else {}
    )
    body = (
        f"<p>{escape(of(len(train), total, 'training texts'))}: {len(counts):,} different words.</p>"
        f'<div class="cells">{"".join(drawing.histogram(title, own) for title, own in lengths.items())}</div>'
        "<p class='note'>Bars: training texts; line: validation texts.</p>"
        + "".join(f'<h3>{title}</h3><p dir="auto">{words}</p>' for title, words in often.items())
        + note
        + _marks(marks)
    )
    numbers = {
        "looked_at": len(train),
        "words": len(counts),
        "median_characters": float(np.median(lengths["characters"]["train"])) if train else None,
        "median_words": float(np.median(lengths["words"]["train"])) if train else None,
        "most_frequent": [word for word, _ in _first(counts)],
        "look_at": _doubts(looked, lengths["characters"]["train"]),
    }
    return Part(name, body, numbers)


def _runs(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """Return the runs of neighbouring characters of scripts without blanks, so many each."""
    runs = zip(*(words[start:] for start in range(length)), strict=False)
    return [run for run in runs if all(map(is_solid, run))]


def said(value: str) -> list[str]:
    """Return the words of a text in lower case, without signs."""
    return text.words(value.casefold())


def _sizes(values: Sequence[Sequence[Any] | str]) -> np.ndarray:
    return np.array([len(value) for value in values], np.float64)


def _first(counts: "Counter[Any]") -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:SHOWN]


def _written(counts: "Counter[Any]") -> str:
    """Return the most frequent words or pairs of words, each with its count."""
    named = []
    for found, count in _first(counts):
        solid = isinstance(found, tuple) and all(map(is_solid, found))
        word = found if isinstance(found, str) else ("" if solid else " ").join(found)
        named.append(f"{escape(word)} <small>{count:,}</small>")
    return " · ".join(named) or "none"


def marking(groups: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, list[str]]:
    """Return by class the words that mark its texts, given by their words, against those of all other classes.

    They are those of the largest z-scores of the log odds ratio of a text having the word (Woolf 1955), with a half
    added to each of the four counts (Haldane 1956, Anscombe 1956).
    """
    counts = {name: Counter(word for own in texts for word in set(own)) for name, texts in groups.items()}
    everything: Counter[str] = Counter()
    for own in counts.values():
        everything.update(own)
    words = [word for word, count in everything.items() if count >= _LEAST]
    total, texts = np.array([everything[word] for word in words], np.float64), sum(map(len, groups.values()))
    found = {}
    for name, own in counts.items():
        having = np.array([own[word] for word in words], np.float64)
        others = total - having
        cells = [having, len(groups[name]) - having, others, texts - len(groups[name]) - others]
        one, without, other, none = (cell + 0.5 for cell in cells)
        score = np.log(one * none / (without * other)) / np.sqrt(1 / one + 1 / without + 1 / other + 1 / none)
        order = sorted(np.flatnonzero(score > _SURE).tolist(), key=lambda at: (-score[at], words[at]))
        found[name] = [words[at] for at in order[:OF_CLASS]]
    return {name: own for name, own in found.items() if own}


def _marks(marks: Mapping[str, Sequence[str]]) -> str:
    if not marks:
        return ""
    lines = "".join(
        f'<dt dir="auto">{escape(name)}</dt><dd dir="auto">{escape(" · ".join(own))}</dd>'
        for name, own in marks.items()
    )
    return (
        f'<h3>Words that mark a class</h3><dl class="facts">{lines}</dl><p class="note">By the odds of a text having '
        f"the word, against all other classes; more than {_SURE:g} standard errors from even. A word that should tell "
        "nothing, such as a name or a source, is worth a look.</p>"
    )


def _doubts(looked: Looked, characters: np.ndarray) -> list[str]:
    cut = looked.clean["repairs"].get("cut", 0)
    found = [f"{cut:,} texts were cut to clean.normalise.max_characters"] if cut else []
    if len(characters) and characters.max() > 20 * max(1.0, float(np.median(characters))):
        found.append(
            f"the longest text has {characters.max():,.0f} characters, half of them no more than "
            f"{np.median(characters):,.0f}"
        )
    return found


def shown(value: str, says: str) -> str:
    """Return a clean text, cut where it is long."""
    return f'<p dir="auto">{escape(value if len(value) <= LONG else f"{value[: LONG - 1]}…")}</p>'


def shown_raw(raw: Any) -> str:
    """Return a text as the source gave it, what cannot be read as UTF-8 as hexadecimal numbers, marks made visible."""
    if not isinstance(raw, bytes):
        return "<p>nothing</p>"
    value = raw[: 4 * LONG].decode("utf-8", errors="backslashreplace")
    visible = "".join(sign if sign == " " or sign.isprintable() else ascii(sign)[1:-1] for sign in value)
    return shown(visible if visible.strip() else f"{len(raw):,} bytes of blanks: {raw[:20]!r}", "")


def came(raw: Sequence[Any], normalise: Any) -> str:
    """Return what texts were as the source gave them: nothing that their lengths after cleaning do not say."""
    return ""


def compared(values: Sequence[str], normalise: Any) -> Measured:
    """Return what drift compares of texts: their lengths and their words."""
    spoken = [said(value) for value in values]
    return Measured({"characters": _sizes(values), "words": _sizes(spoken)}, {}, spoken)


def outlying(looked: Looked, name: str) -> Outlying:
    """Return how surprising the words of each text are: the mean of minus the logarithm of how many texts have them.

    A few words of no surprise are added to each, so that short texts do not lead.
    """
    rows = drawn(looked.splits["train"], TEXTS, looked.seed)
    spoken = [sorted(set(said(value))) for value in rows[name].tolist()]
    having = Counter(word for own in spoken for word in own)
    surprise = {word: float(np.log(len(rows) / count)) for word, count in having.items()}
    scores = np.array([sum(surprise[word] for word in own) / (len(own) + _CALM) for own in spoken])

    def why(at: int) -> str:
        rarest = sorted(spoken[at], key=lambda word: (having[word], word))[:OF_CLASS]
        return f"rarest words: {', '.join(rarest)}" if rarest else ""

    method = (
        f"Mean surprise of a text's words, -log(share of the texts that have it), {_CALM} words of no surprise added."
    )
    return Outlying(rows, scores, method, why)
