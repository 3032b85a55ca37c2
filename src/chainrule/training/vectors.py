"""The vectors of whole words in the input embedding of a pretrained net."""

from pathlib import Path
from typing import Any

import numpy as np

from chainrule.system.errors import DataError
from chainrule.training import weights
from chainrule.training.inputs import text
from chainrule.training.objectives.shared import pieces


def of(folder: Path, block: dict[str, Any]) -> tuple[list[str], np.ndarray]:
    """Return the words [V] that are one token each, and their vectors float32 [V, D].

    folder: of a pretrained net on texts; block: its recipe. Raises DataError where nothing was learnt there.
    """
    if not (folder / weights.WEIGHTS).is_file():
        raise DataError(f"{folder} holds no weights: the recipe's pretrain.objective is none; skip_gram learns vectors")
    facts = text.load_facts(folder)
    net = weights.build_net({**block, **weights.load_net(folder)}, facts, 0)
    weights.load_weights(net, folder / weights.WEIGHTS)
    known = pieces.of(facts["tokenizer"], facts["vocabulary"])
    special = set(facts["special_ids"])
    tokens = [
        token
        for token, written in enumerate(known.texts)
        if known.begins[token] and token not in special and any(map(str.isalnum, written))
    ]
    table = net.embeddings.detach().float().numpy()[tokens]
    return [known.texts[token].strip() for token in tokens], table
