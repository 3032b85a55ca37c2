"""Data sets of the Hugging Face hub by name, and folders of theirs: saved by `datasets`, or a snapshot of files."""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule import QUIET
from chainrule.data.formats import cards, cells, columnar, folders
from chainrule.data.formats.tables import Place, Table
from chainrule.data.formats.targets import Writing
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd

SECONDS = 5.0
"""So long the hub may take to be reached."""
OFFLINE = "HF_HUB_OFFLINE"
SAVED = ("dataset_dict.json", "state.json")
"""One of these lies in a folder that `save_to_disk` wrote."""


def read(
    path: Path,
    *,
    fields: Sequence[Field],
    splits: Mapping[str, str] | None = None,
    columns: cells.Columns | None = None,
    labels: Mapping[str, str] | None = None,
    separator: str = ",",
    decimal: str = ".",
    thousands: str = "",
    named: str = "{}",
    group: str | int | None = None,
    time: str | int | None = None,
    max_cell: int = cells.MAX_CELL,
) -> "pd.DataFrame":
    """Raw rows of the set that the card `path` names, or of the folder `path`, in their order.

    A card has `dataset`, the name on the hub; `revision`, a commit, tag or branch; `config` where a set has several.
    `splits` maps parts to its splits (None: by their names; a set with one split is to be split here). Features are
    columns, numbers of classes their names; images are bytes. All else is as in the source `parquet`; `origin` is
    "<split>:<row>". Raises DataError for what the hub does not have, and where it cannot be asked and the set is not in
    the cache of `datasets`.
    """
    path = Path(path)
    found = _loaded(path)
    known = list(found)
    parts = dict(splits) if splits is not None else _parts(known)
    lacking = next((split for split in parts.values() if split not in known), None)
    if lacking is not None or not parts:
        said = f"has no split {lacking!r}" if lacking is not None else "has no split that is called like a part"
        raise DataError(f"{path}: {said}; correct source.splits: it has {', '.join(known)}")
    opened = [(Place(part, split, path, split), _table(path, found[split])) for part, split in parts.items()]
    ways = cells.Ways(columns, None, group, time, Writing(labels, separator, decimal, thousands), named, max_cell)
    return cells.of_tables(path, fields, opened, ways)


def _parts(splits: Sequence[str]) -> dict[str, str]:
    """Return the split of each part by their names; one that stands alone is all."""
    if len(splits) == 1:
        return {"all": splits[0]}
    parts: dict[str, str] = {}
    for split in splits:
        part = "unlabelled" if split == "unsupervised" else folders.part_of(split)
        if part is not None:
            parts.setdefault(part, split)
    return parts


def _table(path: Path, rows: Any) -> Table:
    """Return the table of a split."""
    classes = {name: each.names for name, each in rows.features.items() if hasattr(each, "names")}

    def batches(wanted: list[str]) -> Iterator[Any]:
        yield from rows.select_columns(wanted).with_format("arrow").iter(batch_size=columnar.BATCH)

    return columnar.of_batches(path, "source", rows.column_names, classes, batches)


def _loaded(path: Path) -> dict[str, Any]:
    """Return the splits of a set by name."""
    card = {} if path.is_dir() else cards.read(path, ("dataset",), "hub")
    name = str(path) if path.is_dir() else str(card["dataset"])
    _go_online(ask=not path.is_dir())
    import datasets

    datasets.disable_progress_bars()
    try:
        if any((path / each).is_file() for each in SAVED):
            found = datasets.load_from_disk(str(path))
        else:
            found = datasets.load_dataset(name, card.get("config"), revision=card.get("revision"))
    except Exception as error:  # whatever the library, the hub's client or its transport make of it
        said = " ".join(str(error).split())[:160] or type(error).__name__
        if path.is_dir():
            raise DataError(f"{path}: no folder that `datasets` can read ({said}); fetch it again") from None
        command = f"hf download {name} --repo-type dataset --local-dir data/{name.rpartition('/')[2]}"
        raise DataError(
            f"{path}: {name} is neither on this machine nor to be had from the hub ({said}); where the hub answers, "
            f"`{command}`, bring that folder here and let source.path name it"
        ) from None
    return dict(found) if isinstance(found, Mapping) else {str(found.split or "all"): found}


def _go_online(ask: bool) -> None:
    """Let the hub be asked if it can be reached and no user forbade it, before its client is imported."""
    if os.environ.get(OFFLINE) == QUIET[OFFLINE]:  # the project's own word, for all that is not this
        os.environ[OFFLINE] = "0" if ask and _reached() else "1"


def _reached() -> bool:
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or os.environ.get("HF_ENDPOINT"):
        return True
    try:
        with socket.create_connection(("huggingface.co", 443), timeout=SECONDS):
            return True
    except OSError:
        return False
