"""What a strategy of fine-tuning may decide, with what happens where it says nothing, and the layers of a net.

A strategy is a module of `training.strategies` with any of these functions. Each takes by name those of the strategy's
options that it needs.

- `rows(rows, given)` returns which of the training rows are learnt from.
- `prepare(model, given)` changes the model before the training, such as by adding adapters, and returns what `loss` and
  `merge` need beside it: they take it by the name `beside`.
- `learning(model, epoch)` returns what learns in an epoch (from 0), modules or single weights. All else of the model
  stays as it is: its weights get no gradient, its normalisation keeps its statistics, its dropout drops nothing.
- `rates(model)` returns multipliers of the schedule's learning rate by parameter; 1 for the others.
- `batch(objective, batch)` returns the training batch that is learnt from in place of a batch.
- `loss(model, loss, batch, outputs)` returns the loss of a training batch, of the objective's.
- `merge(model)` turns the trained model into what is calibrated, written and exported.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from chainrule.recipes.training import Finetune

if TYPE_CHECKING:
    import pandas as pd

Rates = dict[nn.Parameter, float]
Parts = Sequence[nn.Module | nn.Parameter]


@dataclass(frozen=True)
class Given:
    """What a strategy knows beside the model: the base's folder, the recipe's block and settings, and the facts."""

    base: Path
    block: Mapping[str, Any]
    settings: Finetune
    facts: Mapping[str, Any]
    target_facts: Mapping[str, Any]
    seed: int
    say: Callable[[str], None]


def _all_rows(rows: "pd.DataFrame") -> "pd.DataFrame":
    return rows


def _everything(model: nn.Module, epoch: int) -> Parts:
    return [model]


def _level(model: nn.Module) -> Rates:
    return {}


def _as_it_is(model: nn.Module) -> None:
    """Leave the model as it is."""


@dataclass(frozen=True)
class Strategy:
    """The decisions for one model, options filled in; freeze_norms: no normalisation of the model learns, ever."""

    model: nn.Module
    rows: Callable[["pd.DataFrame"], "pd.DataFrame"] = _all_rows
    learning: Callable[[nn.Module, int], Parts] = _everything
    rates: Callable[[nn.Module], Rates] = _level
    batch: Callable[[nn.Module, dict[str, Tensor]], dict[str, Tensor]] | None = None
    loss: Callable[[nn.Module, Tensor, dict[str, Tensor], Mapping[str, Tensor]], Tensor] | None = None
    merge: Callable[[nn.Module], None] = _as_it_is
    freeze_norms: bool = False

    @property
    def steps_in(self) -> bool:
        """Return whether it changes a batch or its loss, and so stands around the objective."""
        return self.batch is not None or self.loss is not None

    @property
    def partly(self) -> bool:
        """Return whether some of the model does not learn from the start."""
        return self.freeze_norms or list(self.learning(self.model, 0)) != [self.model]

    def begin(self, epoch: int) -> None:
        """Put the model, in training mode or not, into the state in which it goes through an epoch."""
        self.model.requires_grad_(False).eval()
        for part in self.learning(self.model, epoch):
            part.requires_grad_(True)
            if isinstance(part, nn.Module):
                part.train()
        for norm in norms(self.model) if self.freeze_norms else ():
            norm.requires_grad_(False).eval()

    def count(self, epochs: int) -> int:
        """Return how many weights have learnt after so many epochs; the model is in evaluation mode afterwards."""
        learnt: dict[nn.Parameter, int] = {}
        for epoch in range(epochs):
            self.begin(epoch)
            learnt |= {weight: weight.numel() for weight in self.model.parameters() if weight.requires_grad}
        self.model.eval()
        return sum(learnt.values())


def of(
    module: Any,
    options: Mapping[str, Any],
    model: nn.Module,
    given: Given | None = None,
    *,
    freeze_norms: bool = False,
) -> Strategy:
    """Return the strategy that a module of `training.strategies` is for a model, which it has prepared."""
    prepare = _bound(module, "prepare", options)
    beside = prepare(model, given) if prepare else None
    more = {**options, "beside": beside}
    found = {name: _bound(module, name, more) for name in ("learning", "rates", "batch", "loss", "merge")}
    choose = _bound(module, "rows", options)
    if choose:
        found["rows"] = lambda rows: choose(rows, given)
    said = {name: function for name, function in found.items() if function}
    return Strategy(model, freeze_norms=freeze_norms, **said)


def _bound(module: Any, name: str, options: Mapping[str, Any]) -> Callable[..., Any] | None:
    """Return a function of a module with those options that it takes; None if it has no such function."""
    function = getattr(module, name, None)
    if function is None:
        return None
    taken = inspect.signature(function).parameters
    return partial(function, **{option: value for option, value in options.items() if option in taken})


class StrategyLoss(nn.Module):
    """An objective and, in training mode, what a strategy makes of its batches and its loss."""

    def __init__(self, objective: nn.Module, strategy: Strategy) -> None:
        """Wrap an objective that returns loss and outputs."""
        super().__init__()
        self.objective = objective
        self.strategy = strategy

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return what the objective returns, the loss the strategy's."""
        if self.training and self.strategy.batch is not None:
            batch = self.strategy.batch(self.objective, batch)
        result: dict[str, Any] = self.objective(batch)
        if not self.training or self.strategy.loss is None:
            return result
        return {**result, "loss": self.strategy.loss(self.strategy.model, result["loss"], batch, result["outputs"])}


def above(model: nn.Module) -> list[nn.Module]:
    """Return what stands on a model's net: its head, and whatever else is drawn anew for a task."""
    return [module for name, module in model.named_children() if name != "net"]


def unlike(facts: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return in words what keeps a model of some inputs from reading the rows of another; empty: nothing.

    Pixels are normalised by each model itself, and texts may be cut at different lengths.
    """
    one, two = (_read(each) for each in (facts, other))
    differing = [name for name in one if one[name] != two.get(name)]
    return ", ".join(
        "tokenizer is another" if name == "tokenizer" else f"{name} is {one[name]}, not {two.get(name)}"
        for name in differing
    )


def _read(facts: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in facts.items() if name not in ("mean", "std", "max_length")}
    if "tokenizer" in found:
        found["tokenizer"] = {**json.loads(found["tokenizer"]), "truncation": None}
    return found


def norms(model: nn.Module) -> list[nn.Module]:
    """Return the normalisations of a model: modules that their class calls so, and that hold no matrices."""
    return [
        module
        for module in model.modules()
        if "Norm" in type(module).__name__ and all(weight.ndim <= 1 for weight in module.parameters())
    ]


def layers(net: nn.Module) -> list[list[nn.Module]]:
    """Return the layers of a net, the first to see the input first, each as the modules that it consists of.

    A layer is an element of a sequence or list of modules, or a module beside such a sequence; what has no matrices,
    such as a normalisation, belongs to the layer before it, and embeddings that follow one another are one layer.
    """
    found: list[list[nn.Module]] = []
    for module in _units(net):
        matrices = any(parameter.ndim > 1 for parameter in module.parameters())
        embeds = bool(found) and all(isinstance(each, nn.Embedding) for each in (found[-1][-1], module))
        if found and (embeds or not matrices):
            found[-1].append(module)
        elif any(True for _ in module.parameters()):
            found.append([module])
    return found


def _units(net: nn.Module) -> list[nn.Module]:
    """Return the elements of the outermost sequences, and the modules that hold none, in order."""
    if isinstance(net, nn.Sequential | nn.ModuleList):
        return list(net.children())
    if not any(isinstance(module, nn.Sequential | nn.ModuleList) for module in net.modules()):
        return [net]
    return [unit for child in net.children() for unit in _units(child)]
