"""A number to tell: how it is spread in each split."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table
from chainrule.exploration import drawing
from chainrule.exploration.looked import Looked
from chainrule.fields.number import strata

AT = {"lowest": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "highest": 1.0}
FENCE = 3.0
"""Interquartile ranges beyond the quartiles: Tukey's outer fences (1977)."""
MOSTLY = 0.5


def balance(looked: Looked) -> Part:
    """Return a histogram and the quantiles of the target by split; of test rows the shares by fifths of all numbers."""
    target = looked.columns.target.name
    splits = {name: rows[target].dropna().to_numpy(np.float64) for name, rows in looked.splits.items()}
    splits = {name: numbers for name, numbers in splits.items() if len(numbers)}
    if "train" not in splits:
        raise NotShownError("no training row has a target")
    quantiles = {
        name: {called: float(np.quantile(numbers, share)) for called, share in AT.items()}
        for name, numbers in splits.items()
    }
    rows = [
        (name, f"{len(splits[name]):,}", *(f"{value:.4g}" for value in own.values())) for name, own in quantiles.items()
    ]
    shares = looked.split["leaks"][f"{looked.rules.STRATUM}_shares"].get("test", {})
    notes = []
    if shares:
        named = ", ".join(f"{bounds}: {share:.1%}" for bounds, share in shares.items())
        notes.append(f"Test rows by fifths of all numbers: {named}.")
    legend = "<p class='note'>Bars: training rows; line: validation rows.</p>" if len(splits) > 1 else ""
    body = (
        f'<div class="cells">{drawing.histogram(target, splits)}</div>{legend}'
        f"{page.table(Table('', ('split', 'rows', *AT), rows, notes))}"
    )
    return Part("Target", body, {"quantiles": quantiles, "look_at": _doubts(splits["train"])})


def _doubts(numbers: np.ndarray) -> list[str]:
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) == 1:
        return [f"every target is {values[0]:g}: nothing can be told apart"]
    found = []
    most = int(counts.argmax())
    if counts[most] > MOSTLY * len(numbers):
        found.append(f"{counts[most]:,} of {len(numbers):,} training targets are {values[most]:g}")
    low, high = np.quantile(numbers, (0.25, 0.75))
    far = numbers[(numbers < low - FENCE * (high - low)) | (numbers > high + FENCE * (high - low))]
    if high > low and len(far):
        furthest = far[np.abs(far - (low + high) / 2).argmax()]
        found.append(
            f"{len(far):,} training targets lie more than {FENCE:g} interquartile ranges beyond the quartiles, such as "
            f"{furthest:g}"
        )
    return found


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by fifths of the numbers, the lowest first, the places of the rows that are in each."""
    at = [place for place, value in enumerate(values) if value == value and value is not None]
    places: dict[str, list[int]] = {}
    own = [float(values[place]) for place in at]
    for place, bounds, _ in sorted(zip(at, strata(own), own, strict=True), key=lambda entry: entry[2]):
        places.setdefault(bounds, []).append(place)
    return list(places.items())


def associated(values: Sequence[Any]) -> list[Any]:
    """Return what columns are compared with: the numbers, None of rows without one."""
    return [float(value) if value == value and value is not None else None for value in values]


def said(value: Any) -> str:
    """Return a number as it is shown."""
    return f"{value:.5g}"
