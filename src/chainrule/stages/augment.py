"""Augment: altered copies of training rows, made once, versioned, and of training rows only."""

from typing import TYPE_CHECKING

from chainrule.recipes.augment import Augment
from chainrule.stages.job import Job, main
from chainrule.system.files import read_rows, write_json, write_rows

if TYPE_CHECKING:
    import pandas as pd

    from chainrule.data.columns import Column

SHOWN = 12
"""Rows on the contact sheet, evenly out of all, and the most copies of each."""
MOST_COPIES = 6


def augment(job: Job) -> None:
    """Write the training rows followed by their altered copies, whose `origin` is the id of the row they came from."""
    import pandas as pd

    from chainrule.data.augmentation import altered_copies
    from chainrule.data.columns import columns, of_inputs

    settings = job.section("augment", Augment)
    rows = read_rows(job.dep("data/split/{recipe}/train.parquet"))
    known = columns(job.block["task"], job.block["modality"])
    options = of_inputs(known, settings.options)
    copies = altered_copies(
        rows, known.inputs, known.target, copies=settings.copies, seed=job.seed, options=options, progress=job.track
    )
    augmented = pd.concat([rows, copies], ignore_index=True)
    write_rows(job.out("data/augmented/{recipe}") / "train.parquet", augmented)
    report = {"rows": len(augmented), "originals": len(rows), "copies": len(copies)}
    write_json(job.out("reports/{recipe}/augment.json"), report)
    job.run.metrics(report)
    page = job.out("reports/{recipe}/augment.html")
    page.write_text(_sheet(job, settings, rows, copies, known.inputs), encoding="utf-8")
    job.run.artifact(page)
    job.say(f"{len(rows):,} training rows and {len(copies):,} altered copies")


def _sheet(
    job: Job, settings: Augment, rows: "pd.DataFrame", copies: "pd.DataFrame", inputs: "tuple[Column, ...]"
) -> str:
    """Return a page of some training rows beside their copies."""
    from chainrule.evaluation import sheet

    places = [turn * len(rows) // min(SHOWN, len(rows)) for turn in range(min(SHOWN, len(rows)))]
    shown = rows.iloc[places]
    of = copies[copies["origin"].isin(shown["id"])].groupby("origin", sort=False)
    below = {origin: own.head(MOST_COPIES) for origin, own in of}
    fields = {
        column.name: [
            [value, *(below[row][column.name] if row in below else ())]
            for row, value in zip(shown["id"], shown[column.name], strict=True)
        ]
        for column in inputs
    }
    changes = ", ".join(f"{name} {value}" for name, value in settings.options.items())
    facts = {
        "training rows": f"{len(rows):,}",
        "altered copies": f"{len(copies):,}" if settings.copies else "none (augment.copies is 0)",
        "altered by": changes if settings.copies else "nothing",
    }
    note = (
        f"{len(shown)} of {len(rows):,} training rows as they are, each with its copies. What is altered anew in every "
        "batch (finetune.distort) is not among them. Validation and test rows are never altered."
    )
    return sheet.to_html(job.recipe, facts, fields, note)


if __name__ == "__main__":
    main("augment", augment)
