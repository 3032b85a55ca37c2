"""Examine: pages of the fine-tuned model, looked at on validation rows."""

from chainrule.recipes.evaluate import Evaluate
from chainrule.stages.job import Job, main
from chainrule.system.files import read_json, read_rows, write_json

BATCH_SIZE = 256


def examine(job: Job) -> None:
    """Write the pages and their numbers."""
    from chainrule.evaluation import parts
    from chainrule.examination import pages
    from chainrule.examination.looked import Looked
    from chainrule.system import plugins
    from chainrule.training import device, models, prediction, rows

    asked = job.section("evaluate", Evaluate)
    settings = asked.examine
    device.prepare(job.cores)
    folder = job.dep("models/finetuned/{recipe}")
    model, card, facts = models.load_model(folder)
    held_out = read_rows(job.dep("data/split/{recipe}/validation.parquet"))
    if len(held_out) > settings.rows:
        job.say(f"looks at {settings.rows:,} of {len(held_out):,} validation rows (evaluate.examine.rows)")
        held_out = held_out.sample(settings.rows, random_state=job.seed).reset_index(drop=True)
    inputs = rows.to_inputs(held_out, card, facts, card["target_facts"])
    looked = Looked(
        recipe=job.recipe,
        model=model,
        card=card,
        facts=facts,
        train=read_rows(job.dep("data/split/{recipe}/train.parquet")),
        rows=held_out,
        inputs=inputs,
        outputs=prediction.predict(model, inputs, BATCH_SIZE, job.say),
        target=rows.encoded_target(held_out, card, card["target_facts"]),
        history=read_json(folder / "history.json"),
        gradients=read_json(folder / "gradients.json"),
        pretrained=job.dep("models/pretrained/{recipe}"),
        measure=plugins.load(f"tasks.{card['task']}", "metrics").measure,
        figures=plugins.load(f"tasks.{card['task']}", "figures"),
        settings=settings,
        asked=asked.uncertainty,
        normalise=job.block["clean"]["normalise"],
        seed=job.seed,
        say=job.say,
    )
    told = {"task": card["task"], "net": card["net"]["name"], "looked at": f"{len(held_out):,} validation rows"}
    # By name: a page that is declared and one that is written are compared in the source.
    places = {
        "model": job.out("reports/{recipe}/model.html"),
        "errors": job.out("reports/{recipe}/errors.html"),
        "trust": job.out("reports/{recipe}/trust.html"),
    }
    numbers = {}
    for name, path in places.items():
        wanted = pages.PAGES[name]
        found = parts.made(looked, wanted.makers, job.warn)
        numbers[name] = {title: part.numbers for title, part in found.items()}
        path.write_text(parts.to_html(job.recipe, wanted.title, told, found, pages.STYLE), encoding="utf-8")
        job.run.artifact(path)
    write_json(job.out("reports/{recipe}/examine.json"), numbers)


if __name__ == "__main__":
    main("examine", examine, trains=True)
