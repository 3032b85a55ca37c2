"""A model's scores by group of rows, and how far the groups lie apart.

Barocas, Hardt and Narayanan 2023, "Fairness and machine learning", chapter 3, https://fairmlbook.org: one score over
all rows hides who bears the errors. Each group gets every metric with its interval, each metric the gap between the
best group and the worst. Groups of rows that belong together are drawn whole, the same ones for all groups in each
resample, so the interval of a gap is one of a difference on the same draws.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.evaluation import primary
from chainrule.evaluation.bootstrap import group_index, percentile_interval, resample_counts
from chainrule.evaluation.intervals import group_sums, rounded
from chainrule.evaluation.parts import NotShownError
from chainrule.evaluation.primary import Facts, Measure, Metrics, Outputs, Score
from chainrule.evaluation.shown import Cell, Table, Word
from chainrule.fields import number

if TYPE_CHECKING:
    import pandas as pd

SMALL = 30
"""Rows under which a group is shown with a warning and takes no part in gaps."""
MOST = 50
"""Groups that can be compared."""
FEW_NUMBERS = 10
"""Different numbers of a column up to which each is a group; more are cut into fifths."""


def known(rows: "pd.DataFrame", modality: str, inputs: Sequence[str], target: str) -> dict[str, list[Any]]:
    """Return by name what test rows [N] can be grouped by.

    That is the columns of a table's rows, the target, and `group`, what rows belong to; inputs and target: the names of
    their columns.
    """
    found: dict[str, list[Any]] = {"group": rows["group"].tolist(), target: rows[target].tolist()}
    for name in inputs:
        if modality in ("interaction", "table"):
            cells = [json.loads(value) for value in rows[name]]
            found = {column: [row[column] for row in cells] for column in cells[0]} | found
    return found


def groups(values: Sequence[Any]) -> list[str]:
    """Return the group of each row by a value of it, [N]: many different numbers are cut into fifths.

    Raises NotShownError where there is one group, or more than MOST.
    """
    there = [value for value in values if value is not None and value == value]
    numbers = bool(there) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in there)
    names = iter(number.strata(there) if numbers and len(set(there)) > FEW_NUMBERS else map(_name, there))
    found = [next(names) if value is not None and value == value else "missing" for value in values]
    count = len(set(found))
    if count < 2:
        raise NotShownError(f"all test rows have one value, {found[0]}" if found else "there are no test rows")
    if count > MOST:
        raise NotShownError(f"{count:,} different values; at most {MOST} can be compared")
    return found


def _name(value: Any) -> str:
    return (
        f"{value:.12g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
    )


def scores(
    names: Sequence[str],
    measure: Measure,
    outputs: Outputs,
    target: np.ndarray,
    facts: Facts,
    *,
    groups: Sequence[Any] | np.ndarray | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return the scores of each group and the gaps between them, as plain data.

    names: the group of each row, [N]; `groups`, resamples and seed as for `intervals.scores`, whose metrics that are no
    function of sums are not told by group. {"groups": {name: {"rows", <score>: {"value", "low", "high"}}},
    "gaps": {<score>: {"value", "low", "high", "best", "worst"}}, "small": the names of groups under SMALL rows}.
    """
    statistics = measure.statistics(outputs, target, facts)
    statistics = statistics if isinstance(statistics, np.ndarray) else statistics.tocsr()
    index, count = group_index(groups, len(target))
    own = np.asarray(names)
    sizes = dict(sorted(Counter(names).items(), key=lambda entry: (-entry[1], entry[0])))
    sums = {name: group_sums(statistics[own == name], index[own == name], count) for name in sizes}
    whole = {name: measure.metrics((each @ np.ones((count, 1))).T, facts) for name, each in sums.items()}
    blocks: dict[str, list[Metrics]] = {name: [] for name in sizes}
    for counts in resample_counts(count, len(target), resamples, seed):
        for name, each in sums.items():
            with np.errstate(divide="ignore", invalid="ignore"):  # a resample without a row of a group
                blocks[name].append(measure.metrics((each @ counts).T, facts))
    told = [score for score in measure.SCORES if score.name in next(iter(whole.values()))]
    value = {name: {score.name: whole[name][score.name][0] for score in told} for name in sizes}
    drawn = {
        name: {score.name: np.concatenate([block[score.name] for block in blocks[name]]) for score in told}
        for name in sizes
    }
    large = [name for name, rows in sizes.items() if rows >= SMALL]
    return {
        "groups": {
            name: {"rows": rows}
            | {score.name: _entry(value[name][score.name], drawn[name][score.name]) for score in told}
            for name, rows in sizes.items()
        },
        "gaps": {score.name: gap for score in told if (gap := _gap(score, large, value, drawn))},
        "small": [name for name in sizes if name not in large],
    }


def _entry(value: np.ndarray, drawn: np.ndarray) -> dict[str, float | None]:
    low, high = percentile_interval(drawn)
    return {"value": rounded(value), "low": rounded(low), "high": rounded(high)}


def _gap(
    score: Score, names: Sequence[str], value: Mapping[str, Any], drawn: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return how much better the best group is than the worst; None where fewer than two have a value."""
    defined = [name for name in names if not np.isnan(value[name][score.name])]
    if len(defined) < 2:
        return None
    ranked = sorted(defined, key=lambda name: float(value[name][score.name]), reverse=score.more_is_better)
    best, worst = ranked[0], ranked[-1]
    sign = 1 if score.more_is_better else -1
    ours, theirs = (each[best][score.name] - each[worst][score.name] for each in (value, drawn))
    return _entry(sign * ours, sign * theirs) | {"best": best, "worst": worst}


def table(by: str, found: Mapping[str, Any], measure: Measure) -> Table:
    """Return the section of a page about the groups by a column; found: what `scores` gives, or {"not_shown": why}."""
    if "not_shown" in found:
        return Table(f"By {by}", (Word(""), ""), [(Word("not shown"), found["not_shown"])])
    shown = [score for score in primary.shown(measure) if score.name in next(iter(found["groups"].values()))]
    rows: list[Sequence[Cell]] = [
        (Word(name), f"{told['rows']:,}", *(primary.interval(score.unit, told[score.name]) for score in shown))
        for name, told in found["groups"].items()
    ]
    notes = [
        f"Gap of {primary.words(score.name)}: {primary.interval(score.unit, gap)}, {gap['best']} being the best "
        f"group and {gap['worst']} the worst."
        for score in shown
        if (gap := found["gaps"].get(score.name))
    ]
    if notes:
        notes.append(
            "Best and worst are chosen by these very rows, so gaps are rather too wide; one whose interval holds 0 may "
            "be chance."
        )
    if warning := warned(by, found):
        notes.append(f"{warning[0].upper()}{warning[1:]}.")
    heads = (Word(by), "rows", *(score.title for score in shown))
    return Table(f"By {by}", heads, rows, notes, tall=len(rows) > 20)


def warned(by: str, found: Mapping[str, Any]) -> str:
    """Return what a reader of the groups must know, "" where there is nothing: that some are small."""
    small = found.get("small", [])
    if not small:
        return ""
    named = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
    of = f"{len(small)} of {len(found['groups'])} groups"
    return f"by {by}, {of} have under {SMALL} test rows, too few for a gap: {named}"
