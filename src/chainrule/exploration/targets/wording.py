"""A text to be written: how long it is in each split, beside what it is written for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked
from chainrule.fields.wording import strata

AT = {"shortest": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "longest": 1.0}
FAR = 3.0
"""Times as long as usual, or as short, a text beside its source is worth a look."""


def balance(looked: Looked) -> Part:
    """Return histograms of the texts' words, and of how many there are for a word of the source, by split."""
    target, (source,) = looked.columns.target.name, looked.columns.inputs
    rows = {name: own[own[target].notna()] for name, own in looked.splits.items()}
    words = {name: _words(own[target].tolist()) for name, own in rows.items() if len(own)}
    if "train" not in words:
        raise NotShownError("no training row has a text to be written")
    ratios = {
        name: own / np.maximum(_words(source.kind.decode(rows[name][source.name].tolist())), 1)
        for name, own in words.items()
    }
    quantiles = {
        name: {called: float(np.quantile(own, share)) for called, share in AT.items()} for name, own in words.items()
    }
    lines = [
        (name, f"{len(words[name]):,}", *(f"{value:.0f}" for value in own.values())) for name, own in quantiles.items()
    ]
    usual = float(np.median(ratios["train"]))
    far = int(((ratios["train"] > FAR * usual) | (ratios["train"] < usual / FAR)).sum())
    pictures = (
        drawing.histogram("words of the text", words),
        drawing.histogram("for a word of the source", ratios),
    )
    table = page.table(Table("", ("split", "rows", *AT), lines, ("Words of the text to be written.",)))
    look_at = (
        [f"{far:,} training texts are {FAR:g} times as long or as short as their source has them be"] if far else []
    )
    body = f'<div class="cells">{"".join(pictures)}</div>{table}'
    return Part("Texts to be written", body, {"quantiles": quantiles, "usual_ratio": usual, "look_at": look_at})


def _words(texts: Sequence[str]) -> np.ndarray:
    return np.array([len(text.split()) for text in texts], np.float64)


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return the places of the rows with shorter and with longer texts."""
    at = [place for place, value in enumerate(values) if isinstance(value, str)]
    places: dict[str, list[int]] = {}
    for place, called in sorted(zip(at, strata([values[each] for each in at]), strict=True), key=lambda each: each[1]):
        places.setdefault(called, []).append(place)
    return list(reversed(places.items()))


def associated(values: Sequence[Any]) -> list[Any]:
    """Return what columns are compared with: the number of words, None of rows without a text."""
    return [float(len(value.split())) if isinstance(value, str) else None for value in values]


def said(value: Any) -> str:
    """Return a text as it is shown."""
    return str(value) if isinstance(value, str) else "no text"
