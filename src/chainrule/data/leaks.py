"""What splits share, in numbers that show that they do not leak."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pandas as pd

SPLITS = ("train", "validation", "test", "unlabelled")


def leak_report(
    rows: pd.DataFrame, strata: pd.Series, keys: Sequence[Any], links: pd.DataFrame, called: str
) -> dict[str, Any]:
    """Return what `rows` (as `split` returns them) share across splits, in numbers.

    `strata` [N] and `keys` [N], for exact duplicates, are the rows', `called` is what a stratum is called. For each
    pair of splits: `groups`, `exact_duplicates` (inputs) and `near_duplicates` (pairs of rows), of which those between
    two official parts are as published and all others 0; `near_duplicates_apart` are pairs that no anchor ties.
    Besides: `rows` and `<called>_shares` per split, and which splits are `official`.
    """
    splits = [name for name in SPLITS if (rows["split"] == name).any()]
    group_sets = {name: set(rows["group"][rows["split"] == name].to_list()) for name in splits}
    key_column = pd.Series(list(keys), index=rows.index, dtype="object")
    key_sets = {name: set(key_column[rows["split"] == name]) for name in splits}
    where = dict(zip(rows["id"].to_list(), rows["split"].to_list(), strict=True)) if len(links) else {}
    across = Counter(  # of near duplicates: a rejected copy is in no split
        (kind == "apart", frozenset((where[one], where[other])))
        for one, other, kind in zip(links["id"], links["other"], links["kind"], strict=True)
        if one in where and other in where and where[one] != where[other]
    )
    report: dict[str, Any] = {
        "rows": {name: int((rows["split"] == name).sum()) for name in splits},
        "official": [name for name in splits if (rows["part"] == name).any() and name != "unlabelled"],
        "shared": {},
        f"{called}_shares": {},
    }
    for one, other in combinations(splits, 2):
        report["shared"][f"{one}_{other}"] = {
            "groups": len(group_sets[one] & group_sets[other]),
            "exact_duplicates": len(key_sets[one] & key_sets[other]),
            "near_duplicates": across[False, frozenset((one, other))],
            "near_duplicates_apart": across[True, frozenset((one, other))],
        }
    for name in splits:
        if name != "unlabelled":
            shares = strata[rows["split"] == name].value_counts(normalize=True).sort_index()
            report[f"{called}_shares"][name] = {str(own): round(float(share), 6) for own, share in shares.items()}
    return report
