"""Explore: a page of the data, for a person to look at before anything is trained on them."""

from chainrule.recipes.augment import Augment
from chainrule.recipes.clean import Clean
from chainrule.stages.job import Job, main
from chainrule.system.files import read_json, read_rows, write_json


def explore(job: Job) -> None:
    """Write the page and its numbers; of test rows it sees what `split` counted."""
    from chainrule.data.columns import columns as columns_of
    from chainrule.evaluation import parts
    from chainrule.exploration import before, contents
    from chainrule.exploration.looked import Looked
    from chainrule.system import plugins

    source = read_json(job.dep("data/raw/{recipe}/source.json"))
    columns = columns_of(job.block["task"], job.block["modality"])
    fields = list(dict.fromkeys(field.name for field in columns.fields))  # a column may be given and told
    shown = ["id", "group", "part", *fields]
    splits = {
        "train": read_rows(job.dep("data/split/{recipe}/train.parquet"), shown),
        "validation": read_rows(job.dep("data/split/{recipe}/validation.parquet"), shown),
    }
    rejected = read_rows(job.dep("data/clean/{recipe}/rejected.parquet"))
    links = read_rows(job.dep("data/clean/{recipe}/links.parquet"))
    drawn = before.wanted(splits, rejected, links, job.seed)
    looked = Looked(
        recipe=job.recipe,
        block=job.block,
        columns=columns,
        splits=splits,
        clean=read_json(job.dep("reports/{recipe}/clean.json")),
        split=read_json(job.dep("reports/{recipe}/split.json")),
        seed=job.seed,
        say=job.say,
        rules=plugins.load(f"tasks.{job.block['task']}", "rows"),
        links=links,
        rejected=rejected,
        raw=before.read(job.dep("data/raw/{recipe}/rows.parquet"), fields, drawn),
        cleaning=job.section("clean", Clean),
        augment=job.section("augment", Augment),
    )
    found = contents.first(parts.made(looked, contents.MAKERS, job.warn))
    write_json(job.out("reports/{recipe}/explore.json"), {name: part.numbers for name, part in found.items()})
    path = job.out("reports/{recipe}/data.html")
    path.write_text(parts.to_html(job.recipe, "Data", _facts(job, source), found, contents.STYLE), encoding="utf-8")
    job.run.artifact(path)
    for said in found["first"].numbers["look_at"]:
        job.say(said)
    job.say(f"{len(found)} parts in reports/{job.recipe}/data.html")


def _facts(job: Job, source: dict[str, str]) -> dict[str, str]:
    """Return what is said of the data below the heading."""
    facts = {"data": source["name"], "task": job.block["task"].replace("_", " ")}
    return facts | {name: source[name] for name in ("description", "licence", "citation") if source.get(name)}


if __name__ == "__main__":
    main("explore", explore)
