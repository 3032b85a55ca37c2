"""What a section of the data page may look at."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.data.columns import Columns

if TYPE_CHECKING:
    import pandas as pd


class Looked(NamedTuple):
    """A recipe's rows after cleaning and splitting; the inputs and targets of test rows are not among them.

    splits: "train" and "validation", one row per line with id, group and the task's fields; clean and split: what these
    stages reported (reports/<recipe>/*.json), in which test rows are counts.
    """

    recipe: str
    block: Mapping[str, Any]
    columns: Columns
    splits: Mapping[str, "pd.DataFrame"]
    clean: Mapping[str, Any]
    split: Mapping[str, Any]
    seed: int
    say: Callable[[str], None]
