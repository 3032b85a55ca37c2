"""Splits that cut groups: a row stands by itself, or each group gives of its own rows, as users of their ratings."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from chainrule.data import times

GROUPS, WITHIN, TIME = "groups", "within_groups", "time"
"""What is held out: whole groups, rows of each group, or rows from a moment on."""
_LEARNT = np.nextafter(1.0, 0.0)
"""The place of the row that a group keeps for training."""


def apart(rows: pd.DataFrame, links: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return clean rows of which each is a group by itself, called by its id, and their links alike."""
    return rows.assign(group=rows["id"]), links.assign(other_group=links["other"])


def within(groups: Mapping[str, str], place: Callable[[str], float]) -> dict[str, float]:
    """Return where rows stand in [0, 1), given the group of each id; `place` says so of a row alone.

    The last of each group stands behind all others, so that something is learnt of everyone: then a row that was once
    held out never moves into training, as with new rows its place stays and only the last one's may change.
    """
    found = {name: place(name) for name in groups}
    last: dict[str, str] = {}
    for name, group in groups.items():
        if group not in last or (found[name], name) > (found[last[group]], last[group]):
            last[group] = name
    found.update({name: _LEARNT for name in last.values()})  # noqa: C420 - of keys that may be anything to mypy
    return found


def newest(groups: Mapping[str, str], moments: Mapping[str, float]) -> dict[str, float]:
    """Return where rows stand in [0, 1): the newest of each group first, evenly, and its oldest behind all others."""
    found: dict[str, float] = {}
    own: dict[str, list[str]] = {}
    for name, group in groups.items():
        own.setdefault(group, []).append(name)
    for names in own.values():
        ordered = sorted(names, key=lambda name: (-moments[name], name))
        found |= {name: (place + 0.5) / len(ordered) for place, name in enumerate(ordered)}
        found[ordered[-1]] = _LEARNT
    return found


def places(
    rows: pd.DataFrame,
    kind: pd.Series,
    of: pd.Series,
    names: Iterable[str],
    by: str,
    order: times.Order | None,
    place: Callable[[str], float],
) -> tuple[dict[str, float], dict[Any, str]]:
    """Return where groups stand in [0, 1), and by index label why rows have no place.

    kind: "pool" of rows that are to be split; of: the groups of rows as they came; [N] each; names: of all groups, also
    those of rejected copies, which have no say within a group. `place` says where a group stands by chance.
    """
    if by != WITHIN:
        return {name: place(name) for name in names}, {}
    found = None if order is None else times.when(rows, order)
    reasons = {} if found is None else {index: why for index, why in found.reasons.items() if kind[index] == "pool"}
    pool = (kind == "pool").to_numpy() & ~rows.index.isin(list(reasons))
    groups = dict(zip(rows["id"][pool], of[pool], strict=True))
    if found is None:
        return within(groups, place), reasons
    return newest(groups, dict(zip(rows["id"], found.moments.tolist(), strict=True))), reasons
