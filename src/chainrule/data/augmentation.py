"""Altered copies of rows: more training data of the same kind, the same bytes every time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

from chainrule.data.columns import Column


def altered_copies(
    rows: pd.DataFrame,
    inputs: Sequence[Column],
    target: Column | None = None,
    *,
    copies: int,
    seed: int,
    options: Sequence[Mapping[str, Any]],
    progress: Callable[..., Iterable[Any]],
) -> pd.DataFrame:
    """Return `copies` altered copies of every row: id `<id>+<number>`, origin the id, the rest as it was.

    All inputs of a row are altered, by the same draws: two pictures are turned alike, two equal texts stay equal. A
    copy depends on its row's id, its number and the seed alone, so rows that come or go change no other copy. A target
    that tells places in a text means the last input; these stay whole and move. What lies over an image goes where its
    pixels go. What is not there has no copy. options: of each input, as `columns.of_inputs` has them.
    """
    made = []
    for number in range(1, copies + 1):
        copy = rows.copy()
        for column, own in zip(inputs, options, strict=True):
            pairs = list(zip(rows["id"], rows[column.name], strict=True))
            what = f"copy {number} of {copies}{f', {column.name}' if len(inputs) > 1 else ''}"
            if target is not None and hasattr(target.kind, "altered") and column == inputs[-1]:
                found = [
                    _around(target, spans, value, column, _generator(seed, row_id, number), own)
                    for (row_id, value), spans in zip(progress(pairs, what), rows[target.name], strict=True)
                ]
                copy[column.name] = [text for text, _ in found]
                copy[target.name] = [spans for _, spans in found]
                continue
            copy[column.name] = [
                column.kind.augmented_copy(value, _generator(seed, row_id, number), **own)
                if value or not column.optional
                else value
                for row_id, value in progress(pairs, what)
            ]
        if target is not None and hasattr(target.kind, "altered_alike"):
            told = zip(rows["id"], rows[target.name], strict=True)
            copy[target.name] = [
                value
                if target.kind.absent(value)
                else target.kind.altered_alike(value, _generator(seed, row_id, number), **options[-1])
                for row_id, value in told
            ]
        copy["origin"] = rows["id"]
        copy["id"] = [f"{row_id}+{number}" for row_id in rows["id"]]
        made.append(copy)
    return pd.concat(made, ignore_index=True) if made else rows.iloc[:0]


def _around(
    target: Column, places: Any, value: Any, column: Column, rng: np.random.Generator, options: Mapping[str, Any]
) -> tuple[Any, Any]:
    """Return an altered copy of a text, and where the target's places are in it; of a row without a target, none."""

    def alter(part: str) -> Any:
        return column.kind.augmented_copy(part, rng, **options)

    return (alter(value), None) if target.kind.absent(places) else target.kind.altered(places, value, alter)


def _generator(seed: int, row_id: str, number: int) -> np.random.Generator:
    digest = blake2b(f"{seed}\x1f{row_id}\x1f{number}".encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
