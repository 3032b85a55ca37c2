"""Ingest: from the source, of whatever kind, and the batches taken in since, to raw rows exactly as found."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.data import batches
from chainrule.files import write_json, write_rows
from chainrule.params.file import plug_in
from chainrule.stages.job import Job, main

if TYPE_CHECKING:
    import pandas as pd


def ingest(job: Job) -> None:
    """Read the source's rows, then those of each batch; nothing is mended or left out here."""
    from chainrule import plugins

    kind, options = plug_in(job.block["source"], "kind")
    path = job.root / options.pop("path")
    rows = plugins.load("data.sources", kind).read(path, **options)
    accepted = _accepted(job)
    rows = _together([rows, *accepted])
    out = job.out("data/raw/{recipe}")
    write_rows(out / "rows.parquet", rows)
    write_json(out / "source.json", {"source": kind, **_card(path)})
    parts = rows["part"].fillna("to be split").value_counts().sort_index()
    report = {
        "rows": len(rows),
        "parts": {part: int(count) for part, count in parts.items()},
        "left_out": rows.attrs,
        "accepted": {"batches": len(accepted), "rows": sum(map(len, accepted))},
    }
    write_json(job.out("reports/{recipe}/ingest.json"), report)
    job.run.metrics({"rows": len(rows)})
    job.say(f"{len(rows):,} rows from {kind} ({', '.join(f'{part} {count:,}' for part, count in parts.items())})")


def _accepted(job: Job) -> list["pd.DataFrame"]:
    """Return the rows of each batch, oldest first."""
    from chainrule import plugins

    folder = job.dep("data/accepted/{recipe}")
    names = batches.names(folder)
    if not names:
        return []
    kind, options = plug_in(job.block["incoming"], "kind")
    read = plugins.load("data.sources", kind).read
    return [batches.read(folder / name, read, options) for name in job.track(names, "read batches", "batches")]


def _together(frames: list["pd.DataFrame"]) -> "pd.DataFrame":
    """Join frames of rows; what their sources left out is added up."""
    if len(frames) == 1:
        return frames[0]
    import pandas as pd

    rows = pd.concat(frames, ignore_index=True)
    keys = sorted({str(key) for frame in frames for key in frame.attrs})
    rows.attrs = {key: sum(frame.attrs.get(key, 0) for frame in frames) for key in keys}
    return rows


def _card(path: Path) -> dict[str, Any]:
    """Return what a source says about itself: the descriptive keys of a card (a YAML file), or its name alone."""
    if path.suffix != ".yaml":
        return {"name": path.name}
    import yaml

    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: card[key] for key in ("name", "description", "citation", "licence") if key in card}


if __name__ == "__main__":
    main("ingest", ingest)
