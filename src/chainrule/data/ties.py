"""What ties rows together or to an official part: links of cleaning, sorted, and the rows that must go for them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule.data.duplicates import unify_groups


class Edges(NamedTuple):
    """What links tie: two pool groups, a pool group and an official row, an unlabelled group and a row."""

    pool: list[tuple[str, str]]
    official: list[tuple[str, int]]
    free: list[tuple[str, int]]


def sorted_links(rows: pd.DataFrame, kind: pd.Series, links: pd.DataFrame) -> Edges:
    """Sort the links of cleaning; rows are named by their index label in `rows`.

    kind: of each row "pool" if it goes by its group, "fixed" in an official held-out part, "free" without a target.
    """
    edges = Edges([], [], [])
    if links.empty:
        return edges
    at = dict(zip(rows["id"].to_list(), rows.index, strict=True))
    groups = dict(zip(rows.index, rows["group"].to_list(), strict=True))
    kinds = kind.to_dict()
    for one, other, other_group, how in zip(
        links["id"], links["other"], links["other_group"], links["kind"], strict=True
    ):
        if how == "apart":
            continue
        first = at[one]
        other_kind = kinds[at[other]] if how == "near" else "pool" if how == "copy" else "free"
        ends = [(kinds[first], groups[first], first), (other_kind, other_group, at.get(other))]
        ends.sort(key=lambda end: ("pool", "free", "fixed").index(end[0]))
        (low, low_group, low_at), (high, high_group, high_at) = ends
        if low == high == "pool":
            edges.pool.append((low_group, high_group))
        elif low == "pool" and high == "fixed" and high_at is not None:
            edges.official.append((low_group, high_at))
        elif low == "pool" and high == "free" and low_at is not None:
            edges.free.append((high_group, low_at))
        elif low == "free" and high == "fixed" and high_at is not None:
            edges.free.append((low_group, high_at))
    return edges


def unified(pool_groups: pd.Series, edges: Edges) -> dict[str, str]:
    """Return group -> name of its component, for pool groups and those of rejected copies of pool rows."""
    tied = {name for edge in edges.pool for name in edge} | {name for name, _ in edges.official}
    names = sorted({*pool_groups.to_list(), *tied})
    number = {name: index for index, name in enumerate(names)}
    pairs = np.array([(number[one], number[other]) for one, other in edges.pool], np.int64).reshape(-1, 2)
    return dict(zip(names, unify_groups(names, pairs), strict=True))


def tainted_pool(
    part: pd.Series, kind: pd.Series, group: pd.Series, edges: Edges, components: dict[str, str]
) -> dict[Any, str]:
    """Return index -> reason of the rows to be split whose component touches an official held-out row."""
    fixed = kind == "fixed"
    found = list(zip(group[fixed], part[fixed], strict=True))
    found += [(components[name], part[index]) for name, index in edges.official]
    touched = _strictest(found)
    if not touched:
        return {}
    to_split = group[(kind == "pool") & part.isna()]
    return {index: f"shares_group_with_{touched[name]}" for index, name in to_split.items() if name in touched}


def tainted_free(
    kind: pd.Series, group: pd.Series, in_split: pd.Series, edges: Edges, components: dict[str, str]
) -> dict[Any, str]:
    """Return index -> reason of the unlabelled rows whose group holds, or resembles, a held-out row."""
    free = group[kind == "free"]
    if free.empty:
        return {}
    held = in_split.isin(["test", "validation"])
    found = list(zip(group[held], in_split[held], strict=True))
    found += [(components.get(name, name), in_split[index]) for name, index in edges.free if held[index]]
    touched = _strictest(found)
    return {index: f"shares_group_with_{touched[name]}" for index, name in free.items() if name in touched}


def _strictest(found: list[tuple[str, str]]) -> dict[str, str]:
    """Return group -> "test" where any of its ties is to the test split, else "validation"."""
    touched: dict[str, str] = {}
    for name, own in found:
        if touched.get(name) != "test":
            touched[name] = own
    return touched
