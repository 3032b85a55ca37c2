"""The chain rule along depth: by which factor each block scales the gradient on its way from the loss to the input.

For blocks x → f1(x) → f2(f1(x)) → … → loss the chain rule is a product of Jacobians, and the norm of ∂loss/∂(a block's
input) over that of ∂loss/∂(its output) is what one of them contributed: under 1 it shrinks the gradient, over 1 it
lets it grow (Hochreiter 1991; Bengio et al. 1994, https://doi.org/10.1109/72.279181; Glorot & Bengio 2010). Measured
on a pass of its own over a few rows, so that the training's gradients, statistics and random numbers stay untouched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from chainrule.training import precision
from chainrule.training.audit.aside import aside
from chainrule.training.audit.layers import Layer

SAME = 0.01
"""A factor between two blocks that is nearer to 1 than this is not worth a line."""


class Link(NamedTuple):
    """One factor of the chain: a block's, or what happens between two blocks (`block` is False then).

    factor: ‖∂loss/∂input‖ / ‖∂loss/∂output‖; None where the input has no gradient, as token ids, or the loss does not
    depend on the block. reached: ‖∂loss/∂input‖ over the norm at the end of the chain, the product of all factors from
    there to here.
    """

    name: str
    block: bool
    factor: float | None
    reached: float | None


def factors(
    objective: nn.Module, layers: Sequence[Layer], batches: Sequence[dict[str, Tensor]], products: str = "fp32"
) -> list[Link]:
    """Return the chain from the input to the loss, in the order in which the blocks were called.

    objective: called with the batches, in the mode that it is in; it returns "loss". products: their
    number format (`training.precision`). Its buffers are as before
    afterwards, no weight gets a gradient, and frozen blocks are seen like the others. A block that is called several
    times (as with two views of a row) has the norm over all calls.
    """
    calls: Calls = {}
    handles = [handle for layer in layers for handle in _hooked(layer, calls)]
    try:
        with torch.enable_grad(), aside(objective, batches):
            loss = precision.called(objective, batches, products)["loss"]
            norms = _norms(loss, calls)
    finally:
        for handle in handles:
            handle.remove()
    return _chain(calls, norms)


@dataclass
class Call:
    """What went into a block and what came out of its last module."""

    entered: Tensor | None
    left: Tensor | None = None


Calls = dict[str, list[Call]]
"""By the block's name, in the order of the first call."""


def _hooked(layer: Layer, calls: Calls) -> list[Any]:
    """Hook into a block: what goes into its first module and comes out of the last one that is called."""

    def enters(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        call = Call(None)
        calls.setdefault(layer.name, []).append(call)
        values = [*given, *named.values()]
        place = next((place for place, value in enumerate(values) if _is_real(value)), None)
        if place is None:
            return None
        # A frozen or first block gets an input whose gradient can be asked for; a copy, so that a module that works
        # in place does not change what is asked for.
        call.entered = values[place] if values[place].requires_grad else values[place].detach().requires_grad_()
        values[place] = call.entered.clone()
        return tuple(values[: len(given)]), dict(zip(named, values[len(given) :], strict=True))

    def leaves(module: nn.Module, given: tuple[Any, ...], result: Any) -> Any:
        if isinstance(result, Tensor) and result.is_floating_point() and not result.requires_grad:
            result = result.detach().requires_grad_()  # a frozen embedding is where the chain begins
        if layer.name in calls:
            calls[layer.name][-1].left = first_real(result)
        return result

    entering = [module.register_forward_pre_hook(enters, with_kwargs=True) for module in layer.modules[:1]]
    return entering + [module.register_forward_hook(leaves) for module in layer.modules]


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def first_real(value: Any) -> Tensor | None:
    """Return the first tensor of real numbers in what a module returned."""
    if _is_real(value):
        return value  # type: ignore[no-any-return]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return next((found for part in parts if (found := first_real(part)) is not None), None)


def _norms(loss: Tensor, calls: Calls) -> dict[int, float]:
    """Return the norm of the loss's gradient by a tensor's id, of those tensors that the loss was computed from."""
    tensors = {id(each): each for made in calls.values() for call in made for each in (call.entered, call.left)}
    asked = [tensor for tensor in tensors.values() if tensor is not None and tensor.requires_grad]
    if not asked or not loss.requires_grad:
        return {}
    gradients = torch.autograd.grad(loss, asked, allow_unused=True)
    found = {id(tensor): each for tensor, each in zip(asked, gradients, strict=True) if each is not None}
    norms = torch.stack([each.float().norm() for each in found.values()]).tolist() if found else []
    return dict(zip(found, norms, strict=True))


def _chain(calls: Calls, norms: dict[int, float]) -> list[Link]:
    def norm(tensors: Sequence[Tensor | None]) -> float | None:
        found = [norms[id(tensor)] for tensor in tensors if id(tensor) in norms]
        return math.hypot(*found) if found else None

    sides = {name: ([call.entered for call in made], [call.left for call in made]) for name, made in calls.items()}
    blocks = [(name, norm(inputs), norm(outputs), inputs, outputs) for name, (inputs, outputs) in sides.items()]
    blocks = [block for block in blocks if block[2] is not None]
    links: list[Link] = []
    for place, (name, entered, left, inputs, _) in enumerate(blocks):
        end = blocks[-1][2]
        if place:
            before, _, given, _, outputs = blocks[place - 1]
            between = _over(given, entered)
            apart = {id(tensor) for tensor in outputs} != {id(tensor) for tensor in inputs}
            if apart and between is not None and abs(between - 1) > SAME:
                links.append(Link(f"{before} → {name}", False, between, _over(given, end)))
        links.append(Link(name, True, _over(entered, left), _over(entered, end)))
    return links


def _over(one: float | None, other: float | None) -> float | None:
    """Return a ratio of norms; None where one does not exist, or nothing is left to divide by."""
    return None if one is None or not other else one / other
