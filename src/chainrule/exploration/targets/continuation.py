"""Texts to go on with: how long they are in each split."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked

AT = {"shortest": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "longest": 1.0}
FIFTHS = 5


def balance(looked: Looked) -> Part:
    """Return a histogram and the quantiles of the texts' bytes by split; test rows are counted alone."""
    target = looked.columns.target.name
    splits = {name: sizes(rows[target].dropna().tolist()) for name, rows in looked.splits.items()}
    splits = {name: own for name, own in splits.items() if len(own)}
    if "train" not in splits:
        raise NotShownError("no training row has a text")
    quantiles = {
        name: {called: float(np.quantile(own, share)) for called, share in AT.items()} for name, own in splits.items()
    }
    rows = [
        (name, f"{len(own):,}", f"{int(own.sum()):,}", *(f"{value:,.0f}" for value in quantiles[name].values()))
        for name, own in splits.items()
    ]
    body = (
        f'<div class="cells">{drawing.histogram("bytes", splits)}</div>'
        f"{page.table(Table('', ('split', 'rows', 'bytes', *AT), rows))}"
    )
    return Part("Bytes of the texts", body, {"quantiles": quantiles})


def sizes(values: Sequence[str]) -> np.ndarray:
    """Return the bytes of each text, float64 [N]."""
    return np.array([len(value.encode("utf-8", "surrogatepass")) for value in values], np.float64)


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by fifths of the texts' length, the shortest first, the places of the rows that are in each."""
    at = [place for place, value in enumerate(values) if isinstance(value, str)]
    own = sizes([values[place] for place in at])
    order = np.argsort(own, kind="stable")
    parts = [part for part in np.array_split(order, FIFTHS) if len(part)]
    return [
        (f"{own[part[0]]:,.0f} to {own[part[-1]]:,.0f} bytes", [at[place] for place in sorted(part)]) for part in parts
    ]


def associated(values: Sequence[Any]) -> list[Any]:
    """Return what columns are compared with: the bytes, None of rows without a text."""
    return [float(sizes([value])[0]) if isinstance(value, str) else None for value in values]


def said(value: Any) -> str:
    """Return how long a text is: it is shown as the input that it is."""
    return f"{sizes([value])[0]:,.0f} bytes"
