"""Clean: raw rows normalised, the unusable ones set aside with their reasons, the result validated."""

from chainrule.files import read_rows, write_json, write_rows
from chainrule.params.clean import Clean
from chainrule.stages.job import Job, main
from chainrule.stages.validated import validated


def clean(job: Job) -> None:
    """Normalise every row, reject what cannot be used, find duplicates: kept + rejected = raw."""
    from chainrule import plugins
    from chainrule.data.cleaning import clean as clean_rows

    settings = job.section("clean", Clean)
    raw = read_rows(job.dep("data/raw/{recipe}/rows.parquet"))
    modality = plugins.load("data", job.block["modality"])
    cleaned = clean_rows(
        raw,
        modality,
        normalise=settings.normalise,
        near_duplicates=settings.near_duplicates,
        progress=job.track,
    )
    out = job.out("data/clean/{recipe}")
    write_rows(out / "rows.parquet", cleaned.kept)
    write_rows(out / "rejected.parquet", cleaned.rejected)
    write_rows(out / "links.parquet", cleaned.links)
    counts = cleaned.counts
    job.say(f"kept {counts['kept']:,} of {counts['raw']:,} rows")
    job.say(f"rejected: {_listed(cleaned.reasons)}; repaired: {_listed(cleaned.repairs)}")
    classes = sorted(cleaned.kept["label"].dropna().unique())
    expectations = plugins.load(f"tasks.{job.block['task']}", "rows").expectations_after_clean(
        classes, settings.normalise
    )
    validation = validated(job, cleaned.kept, modality, expectations)
    report = {**counts, "reasons": cleaned.reasons, "repairs": cleaned.repairs, "validation": validation}
    write_json(job.out("reports/{recipe}/clean.json"), report)
    job.run.metrics({name: counts[name] for name in ("raw", "kept", "rejected")})


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


if __name__ == "__main__":
    main("clean", clean)
