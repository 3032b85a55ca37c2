"""What a section of the data page may look at."""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.data.columns import Columns
from chainrule.recipes.augment import Augment
from chainrule.recipes.clean import Clean

if TYPE_CHECKING:
    import pandas as pd


class Looked(NamedTuple):
    """A recipe's rows after cleaning and splitting; the inputs and targets of test rows are not among them.

    splits: "train" and "validation", one row per line with id, group and the task's fields; clean and split: what these
    stages reported (reports/<recipe>/*.json), in which test rows are counts. rules: the task's module `rows`. links and
    rejected: of data/clean/<recipe>, as `data.cleaning.Cleaned` says. raw: by id, rows as the source gave them, of what
    `before.wanted` draws. cleaning and augment: the sections `clean` and `augment`.
    """

    recipe: str
    block: Mapping[str, Any]
    columns: Columns
    splits: Mapping[str, "pd.DataFrame"]
    clean: Mapping[str, Any]
    split: Mapping[str, Any]
    seed: int
    say: Callable[[str], None]
    rules: ModuleType
    links: "pd.DataFrame"
    rejected: "pd.DataFrame"
    raw: "pd.DataFrame"
    cleaning: Clean
    augment: Augment


def drawn(rows: "pd.DataFrame", most: int, seed: int) -> "pd.DataFrame":
    """Return `rows`, or `most` of them drawn evenly, in their order; the same ones every time."""
    if len(rows) <= most:
        return rows.reset_index(drop=True)
    return rows.sample(most, random_state=seed).sort_index().reset_index(drop=True)


def of(count: int, rows: int, what: str) -> str:
    """Return how many of so many are looked at, such as `All 800 training rows`."""
    return f"All {rows:,} {what}" if count == rows else f"{count:,} of {rows:,} {what}, drawn by the seed"


def rows(count: int) -> str:
    """Return a number of rows as it is said: `1 row`, `2,000 rows`."""
    return f"{count:,} row{'' if count == 1 else 's'}"
