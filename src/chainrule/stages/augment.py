"""Augment: altered copies of training rows, made once, versioned, and of training rows only."""

from chainrule.recipes.augment import Augment
from chainrule.stages.job import Job, main
from chainrule.system.files import read_rows, write_json, write_rows


def augment(job: Job) -> None:
    """Write the training rows followed by their altered copies, whose `origin` is the id of the row they came from."""
    import pandas as pd

    from chainrule.data.augmentation import altered_copies
    from chainrule.data.columns import columns

    settings = job.section("augment", Augment)
    rows = read_rows(job.dep("data/split/{recipe}/train.parquet"))
    inputs = columns(job.block["task"], job.block["modality"]).inputs
    copies = altered_copies(
        rows, inputs, copies=settings.copies, seed=job.seed, options=settings.options, progress=job.track
    )
    augmented = pd.concat([rows, copies], ignore_index=True)
    write_rows(job.out("data/augmented/{recipe}") / "train.parquet", augmented)
    report = {"rows": len(augmented), "originals": len(rows), "copies": len(copies)}
    write_json(job.out("reports/{recipe}/augment.json"), report)
    job.run.metrics(report)
    job.say(f"{len(rows):,} training rows and {len(copies):,} altered copies")


if __name__ == "__main__":
    main("augment", augment)
