"""Explore: a page of the data, for a person to look at before anything is trained on them."""

from chainrule.stages.job import Job, main
from chainrule.system.files import read_json, read_rows, write_json


def explore(job: Job) -> None:
    """Write the page and its numbers; of test rows it sees what `split` counted."""
    from chainrule.data.columns import columns as columns_of
    from chainrule.evaluation import parts
    from chainrule.exploration import contents
    from chainrule.exploration.looked import Looked

    source = read_json(job.dep("data/raw/{recipe}/source.json"))
    looked = Looked(
        recipe=job.recipe,
        block=job.block,
        columns=columns_of(job.block["task"], job.block["modality"]),
        splits={
            "train": read_rows(job.dep("data/split/{recipe}/train.parquet")),
            "validation": read_rows(job.dep("data/split/{recipe}/validation.parquet")),
        },
        clean=read_json(job.dep("reports/{recipe}/clean.json")),
        split=read_json(job.dep("reports/{recipe}/split.json")),
        seed=job.seed,
        say=job.say,
    )
    found = parts.made(looked, contents.MAKERS)
    write_json(job.out("reports/{recipe}/explore.json"), {name: part.numbers for name, part in found.items()})
    path = job.out("reports/{recipe}/data.html")
    path.write_text(parts.to_html(job.recipe, "Data", {"data": source["name"]}, found), encoding="utf-8")
    job.run.artifact(path)
    job.say(f"{len(found)} parts in reports/{job.recipe}/data.html")


if __name__ == "__main__":
    main("explore", explore)
