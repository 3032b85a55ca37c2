"""Ingest: from the source, of whatever kind, and the batches taken in since, to raw rows exactly as found."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data import batches
from chainrule.data.columns import Columns, columns
from chainrule.data.normalising import readable
from chainrule.data.reading import reader, united
from chainrule.fields.names import short
from chainrule.fields.reject import Reject
from chainrule.recipes.file import plug_in
from chainrule.stages.job import Job, main
from chainrule.system.errors import DataError
from chainrule.system.files import write_json, write_rows

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES, LISTED, DETAILS = 6, 50, 4
"""How many of a kind a line names, the report, and a reason."""


def ingest(job: Job) -> None:
    """Read the source's rows, then those of each batch; nothing is left out here that is not counted."""
    kind, options = plug_in(job.block["source"], "kind")
    path = job.root / options.pop("path")
    fields = columns(job.block["task"], job.block["modality"])
    source = reader(kind, fields)(path, **options)
    accepted = _accepted(job, fields)
    rows = united(batches.joined([source, *accepted]), fields.target)
    said, rows.attrs = rows.attrs, {}  # else Parquet keeps them
    _refuse(path, rows, fields)
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
        "labels_from": said.get("labels_from", {}),
        "mended_labels": said.get("mended_labels", {}),
        "noted": said.get("noted", {}),
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
    for warning in _warnings(rows, fields):
        job.say(f"warning: {warning}")


def _refuse(path: Path, rows: "pd.DataFrame", fields: Columns) -> None:
    """Raise DataError for rows that no model can be trained on."""
    target = fields.target
    trained = rows[(rows["part"].isna() | (rows["part"] == "train")) & rows["problem"].isna()]
    values = readable(target.kind, trained[target.name])
    if not values:
        problems = _problems(rows) | _unreadable(trained, fields)
        met = "".join(f"; problem of {count:,} rows: {what}" for what, count in _most(problems)[:1])
        parts = rows["part"].fillna("to be split").value_counts()
        listed = ", ".join(f"{part} {count:,}" for part, count in parts.items())
        raise DataError(f"{path}: not one row to train on has {target.kind.ONE} (rows by part: {listed}){met}")
    if fault := target.kind.refusal(values):
        raise DataError(
            f"{path}: {fault}, such as {str(values[0])[:60]!r}; is it the {target.name} that source.columns names?"
        )


def _unreadable(rows: "pd.DataFrame", fields: Columns) -> dict[str, int]:
    """Return how many targets their kind cannot read, by reason with the details that were met most."""
    kind = fields.target.kind
    faults = []
    for value in rows[fields.target.name].dropna():
        try:
            kind.normalise(value)
        except Reject as reject:
            faults.append(f"{reject.reason}: {reject.detail}")
    return _counted(faults)


def _problems(rows: "pd.DataFrame") -> dict[str, int]:
    """Return how many rows have a problem, by its reason with the details that were met most."""
    return _counted(rows["problem"].dropna())


def _counted(faults: Iterable[Any]) -> dict[str, int]:
    details: dict[str, Counter[str]] = {}
    for problem in faults:
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


def _warnings(rows: "pd.DataFrame", fields: Columns) -> list[str]:
    """Return which targets are likely a mistake, as their kind says, or are such that no training can learn them."""
    target = fields.target
    values = rows[target.name]
    held_out = rows["part"].isin(["validation", "test"])
    known, trained = (_classes(fields, part) for part in (values, values[~held_out]))
    found = list(target.kind.warnings(set(readable(target.kind, values.dropna().unique()))))
    if strange := known - trained:
        named = ", ".join(repr(short(each)) for each in sorted(strange)[:EXAMPLES])
        found.append(f"{named} in validation or test alone ({len(strange):,} classes): no training row has them")
    return found


def _classes(fields: Columns, values: "pd.Series[Any]") -> set[str]:
    kind = fields.target.kind
    return {name for own in kind.classes(readable(kind, values.dropna().unique())) for name in own}


def _accepted(job: Job, fields: Columns) -> list["pd.DataFrame"]:
    """Return the rows of each batch, oldest first."""
    folder = job.dep("data/accepted/{recipe}")
    names = batches.names(folder)
    if not names:
        return []
    kind, options = plug_in(job.block["incoming"], "kind")
    read = reader(kind, fields)
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
