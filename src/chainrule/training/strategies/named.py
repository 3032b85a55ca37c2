"""The head and what is named learn, such as the last layers alone, or every bias (Ben Zaken et al. 2022, BitFit,
arXiv:2106.10199).

A module that is named learns whole, its normalisation's statistics with it; a weight that is named learns alone.
"""

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from chainrule.system.errors import ParamsError
from chainrule.training.strategy import above


def prepare(model: nn.Module, given: Any, *, learn: list[str]) -> None:
    """Refuse a glob that no module or weight is called by, or only what holds no weights."""
    for glob in learn:
        if not _called(model, glob):
            modules = [name for name, _ in model.named_modules() if name]
            near = difflib.get_close_matches(glob.rstrip(".*"), modules, 3, 0.4) or modules[:3]
            raise ParamsError(f"finetune.strategy.learn: {glob}: no weights are called so; near: {', '.join(near)}")


def learning(model: nn.Module, epoch: int, *, learn: list[str]) -> Sequence[nn.Module | nn.Parameter]:
    """Return the head and what the globs name, in every epoch."""
    return [*above(model), *(part for glob in learn for part in _called(model, glob))]


def _called(model: nn.Module, glob: str) -> list[nn.Module | nn.Parameter]:
    """Return the modules that have weights, and the weights, whose names match."""
    named = [*model.named_modules(), *model.named_parameters()]
    found = [part for name, part in named if fnmatchcase(name, glob)]
    return [part for part in found if isinstance(part, nn.Parameter) or any(True for _ in part.parameters())]
