"""Ingest: from the source, of whatever kind, to raw rows exactly as found."""

from pathlib import Path
from typing import Any

from chainrule.files import write_json, write_rows
from chainrule.params.file import plug_in
from chainrule.stages.job import Job, main


def ingest(job: Job) -> None:
    """Read the source's rows; nothing is mended or left out here."""
    from chainrule import plugins

    kind, options = plug_in(job.block["source"], "kind")
    path = job.root / options.pop("path")
    rows = plugins.load("data.sources", kind).read(path, **options)
    out = job.out("data/raw/{recipe}")
    write_rows(out / "rows.parquet", rows)
    write_json(out / "source.json", {"source": kind, **_card(path)})
    parts = rows["part"].fillna("to be split").value_counts().sort_index()
    report = {"rows": len(rows), "parts": {part: int(count) for part, count in parts.items()}, "left_out": rows.attrs}
    write_json(job.out("reports/{recipe}/ingest.json"), report)
    job.run.metrics({"rows": len(rows)})
    job.say(f"{len(rows):,} rows from {kind} ({', '.join(f'{part} {count:,}' for part, count in parts.items())})")


def _card(path: Path) -> dict[str, Any]:
    """Return what a source says about itself: the descriptive keys of a card (a YAML file), or its name alone."""
    if path.suffix != ".yaml":
        return {"name": path.name}
    import yaml

    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: card[key] for key in ("name", "description", "citation", "licence") if key in card}


if __name__ == "__main__":
    main("ingest", ingest)
