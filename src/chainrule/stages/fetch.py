"""Fetch: bring the weights that the training starts from, once; what follows never touches a network."""

import shutil
from typing import Any

from chainrule.recipes.file import plug_in
from chainrule.stages.job import Job, main
from chainrule.training.strategies.catalogue import STRATEGIES


def fetch(job: Job) -> None:
    """Write the recipe's base in one form, wherever it comes from; training from random numbers has an empty one."""
    from chainrule.system import plugins
    from chainrule.system.errors import DataError
    from chainrule.training import start

    place, options = plug_in(job.block["base"], "from")
    kind, _, other = place.partition("/")
    strategy = STRATEGIES[job.block["finetune"]["strategy"]["name"]]
    out = job.out("models/base/{recipe}")
    out.mkdir()
    # What it reads, as dvc.yaml has it: models/<from>.
    card = plugins.load("training.bases", kind).bring(out, job.root, place, job.block["modality"], **options)
    if strategy.rows:
        # Upstream of what dvc.yaml has: the other recipe's model was made of them.
        training = job.root / "data" / "augmented" / other / "train.parquet"
        if not training.is_file():
            raise DataError(f"{training}: not found; `dvc repro augment@{other}` makes it")
        shutil.copyfile(training, out / start.ROWS)
    told: dict[str, Any] = {"from": place, "name": options.get("name"), "revision": None, "licence": None, "files": {}}
    card = {**told, **card, "teacher": strategy.teacher}
    start.write(out, card)
    job.say(f"{'learns' if strategy.teacher else 'starts'} from {card['source']}{_about(card)}")
    job.run.artifact(out / start.CARD, "base")


def _about(card: dict[str, Any]) -> str:
    said = {"revision": card["revision"], "licence": card["licence"]}
    return "".join(f", {name} {value}" for name, value in said.items() if value is not None)


if __name__ == "__main__":
    main("fetch", fetch)
