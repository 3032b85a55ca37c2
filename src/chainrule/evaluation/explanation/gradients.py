"""Scores of a model and their gradients, where its inputs or what a module of it gives are put in its place."""

from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation.explanation.divided import Arrays
from chainrule.evaluation.explanation.integrated_gradients import Scored

Run = Callable[[Tensor], Mapping[str, Tensor]]


def scored(run: Run, target: ModuleType, place: int) -> Scored:
    """Return what scores places on a way; run: a model's outputs by name of such places.

    target: a module of `explanation.targets`; place: which of its answers.
    """

    def found(places: Tensor) -> tuple[np.ndarray, Tensor]:
        places = places.detach().requires_grad_()
        with torch.enable_grad():
            outputs = run(places)
            said = {name: tensor.detach().cpu().numpy() for name, tensor in outputs.items()}
            answer = outputs[target.OUTPUT]
            # The chain rule: how the score changes with the outputs is known, and how these change torch tells.
            outer = torch.from_numpy(target.gradient(said, place)).to(answer)
            (gradient,) = torch.autograd.grad(answer, places, outer)
        return target.score(said, place), gradient

    return found


def through(model: nn.Module, entries: Mapping[nn.Module, int], inputs: Arrays, windows: bool = False) -> Run:
    """Return what runs a model on one row's inputs, with places in the place of what its `entries` give.

    entries: modules, and how many features each gives, which stand side by side in the last axis of places. windows:
    whether a row is several to an entry, places so [S, W, …].
    """
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}

    def run(places: Tensor) -> Mapping[str, Tensor]:
        given = torch.split(places.flatten(0, 1) if windows else places, list(entries.values()), dim=-1)
        handles = [
            entry.register_forward_hook(lambda *_, part=part: part) for entry, part in zip(entries, given, strict=True)
        ]
        try:
            outputs: Mapping[str, Tensor] = model(
                **{name: tensor.expand(len(places), *tensor.shape[1:]) for name, tensor in tensors.items()}
            )
        finally:
            for handle in handles:
                handle.remove()
        return outputs

    return run


def given_by(model: nn.Module, entry: nn.Module, inputs: Arrays, windows: bool = False) -> Tensor:
    """Return what `entry` gives in a run on one row's inputs, without the axis of rows; of several windows, of each."""
    caught: list[Tensor] = []
    handle = entry.register_forward_hook(lambda _, __, output: caught.append(output))
    try:
        with torch.no_grad():
            model(**{name: torch.from_numpy(array) for name, array in inputs.items()})
    finally:
        handle.remove()
    return caught[0] if windows else caught[0][0]
