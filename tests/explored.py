"""The stage explore on rows that a test makes up, without the stages before it."""

import json
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from chainrule.recipes.file import complete
from chainrule.stages.explore import explore
from chainrule.stages.job import Job, carry_out
from chainrule.system.files import read_json, write_json, write_rows

RECIPE = "mine"
TARGETS = {
    "image_regression": "number",
    "table_regression": "number",
    "multi_label": "labels",
}


class Page(NamedTuple):
    """What the stage wrote."""

    html: str
    numbers: dict[str, Any]

    @property
    def look_at(self) -> list[str]:
        """Return what stands first on the page."""
        return list(self.numbers["first"]["look_at"])


def frame(
    inputs: Mapping[str, Sequence[Any]], target: Sequence[Any], start: str, called: str = "label", part: Any = None
) -> pd.DataFrame:
    """Return rows with ids `<start>0`, `<start>1`, …, each its own group."""
    ids = [f"{start}{at}" for at in range(len(target))]
    numeric = called == "target"
    return pd.DataFrame(
        {
            "id": pd.Series(ids, dtype="str"),
            "group": pd.Series(ids, dtype="str"),
            **{name: pd.Series(list(values), dtype="object") for name, values in inputs.items()},
            called: pd.Series(list(target), dtype="float64" if numeric else "str"),
            "part": pd.Series([part] * len(ids), dtype="str"),
            "origin": pd.Series(ids, dtype="str"),
        }
    )


def explored(
    root: Path,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    *,
    task: str,
    modality: str,
    normalise: Mapping[str, Any] | None = None,
    augment: Mapping[str, Any] | None = None,
    clean: Mapping[str, Any] | None = None,
    leaks: Mapping[str, Any] | None = None,
    raw: pd.DataFrame | None = None,
    rejected: pd.DataFrame | None = None,
    links: pd.DataFrame | None = None,
) -> Page:
    """Run the stage and return its page; what is not given is as if nothing had happened to the rows.

    Validation rows may be training rows once more: they get ids of their own.
    """
    validation = validation.assign(id="validation/" + validation["id"])
    target = "target" if "target" in train else "labels" if "labels" in train else "label"
    block = {
        "task": task,
        "modality": modality,
        "target": TARGETS.get(task, "label"),
        "seed": 7,
        "source": {"kind": "delimited", "path": "rows.csv"},
        "incoming": {"kind": "delimited"},
        "base": {"from": "nothing"},
        "clean": {"normalise": dict(normalise or {})},
        "augment": dict(augment or {}),
    }
    called = {"number": "range", "labels": "label"}.get(str(block["target"]), "class")
    counts = {"train": len(train), "validation": len(validation)}
    rows = sum(counts.values())
    own = {"raw": rows, "kept": rows, "rejected": 0, "repaired": 0, "reasons": {}, "repairs": {}, **(clean or {})}
    shared = {"groups": 0, "exact_duplicates": 0, "near_duplicates": 0, "near_duplicates_apart": 0}
    told = {
        "rows": counts,
        "official": [],
        "shared": {"train_validation": shared},
        f"{called}_shares": {},
        **(leaks or {}),
    }
    reports = root / "reports" / RECIPE
    write_json(reports / "clean.json", own)
    write_json(reports / "split.json", {"excluded": 0, "leaks": told})
    write_json(root / "data" / "raw" / RECIPE / "source.json", {"name": "made up", "description": "rows of a test"})
    write_rows(root / "data" / "split" / RECIPE / "train.parquet", train)
    write_rows(root / "data" / "split" / RECIPE / "validation.parquet", validation)
    nothing = {name: pd.Series([], dtype="str") for name in ("id", "origin", "reason", "detail", target)}
    none = {name: pd.Series([], dtype="str") for name in ("id", "other", "other_group", "kind")}
    cleaned = root / "data" / "clean" / RECIPE
    write_rows(cleaned / "rejected.parquet", pd.DataFrame(nothing) if rejected is None else rejected)
    write_rows(cleaned / "links.parquet", pd.DataFrame(none) if links is None else links)
    write_rows(root / "data" / "raw" / RECIPE / "rows.parquet", as_source(train) if raw is None else raw)
    carry_out(Job("explore", RECIPE, root, complete(block), silent=True), explore)
    return Page((reports / "data.html").read_text(encoding="utf-8"), read_json(reports / "explore.json"))


def as_source(rows: pd.DataFrame) -> pd.DataFrame:
    """Return clean rows as a source would give them: inputs are bytes, targets written."""
    raw = rows.copy()
    for name in raw.columns.difference(["id", "group", "part", "origin"]):
        raw[name] = [each.encode() if isinstance(each, str) and name not in _TARGETS else each for each in raw[name]]
        if name in _TARGETS:
            raw[name] = raw[name].astype("str")
    return raw


_TARGETS = ("label", "labels", "target")


def table_rows(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return rows of a table as cleaning writes them."""
    return [
        json.dumps(dict(zip(columns, cells, strict=True)), separators=(",", ":"), ensure_ascii=False)
        for cells in zip(*columns.values(), strict=True)
    ]


class Text(HTMLParser):
    """The words of a page, without its style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note where style begins."""
        self.hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        """Note where style ends."""
        self.hidden = False

    def handle_data(self, data: str) -> None:
        """Keep what is read."""
        if not self.hidden:
            self.parts.append(data)

    def __str__(self) -> str:
        """Return the words with single blanks between them."""
        return " ".join(" ".join(self.parts).split())
