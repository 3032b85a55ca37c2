"""Split: training, validation and test rows by group and seed, and a report of what leaks between them."""

from chainrule.files import read_rows, write_json, write_rows
from chainrule.params.split import Split
from chainrule.stages.job import Job, main
from chainrule.stages.validated import validated

SPLITS = ("train", "validation", "test", "unlabelled")


def split(job: Job) -> None:
    """Give every clean row its split, write one file per split, and fail if the splits are not what was asked for."""
    from chainrule import plugins
    from chainrule.data import splitting

    settings = job.section("split", Split)
    clean = job.dep("data/clean/{recipe}")
    rows, links = read_rows(clean / "rows.parquet"), read_rows(clean / "links.parquet")
    modality = plugins.load("data", job.block["modality"])
    result = splitting.split(
        rows, links, seed=job.seed, test=settings.test, validation=settings.validation, tolerance=settings.tolerance
    )
    out = job.out("data/split/{recipe}")
    for name in SPLITS:
        write_rows(out / f"{name}.parquet", result.rows[result.rows["split"] == name])
    write_rows(out / "excluded.parquet", result.excluded)
    leaks = splitting.leak_report(result.rows, [modality.key(value) for value in result.rows[modality.INPUT]], links)
    job.say(
        ", ".join(f"{name} {int((result.rows['split'] == name).sum()):,}" for name in SPLITS)
        + f", excluded {len(result.excluded):,}"
    )
    classes = sorted(result.rows["label"].dropna().unique())
    expectations = plugins.load(f"tasks.{job.block['task']}", "rows").expectations_after_split(
        classes, settings.tolerance
    )
    validation = validated(job, result.rows, modality, expectations)
    report = {"excluded": len(result.excluded), **result.counts, "leaks": leaks, "validation": validation}
    write_json(job.out("reports/{recipe}/split.json"), report)
    job.run.metrics({f"rows_{name}": int((result.rows["split"] == name).sum()) for name in SPLITS})


if __name__ == "__main__":
    main("split", split)
