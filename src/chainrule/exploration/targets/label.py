"""One label of several: rows of each class by split."""

from collections.abc import Sequence
from typing import Any

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.exploration import classes
from chainrule.exploration.looked import Looked


def balance(looked: Looked) -> Part:
    """Return the rows of each class in each split; those of test rows from what `split` counted."""
    target, leaks = looked.columns.target.name, looked.split["leaks"]
    sets = {name: _sets(rows[target].tolist()) for name, rows in looked.splits.items()}
    shares = leaks[f"{looked.rules.STRATUM}_shares"].get("test")
    rows = {split: int(leaks["rows"].get(split, 0)) for split in ("train", "validation", "test")}
    test = None if shares is None else {name: round(share * rows["test"]) for name, share in shares.items()}
    found = classes.counted(sets, test)
    if not found:
        raise NotShownError("no row of training or validation has a label")
    word = looked.rules.STRATUM
    many = f" in {len(found):,} {word}{'es' if word.endswith('s') else 's'}"
    body = f"<p>{rows['train']:,} training rows{many}.</p>{classes.table(found, word, rows)}"
    return Part("Classes", body, {"classes": found, "look_at": classes.doubts(found, word)})


def buckets(values: Sequence[Any]) -> list[tuple[str, list[int]]]:
    """Return by class, the commonest first, the places of the rows that have it."""
    return classes.buckets(_sets(values))


def _sets(values: Sequence[Any]) -> list[tuple[str, ...]]:
    return [(value,) if isinstance(value, str) else () for value in values]


def associated(values: Sequence[Any]) -> list[Any]:
    """Return what columns are compared with: the labels, None of rows without one."""
    return [value if isinstance(value, str) else None for value in values]


def said(value: Any) -> str:
    """Return a label as it is shown."""
    return str(value)
