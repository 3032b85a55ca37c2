"""What a strategy of fine-tuning may decide, with what happens where it says nothing, and the layers of a net.

A strategy is a module of `training.strategies` with any of these functions, which take the model and its options:

- `prepare(model)` changes the model before the training, such as by adding adapters.
- `learning(model, epoch)` returns the modules that learn in an epoch (from 0). All else of the model stays as it is:
  its weights get no gradient, its normalisation keeps its statistics, its dropout drops nothing.
- `rates(model)` returns multipliers of the schedule's learning rate by parameter; 1 for the others.
- `extra_loss(model, batch, outputs)` returns what is added to the loss of a training batch.
- `merge(model)` turns the trained model into what is calibrated, written and exported.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

Rates = dict[nn.Parameter, float]
FUNCTIONS = ("prepare", "learning", "rates", "extra_loss", "merge")


def _nothing(model: nn.Module) -> None:
    """Leave the model as it is."""


def _everything(model: nn.Module, epoch: int) -> list[nn.Module]:
    return [model]


def _level(model: nn.Module) -> Rates:
    return {}


@dataclass(frozen=True)
class Strategy:
    """The decisions for one model, options filled in."""

    model: nn.Module
    prepare: Callable[[nn.Module], None] = _nothing
    learning: Callable[[nn.Module, int], list[nn.Module]] = _everything
    rates: Callable[[nn.Module], Rates] = _level
    extra_loss: Callable[[nn.Module, dict[str, Tensor], Mapping[str, Tensor]], Tensor] | None = None
    merge: Callable[[nn.Module], None] = _nothing

    def begin(self, epoch: int) -> None:
        """Put the model, in training mode or not, into the state in which it goes through an epoch."""
        self.model.requires_grad_(False).eval()
        for module in self.learning(self.model, epoch):
            module.requires_grad_(True).train()


def of(module: Any, options: Mapping[str, Any], model: nn.Module) -> Strategy:
    """Return the strategy that a module of `training.strategies` is for a model."""
    given = {name: partial(getattr(module, name), **options) for name in FUNCTIONS if hasattr(module, name)}
    return Strategy(model, **given)


class WithExtraLoss(nn.Module):
    """An objective and, in training mode, a strategy's loss on top."""

    def __init__(self, objective: nn.Module, strategy: Strategy) -> None:
        """Wrap an objective that returns loss and outputs."""
        super().__init__()
        self.objective = objective
        self.strategy = strategy

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Any]:
        """Return what the objective returns, the loss with the strategy's."""
        result: dict[str, Any] = self.objective(batch)
        if not self.training or self.strategy.extra_loss is None:
            return result
        return {
            **result,
            "loss": result["loss"] + self.strategy.extra_loss(self.strategy.model, batch, result["outputs"]),
        }


def layers(net: nn.Module) -> list[list[nn.Module]]:
    """Return the layers of a net, the first to see the input first, each as the modules that it consists of.

    A layer is an element of a sequence or list of modules, or a module beside such a sequence; what has no matrices,
    such as a normalisation, belongs to the layer before it.
    """
    found: list[list[nn.Module]] = []
    for module in _units(net):
        matrices = any(parameter.ndim > 1 for parameter in module.parameters())
        if found and not matrices:
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
