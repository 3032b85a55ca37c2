"""Fetch: bring the weights that the training starts from, once; what follows never touches a network."""

from typing import Any

from chainrule.recipes.file import plug_in
from chainrule.stages.job import Job, main


def fetch(job: Job) -> None:
    """Write the recipe's base in one form, wherever it comes from; training from random numbers has an empty one."""
    from chainrule.system import plugins
    from chainrule.training import start

    place, options = plug_in(job.block["base"], "from")
    kind = place.partition("/")[0]
    out = job.out("models/base/{recipe}")
    out.mkdir()
    # What it reads, as dvc.yaml has it: models/<from>.
    card = plugins.load("training.bases", kind).bring(out, job.root, place, job.block["modality"], **options)
    told: dict[str, Any] = {"from": place, "name": options.get("name"), "revision": None, "licence": None, "files": {}}
    card = {**told, **card}
    start.write(out, card)
    job.say(f"starts from {card['source']}{_about(card)}")
    job.run.artifact(out / start.CARD, "base")


def _about(card: dict[str, Any]) -> str:
    said = {"revision": card["revision"], "licence": card["licence"]}
    return "".join(f", {name} {value}" for name, value in said.items() if value is not None)


if __name__ == "__main__":
    main("fetch", fetch)
