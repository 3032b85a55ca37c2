"""What flows through a net: outputs of its blocks on validation rows, units that never stir, and saturation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.examination import ridges
from chainrule.examination.blocks import Block, first_tensor, seen, takes_hooks
from chainrule.examination.looked import Looked, one_row
from chainrule.examination.outline import every, outline

MOST_ROWS, FEWEST_ROWS = 128, 8
MOST_NUMBERS, MOST_WORK = 2**25, 10**10
"""What the rows of one pass may hold in one tensor, and cost in multiply-adds."""
DRAWN = 100_000
"""Most numbers of an output that its histogram is made of, evenly picked."""
STILL = 1e-6
"""A unit that varies by less over rows and places says nothing of its input."""
LOUD_DEAD, LOUD_FULL = 0.2, 0.5
"""Shares of dead units and of saturated numbers from which on they are named."""
ENDS: Mapping[str, tuple[float | None, float | None]] = {
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "hardtanh": (-1.0, 1.0),
    "tanh": (-0.99, 0.99),
    "sigmoid": (0.01, 0.99),
    "hardsigmoid": (0.0, 1.0),
    "leaky_relu": (None, None),
    "elu": (None, None),
    "gelu": (None, None),
    "silu": (None, None),
    "mish": (None, None),
    "hardswish": (None, None),
}
"""Activations by the name of torch's function, with where they are flat: at or below, at or above."""


class Activation(NamedTuple):
    """A call of an activation: in which module, units that are dead, shares of what is flat at the low and high end."""

    module: str
    function: str
    units: int
    dead: int
    low: float
    high: float


@dataclass
class Watched:
    """What was seen in one pass: outputs by module, and activations in the order of their calls."""

    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    activations: list[Activation] = field(default_factory=list)


def part(looked: Looked) -> Part:
    """Return histograms of each block's output and a table of activations, on as many validation rows as are cheap."""
    model = seen(looked.model, one_row(looked))
    count = min(rows(model), len(looked.inputs))
    lines = [line for line in every(outline(model)) if not line.opened and line.called and line.modules]
    batch = looked.inputs.take(torch.arange(count), None)
    names: tuple[str, ...] = looked.model.inputs  # type: ignore[assignment]
    found = watched(looked.model, {name: batch[name] for name in names}, {line.modules[-1] for line in lines})
    shown = [(line.modules[0], found.outputs[line.modules[-1]]) for line in lines if line.modules[-1] in found.outputs]
    if not shown:
        raise NotShownError("no block of the model gives numbers that could be counted")
    drawn = ridges.picture(
        [ridges.ridge(name, values, None, _beside(values)) for name, values in shown],
        f"Outputs of {len(shown)} blocks as histograms, on {count} validation rows",
        "mean and spread",
    )
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in in_words(found.activations))
    note = f'<p class="note">Outputs on {count:,} validation rows; of layers that look the same the first.</p>'
    numbers = {
        "rows": count,
        "activations": [each._asdict() for each in found.activations],
        "outputs": {name: {"mean": _short(values.mean()), "spread": _short(values.std())} for name, values in shown},
    }
    figure = f'<figure class="wide scroll architecture">{drawn}</figure>'
    return Part("Activations", said + figure + note + _table(found.activations), numbers)


def rows(model: Block) -> int:
    """Return how many rows one pass takes: fewer of a net with large maps or much work."""
    largest = max((_numbers(block) for block in _all(model)), default=1)
    return max(FEWEST_ROWS, min(MOST_ROWS, MOST_NUMBERS // max(largest, 1), MOST_WORK // max(model.work or 0, 1)))


def _numbers(block: Block) -> int:
    return int(np.prod(block.shape)) if block.shape else 1


def _all(block: Block) -> list[Block]:
    return [block, *(each for inner in block.inside for each in _all(inner))]


def watched(model: nn.Module, batch: Mapping[str, Tensor], names: set[str]) -> Watched:
    """Return what one pass of a batch shows: the outputs of the named modules, and every activation.

    The model is as before afterwards. Functions inside compiled modules are not seen.
    """
    found = Watched()
    within: list[str] = []
    watch = _Watch(found, within)

    def hooked(name: str, module: nn.Module) -> list[Any]:
        def enters(module: nn.Module, given: tuple[Any, ...]) -> None:
            within.append(name)

        def leaves(module: nn.Module, given: tuple[Any, ...], result: Any) -> None:
            within.pop()
            watch.last = _channels(module, watch.last)
            tensor = first_tensor(result)
            if name in names and name not in found.outputs and tensor is not None and tensor.is_floating_point():
                values = tensor.detach().float().flatten()
                values = values[:: max(1, len(values) // DRAWN)]
                found.outputs[name] = values[values.isfinite()].numpy()

        return [module.register_forward_pre_hook(enters), module.register_forward_hook(leaves)]

    handles = [
        handle for name, module in model.named_modules() if takes_hooks(module) for handle in hooked(name, module)
    ]
    try:
        with torch.no_grad(), watch:
            model(**batch)
    except Exception as error:  # whatever a net of any origin raises when it is looked at
        raise NotShownError(
            f"the model cannot be followed along rows ({' '.join(str(error).split())[:200]})"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    return found


class _Watch(TorchFunctionMode):
    """Notes what activations give, whether they are modules or functions."""

    def __init__(self, found: Watched, within: list[str]) -> None:
        super().__init__()
        self.found, self.within = found, within
        self.last = False  # whether units are the last axis of tensors with three

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").rstrip("_")
        if name in ENDS and isinstance(result, Tensor) and result.ndim > 1:
            where = self.within[-1] if self.within else ""
            self.found.activations.append(_activation(where, name, result.detach().float(), self.last))
        return result


def _channels(module: nn.Module, last: bool) -> bool:
    """Return whether units are the last axis of what follows a module: behind a convolution they are the second."""
    if isinstance(module, nn.Conv1d | nn.BatchNorm1d):
        return False
    return True if isinstance(module, nn.Linear | nn.LayerNorm | nn.Embedding | nn.LSTM | nn.GRU) else last


def _activation(where: str, name: str, result: Tensor, last: bool) -> Activation:
    axis = result.ndim - 1 if result.ndim == 2 or (result.ndim == 3 and last) else 1
    units = result.movedim(axis, 0).flatten(1)
    dead = int(((units.amax(dim=1) - units.amin(dim=1)) <= STILL).sum())
    below, above = ENDS[name]
    low = 0.0 if below is None else float((result <= below).float().mean())
    high = 0.0 if above is None else float((result >= above).float().mean())
    return Activation(where, name, len(units), dead, round(low, 4), round(high, 4))


def _beside(values: np.ndarray) -> str:
    return f"{values.mean():.3g}; {values.std():.3g}" if len(values) else "no finite number"


def _short(value: Any) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def in_words(activations: Sequence[Activation]) -> list[str]:
    """Return what stands out among activations: dead units, and those that are flat for most of what they are given."""
    if not activations:
        return ["No activation was seen: the net has none, or computes them where nothing can look on."]
    said = []
    dead = [each for each in activations if each.dead / each.units >= LOUD_DEAD]
    if dead:
        worst = ", ".join(f"{each.module} ({each.dead} of {each.units})" for each in dead[:5])
        said.append(f"Units that say the same of every row: {worst}{' and more' if len(dead) > 5 else ''}.")
    else:
        count = sum(each.dead for each in activations)
        said.append(f"{count:,} of {sum(each.units for each in activations):,} units say the same of every row.")
    # A ReLU is meant to give zeros; ends on both sides are not meant to be where most numbers are.
    full = [each for each in activations if ENDS[each.function][1] is not None and _full(each) >= LOUD_FULL]
    if full:
        worst = ", ".join(f"{each.module} ({each.function}, {_full(each):.0%})" for each in full[:5])
        said.append(f"Saturated, so that hardly a gradient passes: {worst}{' and more' if len(full) > 5 else ''}.")
    return said


def _full(each: Activation) -> float:
    return each.high if each.function == "relu6" else each.low + each.high


def _table(activations: Sequence[Activation]) -> str:
    if not activations:
        return ""
    lines = [
        (
            Word(each.module or "the model"),
            each.function,
            f"{each.units:,}",
            f"{each.dead:,}",
            "–" if ENDS[each.function][0] is None else f"{each.low:.0%}",
            "–" if ENDS[each.function][1] is None else f"{each.high:.0%}",
        )
        for each in activations
    ]
    heads = ("in", "activation", "units", "dead", "flat below", "flat above")
    note = (
        "Dead: the unit says the same of every row. Flat below, above: the share of numbers where the activation has "
        "hardly any slope."
    )
    return page.table(Table("", heads, lines, (note,), tall=len(lines) > 20))
