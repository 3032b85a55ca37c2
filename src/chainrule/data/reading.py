"""How every stage and the intake read a source or a batch: the plug-in's rows, their targets written in one way."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from chainrule.data.columns import Column, Columns
from chainrule.system import plugins

if TYPE_CHECKING:
    import pandas as pd


def reader(kind: str, columns: Columns) -> "Callable[..., pd.DataFrame]":
    """Return `read` of a source by its name, with tidy targets; a source that does not say what it gives is asked."""
    source = plugins.load("data.sources", kind)
    asked = {} if hasattr(source, "GIVES") else {"fields": columns.fields}

    def read_tidied(*arguments: Any, **options: Any) -> "pd.DataFrame":
        return tidied(source.read(*arguments, **asked, **options), columns.target)

    return read_tidied


def takes_along(kind: str, columns: Columns) -> bool:
    """Return whether the files of a source name others, which belong to them: tables of images and of sounds do."""
    names_files = hasattr(plugins.load("data.sources", kind), "NAMES_FILES")
    return names_files and any(field.role == "input" and field.kind in ("audio", "image") for field in columns.fields)


def tidied(rows: "pd.DataFrame", target: Column) -> "pd.DataFrame":
    """Return raw rows with tidy targets; attrs["mended_labels"] counts by form (in ASCII) those that were not.

    A target of which nothing is left is absent.
    """
    return _renamed(rows, target.name, target.kind.tidied(_met(rows, target)))


def united(rows: "pd.DataFrame", target: Column, known: Collection[str] = ()) -> "pd.DataFrame":
    """Return raw rows in which one number has one form as a label: the known one, else the first that occurs."""
    return _renamed(rows, target.name, target.kind.united(_met(rows, target), known))


def _met(rows: "pd.DataFrame", target: Column) -> list[str]:
    return [str(value) for value in rows[target.name].dropna().unique()]


def _renamed(rows: "pd.DataFrame", target: str, names: Mapping[str, str | None]) -> "pd.DataFrame":
    changed = {value: name for value, name in names.items() if value != name}
    if not changed:
        return rows
    values = rows[target]
    counts = Counter(value for value in values if value in changed)
    mended = rows.assign(**{target: values.map(lambda value: changed.get(value, value)).astype("str")})
    mended.loc[values.isna() | mended[target].isna(), target] = None
    before = Counter(rows.attrs.get("mended_labels", {}))
    mended.attrs = {
        **rows.attrs,
        "mended_labels": dict(before + Counter({ascii(value): n for value, n in counts.items()})),
    }
    return mended
