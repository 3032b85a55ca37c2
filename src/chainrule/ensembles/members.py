"""The members of an ensemble: bundles that take the same inputs and answer the same question."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.serving import bundle as bundles
from chainrule.serving import store
from chainrule.serving.bundle import Bundle
from chainrule.system.errors import DataError
from chainrule.system.files import read_rows

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("label", "labels", "number")
"""Kinds of target whose answers are averaged here."""
FEWEST = 50
"""Validation rows that all members must share."""
# What the graph of all members has once, and what says how its answers are to be read.
ALIKE = (
    ("task", "the task"),
    ("fields", "the fields"),
    ("inputs", "the graph's inputs"),
    ("preprocessing", "the preprocessing"),
    ("padding", "the padding"),
)


class Ensemble(NamedTuple):
    """Members, the first of which says what all take, and the validation rows that all of them held out."""

    members: list[Bundle]
    rows: "pd.DataFrame"

    @property
    def signature(self) -> dict[str, Any]:
        """Return what a member's signature says that holds for all."""
        return self.members[0].signature


def read(root: Path, names: Sequence[str]) -> Ensemble:
    """Return the members of these names in models/onnx. Raises DataError for some that cannot answer as one."""
    if len(names) < 2 or len(set(names)) < len(names):
        raise DataError("an ensemble has at least two members, each named once")
    members = [bundles.read(root / store.EXPORTED / name, name, store.UNPROMOTED) for name in names]
    first = members[0].signature
    kind = first["target"].get("kind")
    if kind not in KINDS:
        raise DataError(f"{names[0]} answers with {kind}; answers are averaged of {' and '.join(KINDS)}")
    for member in members[1:]:
        refuse_unlike(members[0], member)
    return Ensemble(members, shared(root, names))


def refuse_unlike(first: Bundle, other: Bundle) -> None:
    """Raise DataError, with what differs, unless the same inputs mean the same to both, and so do the answers."""
    for key, said in ALIKE:
        ours, theirs = first.signature.get(key), other.signature.get(key)
        if ours != theirs:
            raise DataError(f"{first.name} and {other.name} cannot answer as one: {said} differ{_where(ours, theirs)}")
    if first.tokenizer != other.tokenizer:
        raise DataError(f"{first.name} and {other.name} cannot answer as one: each has a tokenizer of its own")
    ours, theirs = (each.signature["target"].get("classes") for each in (first, other))
    if ours != theirs:
        apart = sorted(set(ours or []) ^ set(theirs or []))
        raise DataError(
            f"{first.name} and {other.name} have not the same classes: {', '.join(apart) or 'in another order'}"
        )
    if first.signature["target"]["kind"] != other.signature["target"]["kind"]:
        raise DataError(f"{first.name} and {other.name} answer with another kind of target each")


def _where(ours: Any, theirs: Any) -> str:
    """Return the first place at which two values of JSON differ, in words."""
    place = ""
    while isinstance(ours, dict) and isinstance(theirs, dict):
        key = next(key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key))
        place, ours, theirs = f"{place}.{key}", ours.get(key), theirs.get(key)
    at = f" at {place[1:]}" if place else ""
    return f"{at} ({_short(ours)} and {_short(theirs)})"


def _short(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False)
    return said if len(said) <= 60 else f"{said[:57]}..."


def shared(root: Path, names: Sequence[str]) -> "pd.DataFrame":
    """Return the rows that every member held out for validation.

    No weight of a member was set by them, and none of them is a test row of any. Raises DataError for too few.
    """
    splits = [read_rows(root / "data" / "split" / name / "validation.parquet") for name in names]
    kept = splits[0]
    for split in splits[1:]:
        kept = kept[kept["id"].isin(set(split["id"]))]
    if len(kept) < FEWEST:
        raise DataError(
            f"{', '.join(names)} share {len(kept)} validation rows, {FEWEST} are needed: train them on one source with "
            "the same `split`, and the same `split.seed` where their `seed` differs"
        )
    return kept.reset_index(drop=True)
