"""The base learns on: from rows that it has not seen, and again from a share of those that it has, lest it forget them
(Rolnick et al. 2019, "Experience replay for continual learning", arXiv:1811.11682).

The head, too, is the base's, where the classes agree; a new class starts from random numbers.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from chainrule.system.errors import DataError, ParamsError
from chainrule.system.files import read_json
from chainrule.training import seen
from chainrule.training.strategy import Given
from chainrule.training.weights import MODEL_CARD, WEIGHTS

if TYPE_CHECKING:
    import pandas as pd


def rows(rows: "pd.DataFrame", given: Given, *, replay: float) -> "pd.DataFrame":
    """Return the rows that the base has not seen and a share of the others, drawn by the seed; with their copies.

    Raises DataError where there is nothing new.
    """
    originals = seen.originals(rows)
    known = originals.isin(seen.read(given.base))
    if known.all():
        raise DataError(
            f"base.from: {given.block['base']['from']}: has seen all {originals.nunique():,} training rows; "
            "nothing is new"
        )
    old = sorted(set(originals[known]))
    drawn = np.random.default_rng(given.seed).permutation(len(old))[: round(replay * len(old))]
    again = [old[position] for position in drawn]
    given.say(
        f"{originals[~known].nunique():,} rows that the base has not seen, {len(again):,} of {len(old):,} again that "
        "it has"
    )
    return rows[~known | originals.isin(again)].reset_index(drop=True)


def prepare(model: nn.Module, given: Given) -> None:
    """Put the base's head on the model, class by class; ParamsError where the base did something else."""
    card = read_json(given.base / MODEL_CARD)
    if card["task"] != given.block["task"]:
        raise ParamsError(f"base.from: {given.block['base']['from']}: does {card['task']}, not {given.block['task']}")
    weights = load_file(given.base / WEIGHTS)
    places = _places(card["target_facts"].get("classes"), given)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith("head."):
                for new, old in places.items():
                    parameter[new] = weights[name][old]
            elif not name.startswith("net."):
                parameter.copy_(weights[name])


def _places(classes: list[str] | None, given: Given) -> dict[Any, Any]:
    """Return which row of the base's head becomes which row of the model's; a head without classes whole."""
    if classes is None:
        return {slice(None): slice(None)}
    ours = given.target_facts["classes"]
    fresh = [str(name) for name in ours if name not in classes]
    if fresh:
        given.say(f"the head starts from the base's, but for new classes: {', '.join(fresh)}")
    if gone := [str(name) for name in classes if name not in ours]:
        given.say(f"the head leaves out classes that the training rows no longer have: {', '.join(gone)}")
    return {ours.index(name): classes.index(name) for name in ours if name in classes}
