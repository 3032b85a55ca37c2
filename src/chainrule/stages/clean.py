"""Clean: raw rows normalised, the unusable ones set aside with their reasons, the result validated."""

from typing import TYPE_CHECKING

from chainrule.recipes.clean import Clean
from chainrule.stages.job import Job, main
from chainrule.stages.validated import validated
from chainrule.system.files import read_rows, write_json, write_rows

if TYPE_CHECKING:
    from chainrule.data.cleaning import Cleaned
    from chainrule.data.validation import Table

FEW = 10
"""Rows of a class below which it is named: splits are likely to lack it."""


def clean(job: Job) -> None:
    """Normalise every row, reject what cannot be used, find duplicates: kept + rejected = raw."""
    from chainrule.data import cleaning
    from chainrule.system import plugins

    settings = job.section("clean", Clean)
    raw = read_rows(job.dep("data/raw/{recipe}/rows.parquet"))
    modality = plugins.load("fields", job.block["modality"])
    cleaned = cleaning.clean(
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
    warnings = _warnings(cleaned)
    for warning in warnings:
        job.warn(warning)
    classes = cleaning.classes(cleaned.kept, cleaned.reasons)
    expectations = plugins.load(f"tasks.{job.block['task']}", "rows").expectations_after_clean(
        classes, settings.normalise
    )
    validation = validated(job, cleaned.kept, modality, expectations, warnings, _tables(cleaned))
    report = {**counts, "reasons": cleaned.reasons, "repairs": cleaned.repairs, "validation": validation}
    write_json(job.out("reports/{recipe}/clean.json"), report)
    job.run.metrics({name: counts[name] for name in ("raw", "kept", "rejected")})


def _warnings(cleaned: "Cleaned") -> list[str]:
    """Return what is as the recipe says and may not be what its author wants."""
    from chainrule.data.losses import losses

    lost = losses({**cleaned.counts, "reasons": cleaned.reasons, "repairs": cleaned.repairs})
    found = [str(lost)] if lost.loud else []
    known = set(cleaned.kept["label"].dropna())
    if gone := sorted(set(cleaned.rejected["label"].dropna()) - known - {""}):
        found.append(f"every row of class {_shown(gone)} was rejected, so no model learns it")
    if grey := cleaned.repairs.get("colour_lost"):
        found.append(f"{grey:,} images in colour became grey: clean.normalise.mode RGB keeps the colour")
    if apart := cleaned.counts["near_duplicate_pairs_apart"]:
        found.append(
            f"{apart:,} of {cleaned.counts['near_duplicate_pairs']:,} pairs that are alike are in no common group, as "
            "likeness is not passed on: a stricter clean.near_duplicates, or groups of the source, if there are many"
        )
    sizes = cleaned.kept["label"].value_counts().sort_index()
    if few := [f"{name} ({count:,})" for name, count in sizes.items() if count < FEW]:
        found.append(f"classes of fewer than {FEW} rows: {_shown(few)}")
    return found


def _shown(names: list[str]) -> str:
    return ", ".join(names[:FEW]) + (f" and {len(names) - FEW:,} more" if len(names) > FEW else "")


def _tables(cleaned: "Cleaned") -> list["Table"]:
    """Return the tables of the page: what became of the rows, by reason and by repair."""
    from chainrule.data.validation import Table

    counts = cleaned.counts
    share = {name: f"{n:,} ({n / max(1, counts['raw']):.1%})" for name, n in {**cleaned.reasons, **counts}.items()}
    rows = [("read from the source", f"{counts['raw']:,}"), ("kept", share["kept"]), ("rejected", share["rejected"])]
    rejected = [(f"rejected: {name.replace('_', ' ')}", share[name]) for name in cleaned.reasons]
    repaired = [(f"repaired: {name.replace('_', ' ')}", f"{n:,}") for name, n in cleaned.repairs.items()]
    pairs = ("pairs of near duplicates, all kept", f"{counts['near_duplicate_pairs']:,}")
    return [Table("What became of the rows", ("", "rows"), [*rows, *rejected, *repaired, pairs])]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


if __name__ == "__main__":
    main("clean", clean)
