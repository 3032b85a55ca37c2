"""What another recipe's fine-tuning ended with: the net is taken, and the head stays beside it for a teacher."""

import shutil
from pathlib import Path
from typing import Any

from chainrule.system import plugins
from chainrule.system.files import read_json, sha256
from chainrule.training.weights import MODEL_CARD, WEIGHTS


def bring(out: Path, root: Path, place: str, modality: str) -> dict[str, Any]:
    """Copy the model of `models/<place>`, so that `models.load_model` reads it from the base as well."""
    folder = root / "models" / place
    card = read_json(folder / MODEL_CARD)
    facts = plugins.load("training.inputs", modality).load_facts(folder)
    shutil.copytree(folder, out, dirs_exist_ok=True)
    return {
        "source": f"recipe {place}",
        "files": {WEIGHTS: sha256(folder / WEIGHTS)},
        "net": card["net"],
        "inputs": {name: value for name, value in facts.items() if name != "tokenizer"},
        "prefix": "net.",
    }
