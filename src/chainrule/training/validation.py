"""What an objective makes of rows that it does not learn from."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.serving.padding import filled
from chainrule.training import precision
from chainrule.training.batches import parts, read, views
from chainrule.training.course import Course, Record, State
from chainrule.training.prediction import Inputs, kept
from chainrule.training.seeds import mix, seed_default, seeded

VALIDATION_SEED = 0x5EED
# Outputs [N, …] by name and targets [N, …] of all validation rows, to metrics by name.
Score = Callable[[dict[str, np.ndarray], np.ndarray], dict[str, float]]


@torch.no_grad()
def evaluate(
    objective: nn.Module,
    inputs: Inputs,
    course: Course,
    device: torch.device,
    score: Score | None = None,
    number: int = 1,
) -> Record:
    """Return validation_loss (mean over examples or tokens), and validation_ and the name of each metric of `score`.

    Rows are seen as they are; where an objective compares several views of them, distorted as `inputs` distorts.
    number: of parts in which a batch is taken, because it does not fit in memory.
    """
    objective.eval()
    losses: list[tuple[Tensor, Tensor]] = []
    said: list[dict[str, Tensor]] = []
    for position, index in enumerate(inputs.order(course.batch_size, None)):
        part = mix(course.seed, VALIDATION_SEED, position)
        seed_default(part, device)  # the same masks after every epoch
        distorted = seeded(part) if getattr(objective, "views", 1) > 1 else None
        for _, batches in parts(views(objective, inputs, index, distorted, device), number):
            result = precision.called(objective, batches, course.precision)
            losses.append((result["loss"], result["count"]))
            if score is not None:
                told = {**kept(_model(objective), result["outputs"]), "": batches[0]["target"]}
                said.append({name: tensor.cpu() for name, tensor in told.items()})
    sums = State()
    sums.add(read(losses))
    record: Record = {"validation_loss": sums.train_loss}
    if score is None:
        return record
    outputs = {name: filled([batch[name].numpy() for batch in said]) for name in said[0]}
    target = outputs.pop("")
    return record | {f"validation_{name}": value for name, value in score(outputs, target).items()}


def _model(objective: nn.Module) -> nn.Module:
    """Return the model that an objective, or what a strategy wraps around it, asks."""
    found = getattr(objective, "objective", objective)
    return getattr(found, "model", found)
