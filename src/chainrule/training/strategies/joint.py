"""Two tasks on one net: every batch of the recipe's rows is learnt with a batch of those of the recipe it starts from
(Caruana 1997, "Multitask learning", doi:10.1023/A:1007379606734).

The net is shared, and each task has its own head; the other's is left behind at the end.
"""

from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from chainrule.system import plugins
from chainrule.system.errors import ParamsError
from chainrule.system.files import read_json, read_rows
from chainrule.training import rows as table
from chainrule.training.counted import TABLE
from chainrule.training.prediction import Inputs, to_device
from chainrule.training.start import ROWS
from chainrule.training.strategy import Given, unlike
from chainrule.training.weights import MODEL_CARD, WEIGHTS


class Other(NamedTuple):
    """The other task: what is learnt, of which rows, in which batches."""

    objective: nn.Module
    inputs: Inputs
    batches: list[Tensor]


def prepare(model: nn.Module, given: Given) -> Other:
    """Put the base's head beside the model's; ParamsError where the base reads otherwise than the recipe."""
    card, weights = read_json(given.base / MODEL_CARD), load_file(given.base / WEIGHTS)
    facts = plugins.load("training.inputs", card["modality"]).load_facts(given.base)
    if unread := unlike(facts, given.facts):
        raise ParamsError(f"base.from: {given.block['base']['from']}: one net reads the rows of both, but its {unread}")
    task = plugins.load(f"tasks.{card['task']}", "model")
    # Learnt along, counts of the rows that are learnt from would leave the net little to learn.
    known = {name: value for name, value in card["target_facts"].items() if name != TABLE}
    other = task.build(model.net, facts, known)
    with torch.no_grad():
        for name, parameter in other.named_parameters():
            if not name.startswith("net."):
                parameter.copy_(weights[name])
    model.other = nn.ModuleDict({name: child for name, child in other.named_children() if name != "net"})
    rows = read_rows(given.base / ROWS)
    inputs = table.to_inputs(rows, card, facts, card["target_facts"], **given.settings.distort)
    given.say(f"learns with {len(rows):,} rows of {given.block['base']['from']}")
    # The order is drawn once, for batches of similar length; which of them comes in a step is drawn in the step.
    batches = inputs.order(given.settings.batch_size, torch.Generator().manual_seed(given.seed))
    objective = task.objective(other, card["target_facts"], inputs.target, **card["objective"])
    return Other(objective.train(), inputs, batches)


def loss(
    model: nn.Module,
    loss: Tensor,
    batch: dict[str, Tensor],
    outputs: dict[str, Tensor],
    *,
    weight: float,
    beside: Other,
) -> Tensor:
    """Return the loss and `weight` times that of a batch of the other's rows, drawn by the step's seed."""
    index = beside.batches[int(torch.randint(len(beside.batches), ()))]
    rows = to_device(beside.inputs.take(index, torch.default_generator), loss.device)
    others: Tensor = beside.objective.to(loss.device)(rows)["loss"]
    return loss + weight * others


def merge(model: nn.Module) -> None:
    """Leave the other's head behind."""
    del model.other
