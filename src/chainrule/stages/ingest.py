"""Ingest: from the source, of whatever kind, and the batches taken in since, to raw rows exactly as found."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data import batches, labels
from chainrule.data.reading import reader
from chainrule.recipes.file import plug_in
from chainrule.stages.job import Job, main
from chainrule.system.errors import DataError
from chainrule.system.files import write_json, write_rows

if TYPE_CHECKING:
    import pandas as pd

ABSENT = {"nan", "null", "none", "na", "n/a", "nil", "?", "-", "undefined", "missing", "#n/a"}
"""How others write that there is no label, in lower case."""
EXAMPLES, LISTED, DETAILS = 6, 50, 4
"""How many of a kind a line names, the report, and a reason."""


def ingest(job: Job) -> None:
    """Read the source's rows, then those of each batch; nothing is left out here that is not counted."""
    kind, options = plug_in(job.block["source"], "kind")
    path = job.root / options.pop("path")
    source = reader(kind)(path, **options)
    accepted = _accepted(job)
    rows = labels.united(batches.joined([source, *accepted]))
    said, rows.attrs = rows.attrs, {}  # else Parquet keeps them
    _refuse(path, rows)
    out = job.out("data/raw/{recipe}")
    write_rows(out / "rows.parquet", rows)
    write_json(out / "source.json", {"source": kind, **_card(path)})
    parts = rows["part"].fillna("to be split").value_counts().sort_index()
    report = {
        "rows": len(rows),
        "parts": {part: int(count) for part, count in parts.items()},
        "left_out": {name: count for name, count in said.items() if isinstance(count, int)},
        "accepted": {"batches": len(accepted), "rows": sum(map(len, accepted))},
    }
    counted = {
        "left_out": report["left_out"],
        "encodings": said.get("encodings", {}),
        "parts_from": said.get("parts", {}),
        "mended_labels": said.get("mended_labels", {}),
        "problems": _problems(rows),
    }
    notes = {name: _most(counts) for name, counts in counted.items() if any(counts.values())}
    # Lists, for each key of a block is a column of `dvc metrics show`.
    listed = {name: most[:LISTED] for name, most in notes.items() if name != "left_out"}
    write_json(job.out("reports/{recipe}/ingest.json"), report | listed)
    job.run.metrics({"rows": len(rows)})
    job.say(f"{len(rows):,} rows from {kind} ({', '.join(f'{part} {count:,}' for part, count in parts.items())})")
    for name, most in notes.items():
        more = f" and {len(most) - EXAMPLES:,} more" if len(most) > EXAMPLES else ""
        job.say(f"{name}: {', '.join(f'{what} {count:,}' for what, count in most[:EXAMPLES])}{more}")
    _warn(job, rows)


def _refuse(path: Path, rows: "pd.DataFrame") -> None:
    """Raise DataError for rows that no classifier can be trained on."""
    trained = rows["part"].isna() | (rows["part"] == "train")
    labels_met = rows["label"][trained & rows["problem"].isna()].dropna()
    if labels_met.empty:
        met = "".join(f"; problem of {count:,} rows: {what}" for what, count in _most(_problems(rows))[:1])
        parts = rows["part"].fillna("to be split").value_counts()
        listed = ", ".join(f"{part} {count:,}" for part, count in parts.items())
        raise DataError(f"{path}: not one row to train on has a label (rows by part: {listed}){met}")
    if len(labels_met) >= 20 and labels_met.nunique() * 2 > len(labels_met):
        raise DataError(
            f"{path}: {labels_met.nunique():,} different labels in {len(labels_met):,} rows, such as "
            f"{labels_met.iloc[0][:60]!r}; is it the labels that source.label names?"
        )


def _problems(rows: "pd.DataFrame") -> dict[str, int]:
    """Return how many rows have a problem, by its reason with the details that were met most."""
    details: dict[str, Counter[str]] = {}
    for problem in rows["problem"].dropna():
        reason, _, detail = str(problem).partition(": ")
        details.setdefault(reason, Counter())[detail] += 1
    problems = {}
    for reason, counts in details.items():
        shown = [f"{detail} {count:,}" for detail, count in counts.most_common(DETAILS) if detail]
        more = f" and {len(counts) - DETAILS:,} others" if len(counts) > DETAILS else ""
        problems[f"{reason} ({', '.join(shown)}{more})" if shown else reason] = counts.total()
    return problems


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return what was counted, most first."""
    return sorted(((what, count) for what, count in counts.items() if count), key=lambda item: (-item[1], item[0]))


def _warn(job: Job, rows: "pd.DataFrame") -> None:
    """Say which labels are likely a mistake: that differ in case alone, mean nothing, or that no training can learn."""
    known = set(rows["label"].dropna().unique())
    for absent in sorted(label for label in known if label.casefold() in ABSENT):
        job.say(f"warning: {absent!r} is a class of its own; if it stands for a missing label, leave the label empty")
    for alike in labels.lookalikes(known):
        job.say(f"warning: {', '.join(map(repr, alike))} are as many classes; if they are one, write them alike")
    held_out = rows["part"].isin(["validation", "test"])
    strange = known - set(rows["label"][~held_out].dropna().unique())
    if strange:
        named = ", ".join(map(repr, sorted(strange)[:EXAMPLES]))
        job.say(f"warning: {named} in validation or test alone ({len(strange):,} classes): no training row has them")


def _accepted(job: Job) -> list["pd.DataFrame"]:
    """Return the rows of each batch, oldest first."""
    folder = job.dep("data/accepted/{recipe}")
    names = batches.names(folder)
    if not names:
        return []
    kind, options = plug_in(job.block["incoming"], "kind")
    read = reader(kind)
    return [batches.read(folder / name, read, options) for name in job.track(names, "read batches", "batches")]


def _card(path: Path) -> dict[str, Any]:
    """Return what a source says about itself: the descriptive keys of a card (a YAML file), or its name alone."""
    if path.suffix != ".yaml":
        return {"name": path.name}
    import yaml

    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: card[key] for key in ("name", "description", "citation", "licence") if key in card}


if __name__ == "__main__":
    main("ingest", ingest)
