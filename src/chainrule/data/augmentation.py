"""Altered copies of rows: more training data of the same kind, the same bytes every time."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd


def altered_copies(
    rows: pd.DataFrame,
    modality: ModuleType,
    *,
    copies: int,
    seed: int,
    options: Mapping[str, Any],
    progress: Callable[..., Iterable[Any]],
) -> pd.DataFrame:
    """Return `copies` altered copies of every row: id `<id>+<number>`, origin the id, group and label as they were.

    A copy depends on its row's id, its number and the seed alone, so rows that come or go change no other copy.
    """
    made = []
    for number in range(1, copies + 1):
        copy = rows.copy()
        pairs = list(zip(rows["id"], rows[modality.INPUT], strict=True))
        copy[modality.INPUT] = [
            modality.augmented_copy(value, _generator(seed, row_id, number), **options)
            for row_id, value in progress(pairs, f"copy {number} of {copies}")
        ]
        copy["origin"] = rows["id"]
        copy["id"] = [f"{row_id}+{number}" for row_id in rows["id"]]
        made.append(copy)
    return pd.concat(made, ignore_index=True) if made else rows.iloc[:0]


def _generator(seed: int, row_id: str, number: int) -> np.random.Generator:
    digest = blake2b(f"{seed}\x1f{row_id}\x1f{number}".encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
