"""Clean: raw rows normalised, the unusable ones set aside with their reasons, the result validated."""

from collections import Counter
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainrule.fields.names import short
from chainrule.recipes.clean import Clean
from chainrule.stages.job import Job, main
from chainrule.stages.validated import validated
from chainrule.system.files import read_rows, write_json, write_rows

if TYPE_CHECKING:
    import pandas as pd

    from chainrule.data.cleaning import Cleaned
    from chainrule.data.columns import Columns
    from chainrule.data.validation import Table

FEW = 10
"""Rows of a class below which it is named: splits are likely to lack it."""


def clean(job: Job) -> None:
    """Normalise every row, reject what cannot be used, find duplicates: kept + rejected = raw."""
    from chainrule.data import cleaning, validation
    from chainrule.data.columns import columns as columns_of
    from chainrule.system import plugins

    settings = job.section("clean", Clean)
    raw = read_rows(job.dep("data/raw/{recipe}/rows.parquet"))
    columns = columns_of(job.block["task"], job.block["modality"])
    rules = plugins.load(f"tasks.{job.block['task']}", "rows")
    cleaned = cleaning.clean(
        raw,
        columns,
        rules,
        normalise=settings.normalise,
        near_duplicates=settings.near_duplicates,
        labels=settings.labels.model_dump(),
        contradictions=settings.contradictions,
        progress=job.track,
    )
    cleaning.refuse_bad(cleaned.rejected, len(raw), settings.most_bad)
    out = job.out("data/clean/{recipe}")
    write_rows(out / "rows.parquet", cleaned.kept)
    write_rows(out / "rejected.parquet", cleaned.rejected)
    write_rows(out / "links.parquet", cleaned.links)
    counts = cleaned.counts
    job.say(f"kept {counts['kept']:,} of {counts['raw']:,} rows")
    job.say(f"rejected: {_listed(cleaned.reasons)}; repaired: {_listed(cleaned.repairs)}")
    held, doubts, described = _inputs(job, raw, cleaned, columns, settings)
    warnings = [*_unmet(raw, columns, settings.labels.model_dump()), *_warnings(cleaned, columns, rules), *doubts]
    for warning in warnings:
        job.warn(warning)
    target = columns.target.name
    expected = rules.expectations(target, cleaning.targets(cleaned.kept, target, rules, cleaned.reasons))
    suite = validation.after_clean(columns, settings.normalise, expected)
    tables = [*_tables(cleaned), *([_columns(held, counts["kept"])] if held else [])]
    found = validated(job, cleaned.kept, columns, rules, suite, warnings, tables, described)
    report = {**counts, "reasons": cleaned.reasons, "repairs": cleaned.repairs, "validation": found}
    if held:
        report["columns"] = held  # a list, for each key of a block is a column of `dvc metrics show`
    write_json(job.out("reports/{recipe}/clean.json"), report)
    job.run.metrics({name: counts[name] for name in ("raw", "kept", "rejected")})


def _inputs(
    job: Job, raw: "pd.DataFrame", cleaned: "Cleaned", columns: "Columns", settings: Clean
) -> tuple[list[dict[str, Any]], list[str], list["pd.DataFrame"]]:
    """Return what the columns of tables among the inputs hold, what of it a reader should look at, and what describes
    each input.
    """
    from chainrule.data import validation
    from chainrule.data.profile import profile

    target = cleaned.kept[columns.target.name].astype(object)
    # What an official part holds back tells nothing of what is to be learnt.
    learnt = target.where(target.notna() & ~cleaned.kept["part"].isin(["validation", "test"]), None).tolist()
    held: list[dict[str, Any]] = []
    doubts: list[str] = []
    described: list[pd.DataFrame] = []
    for column in columns.inputs:
        values = cleaned.kept[column.name].tolist()
        if not hasattr(column.kind, "columnar"):
            described.append(validation.described(column, values))
            continue
        table = column.kind.columnar(values)
        described.append(column.kind.measures(table))
        if not values:
            continue
        found = profile(table, column.kind.listed(settings.normalise), learnt)
        held += found.columns
        doubts += found.warnings
        one = raw[column.name][raw["id"] == cleaned.kept["id"].iloc[0]].iloc[0]
        if left_out := column.kind.left_out(one, settings.normalise):
            job.say(f"columns left out, as clean.normalise does not list them: {len(left_out):,} ({_shown(left_out)})")
    return held, doubts, described


def _unmet(raw: "pd.DataFrame", columns: "Columns", labels: dict[str, Any]) -> list[str]:
    """Return a line on names that clean.labels speaks of and no row has."""
    from chainrule.data.normalising import readable
    from chainrule.fields.names import renaming

    rename, kind = renaming(labels), columns.target.kind
    if rename is None:
        return []
    met = {name for own in kind.classes(readable(kind, raw[columns.target.name].dropna().unique())) for name in own}
    unmet = rename.unmet(met)
    return [f"clean.labels speaks of labels that no row has: {_shown(unmet)}"] if unmet else []


def _warnings(cleaned: "Cleaned", columns: "Columns", rules: ModuleType) -> list[str]:
    """Return what is as the recipe says and may not be what its author wants."""
    from chainrule.data.columns import row_classes
    from chainrule.data.losses import losses
    from chainrule.data.normalising import readable

    lost = losses({**cleaned.counts, "reasons": cleaned.reasons, "repairs": cleaned.repairs})
    found = [str(lost)] if lost.loud else []
    called, target = rules.STRATUM, columns.target
    sizes = Counter(name for own in row_classes(cleaned.kept, target.name, rules) for name in own)
    rejected = rules.classes(readable(target.kind, cleaned.rejected[target.name]))
    if gone := sorted({name for own in rejected for name in own} - sizes.keys()):
        found.append(f"every row of {called} {_shown(gone)} was rejected, so no model learns it")
    if grey := cleaned.repairs.get("colour_lost"):
        found.append(f"{grey:,} images in colour became grey: clean.normalise.mode RGB keeps the colour")
    if apart := cleaned.counts["near_duplicate_pairs_apart"]:
        found.append(
            f"{apart:,} of {cleaned.counts['near_duplicate_pairs']:,} pairs that are alike are in no common group, as "
            "likeness is not passed on: a stricter clean.near_duplicates, or groups of the source, if there are many"
        )
    if few := [f"{short(name)} ({count:,})" for name, count in sorted(sizes.items()) if count < FEW]:
        found.append(f"{called}{'es' if called.endswith('s') else 's'} of fewer than {FEW} rows: {_shown(few)}")
    return found


def _shown(names: list[str]) -> str:
    return ", ".join(map(short, names[:FEW])) + (f" and {len(names) - FEW:,} more" if len(names) > FEW else "")


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


def _columns(held: list[dict[str, Any]], rows: int) -> "Table":
    """Return the table of the page that says what each column holds."""
    from chainrule.data.validation import Table

    head = ("column", "kind", "missing", "different values", "lowest", "median", "highest", "outliers", "commonest")
    shown = []
    for column in held:
        ends = [
            f"{column[name]:g}" if isinstance(column.get(name), float) else column.get(name, "") for name in head[4:7]
        ]
        outliers = f"{column['outliers']:,}" if "outliers" in column else ""
        commonest = f"{column['commonest']} ({column['of_commonest'] / rows:.1%})" if "commonest" in column else ""
        missing = f"{column['missing']:,} ({column['missing'] / rows:.1%})"
        cells = (column["column"], column["kind"], missing, f"{column['distinct']:,}", *ends, outliers, commonest)
        shown.append(cells)
    return Table("Columns", head, shown)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


if __name__ == "__main__":
    main("clean", clean)
