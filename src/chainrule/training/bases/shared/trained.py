"""Models that this project fine-tuned, as a base: the net is taken, and the head stays beside it for a teacher."""

import shutil
from pathlib import Path
from typing import Any

from chainrule.system import plugins
from chainrule.system.errors import DataError
from chainrule.system.files import read_json, sha256
from chainrule.training.weights import MODEL_CARD, WEIGHTS


def copied(out: Path, folder: Path, modality: str, said: str) -> dict[str, Any]:
    """Copy a fine-tuned model's folder, which `models.load_model` reads from the base as well, and return its card.

    said: how the recipe calls it. Raises DataError for a model of another kind of inputs, or none.
    """
    card = read_json(folder / MODEL_CARD)
    if card["modality"] != modality:
        raise DataError(f"base: {said} is a model of modality {card['modality']}; one of modality {modality} is needed")
    facts = plugins.load("training.inputs", modality).load_facts(folder)
    shutil.copytree(folder, out, dirs_exist_ok=True)
    return {
        "source": said,
        "files": {WEIGHTS: sha256(folder / WEIGHTS)},
        "net": card["net"],
        "inputs": {name: value for name, value in facts.items() if name != "tokenizer"},
        "prefix": "net.",
    }
