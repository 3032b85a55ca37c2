"""Which rows a model has learnt from: their ids, beside its weights, for whoever learns on."""

from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.system.errors import DataError
from chainrule.system.files import read_rows, write_rows

if TYPE_CHECKING:
    import pandas as pd

SEEN = "rows.parquet"


def originals(rows: "pd.DataFrame") -> "pd.Series[str]":
    """Return for each row its id, or that of the row that it is an altered copy of."""
    return rows["origin"].where(rows["origin"].isin(set(rows["id"])), rows["id"])


def write(folder: Path, rows: "pd.DataFrame") -> None:
    """Write the ids of training rows, each once, sorted."""
    found = originals(rows).drop_duplicates().sort_values(ignore_index=True)
    write_rows(folder / SEEN, found.rename("id").to_frame())


def read(folder: Path) -> set[str]:
    """Return the ids that `write` wrote; DataError where a model does not say."""
    path = folder / SEEN
    if not path.is_file():
        raise DataError(f"{path}: not found; this base does not say which rows it has seen: train it anew")
    return set(read_rows(path)["id"])
