"""Split: training, validation and test rows by group and seed, and a report of what leaks between them."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from chainrule.recipes.clean import Clean
from chainrule.recipes.split import Split
from chainrule.stages.job import Job, main
from chainrule.stages.validated import validated
from chainrule.system.files import read_rows, write_json, write_rows

if TYPE_CHECKING:
    from chainrule.data import splitting
    from chainrule.data.validation import Table

SPLITS = ("train", "validation", "test", "unlabelled")


def split(job: Job) -> None:
    """Give every clean row its split, write one file per split, and fail if the splits are not what was asked for."""
    from chainrule.data import holding, splitting, times, validation
    from chainrule.data.columns import columns as columns_of
    from chainrule.data.leaks import leak_report
    from chainrule.data.normalising import key
    from chainrule.system import plugins

    settings = job.section("split", Split)
    clean = job.dep("data/clean/{recipe}")
    rows, links = read_rows(clean / "rows.parquet"), read_rows(clean / "links.parquet")
    columns = columns_of(job.block["task"], job.block["modality"])
    rules = plugins.load(f"tasks.{job.block['task']}", "rows")
    result = splitting.split(
        rows,
        links,
        columns.target.name,
        rules,
        seed=job.seed if settings.seed is None else settings.seed,
        test=settings.test,
        validation=settings.validation,
        tolerance=settings.tolerance,
        likeness=f"clean.near_duplicates: {job.section('clean', Clean).near_duplicates:g}",
        order=_order(settings),
        by=settings.by,
    )
    out = job.out("data/split/{recipe}")
    for name in SPLITS:
        write_rows(out / f"{name}.parquet", result.rows[result.rows["split"] == name])
    write_rows(out / "excluded.parquet", result.excluded)
    inputs = zip(*(result.rows[column.name].to_list() for column in columns.inputs), strict=True)
    keys = [key(columns, values) for values in inputs]
    leaks = leak_report(result.rows, result.strata, keys, links, rules.STRATUM)
    job.say(
        ", ".join(f"{name} {int((result.rows['split'] == name).sum()):,}" for name in SPLITS)
        + f", excluded {len(result.excluded):,}"
    )
    if result.time:
        job.say(times.in_words(result.time))
        leaks["time"] = result.time
    warnings = [*result.warnings, *_apart(leaks)]
    for warning in warnings:
        job.warn(warning)
    suite = validation.after_split(columns, cut=settings.by != holding.GROUPS)
    found = validated(job, result.rows, columns, rules, suite, warnings, _tables(result, rules.STRATUM))
    report = {"excluded": len(result.excluded), **result.counts, "leaks": leaks, "validation": found}
    write_json(job.out("reports/{recipe}/split.json"), report)
    job.run.metrics({f"rows_{name}": int((result.rows["split"] == name).sum()) for name in SPLITS})


def _order(settings: Split) -> Any:
    """Return how times order the rows; None where they do not."""
    from chainrule.data import times

    if settings.time:
        return times.Order(settings.time.format, settings.time.validation, settings.time.test)
    return times.Order() if settings.by == "time" else None


def _apart(leaks: dict[str, Any]) -> list[str]:
    """Return a line for each two splits between which rows are alike that no group ties."""
    return [
        f"{shared['near_duplicates_apart']:,} pairs of rows that are alike lie across {pair.replace('_', ' and ')}"
        for pair, shared in leaks["shared"].items()
        if shared["near_duplicates_apart"]
    ]


def _tables(result: "splitting.Split", called: str) -> list["Table"]:
    """Return the tables of the page: the rows of each stratum by split, what was left out, and the largest groups."""
    from chainrule.data.validation import Table

    counts = Counter(zip(result.strata, result.rows["split"].to_list(), strict=True))
    names = list(dict.fromkeys(result.strata.dropna()).keys())
    by_stratum = [(str(name), *(f"{counts[name, split]:,}" for split in SPLITS[:3])) for name in sorted(names)]
    tables = [Table(f"Rows of each {called}", (called, *SPLITS[:3]), by_stratum)]
    if len(result.excluded):
        left_out = result.excluded["reason"].value_counts().sort_index()
        cells = [(str(name).replace("_", " "), f"{count:,}") for name, count in left_out.items()]
        tables.append(Table("Rows left out", ("reason", "rows"), cells))
    if result.time:
        spans, first, before = (result.time[name] for name in ("spans", "borders", "before"))
        cells = [
            (name, *spans[name], str(first.get(name, "")), f"{before[name]:,}" if name in before else "")
            for name in spans
        ]
        head = ("split", "oldest row", "newest row", "begins at", "rows of its groups from before")
        tables.append(Table("Times", head, cells))
    largest = [
        (one.group, f"{one.rows:,}", f"{one.groups:,}", one.split, f"{one.stratum} ({one.of_stratum:,})")
        for one in result.components
        if one.rows > 1
    ]
    if largest:
        head = ("group", "rows", "groups tied", "split", f"commonest {called}")
        tables.append(Table("The largest groups", head, largest))
    return tables


if __name__ == "__main__":
    main("split", split)
