"""Rows as the source gave them, of what may be shown of them: never a row that is tested on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chainrule.exploration.looked import drawn

if TYPE_CHECKING:
    import pandas as pd

SAMPLE, BYTES = 2000, 32_000_000
"""Training rows that are looked at before and after cleaning, and the most bytes of them."""
EACH = 3
"""Rejected rows of a reason that are shown."""


class Wanted(NamedTuple):
    """Ids of raw rows: `sample` as far as BYTES allow, `examples` all of them."""

    sample: Sequence[str]
    examples: Sequence[str]


def wanted(splits: Mapping[str, "pd.DataFrame"], rejected: "pd.DataFrame", links: "pd.DataFrame", seed: int) -> Wanted:
    """Return the ids of training rows drawn by the seed, and of the first rejected rows of each reason.

    A rejected row that is a copy of another is among them only where that is a training or validation row.
    """
    shown = {own for rows in splits.values() for own in rows["id"]}
    copies = links[links["kind"].isin(["copy", "unlabelled_copy"])]
    hidden = set(copies["other"][~copies["id"].isin(shown)])
    known = rejected[~rejected["id"].isin(hidden) & (rejected["reason"] != "duplicate_of_test_row")]
    examples = known.groupby("reason", sort=True).head(EACH)["id"].tolist()
    return Wanted(drawn(splits["train"], SAMPLE, seed)["id"].tolist(), examples)


def read(path: Path, fields: Sequence[str], ids: Wanted) -> "pd.DataFrame":
    """Return raw rows by id, with the columns `fields`, in the order of the source; none of the part test.

    Reads data/raw/<recipe>/rows.parquet as a stream, and no further than it must.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    left, size, found = {*ids.sample, *ids.examples}, 0, []
    for batch in parquet.ParquetFile(path).iter_batches(batch_size=4096, columns=["id", "part", *fields]):
        named = pc.is_in(pc.cast(batch["id"], pa.string()), pa.array(sorted(left), pa.string()))
        held_out = pc.fill_null(pc.equal(pc.cast(batch["part"], pa.string()), "test"), False)
        own = batch.filter(pc.and_(named, pc.invert(held_out)))
        if own.num_rows:
            found.append(own.to_pandas())
            left -= set(found[-1]["id"])
            size += own.nbytes
        if size > BYTES:
            left &= set(ids.examples)
        if not left:
            break
    if not found:
        return pd.DataFrame({name: pd.Series([], dtype="object") for name in fields}, index=pd.Index([], name="id"))
    rows: pd.DataFrame = pd.concat(found, ignore_index=True).drop(columns="part")
    return rows.set_index("id")
