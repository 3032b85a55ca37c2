"""What another recipe's pretraining ended with, its tokenizer or normalisation with it."""

import shutil
from pathlib import Path
from typing import Any

from chainrule.system import plugins
from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training.start import TOKENIZER, WEIGHTS
from chainrule.training.weights import load_net


def bring(out: Path, root: Path, place: str, modality: str) -> dict[str, Any]:
    """Copy the weights of `models/<place>`. Raises DataError where that recipe was not pretrained."""
    folder = root / "models" / place
    if not (folder / WEIGHTS).is_file():
        raise DataError(f"base.from: {place}: {folder / WEIGHTS} is not there; that recipe has `objective: none`")
    facts = plugins.load("training.inputs", modality).load_facts(folder)
    for name in (WEIGHTS, TOKENIZER):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    return {
        "source": f"recipe {place}",
        "files": {WEIGHTS: sha256(folder / WEIGHTS)},
        "net": load_net(folder)["net"],
        "inputs": {name: value for name, value in facts.items() if name != "tokenizer"},
    }
