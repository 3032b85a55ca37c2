"""The layers of what is trained, from the input to the loss, by the names that a reader finds in the source."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from chainrule.training import strategy

WRAPPERS = ("module", "objective", "model", "net")
"""Modules that only hold another: left out at the start of a name."""
WITH_UNITS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Modules of which a row of the weight makes one unit of the output."""


class Layer(NamedTuple):
    """Modules that follow one another, and their weights; a weight that two layers share belongs to the first."""

    name: str
    kind: str
    modules: list[nn.Module]
    parameters: list[nn.Parameter]
    unit_weights: list[nn.Parameter]


def layers(objective: nn.Module) -> list[Layer]:
    """Return the layers of an objective, its net's and those on top of it, in the order in which they are registered.

    Weights of the objective that no layer holds, such as a learned mask, are the last layer, which has no modules.
    """
    names = {module: name for name, module in objective.named_modules()}
    seen: set[nn.Parameter] = set()
    found = []
    for modules in _parts(objective):
        own = [weight for module in modules for weight in module.parameters() if weight not in seen]
        own = list(dict.fromkeys(own))
        seen.update(own)
        inside = [each for module in modules for each in module.modules()]
        weights = [each.weight for each in inside if isinstance(each, WITH_UNITS)]
        rows = [weight for weight in weights if isinstance(weight, nn.Parameter) and weight in set(own)]
        kind = " + ".join(type(module).__name__ for module in modules)
        found.append(Layer(_short(names[modules[0]]), kind, modules, own, list(dict.fromkeys(rows))))
    if beside := {name: weight for name, weight in objective.named_parameters() if weight not in seen}:
        found.append(Layer(", ".join(map(_short, beside)), "Parameter", [], list(beside.values()), []))
    return found


def _parts(module: nn.Module) -> Iterator[list[nn.Module]]:
    """Yield the layers as lists of modules: of each part of what wraps a net, and of a net without a sequence."""
    children = [child for child in module.children() if any(True for _ in child.parameters())]
    wraps = any(child in children for name, child in module.named_children() if name in WRAPPERS)
    if wraps:
        for child in children:
            yield from _parts(child)
    elif len(found := strategy.layers(module)) > 1 or len(children) < 2:
        yield from found
    else:
        yield from ([child] for child in children)


def _short(name: str) -> str:
    """Return a module's name without the wrappers around the net."""
    parts = name.split(".")
    while len(parts) > 1 and parts[0] in WRAPPERS:
        parts = parts[1:]
    return ".".join(parts) or "all"
