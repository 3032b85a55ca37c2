"""Analytic against numeric derivatives, block by block, in double precision.

A block is a function of its inputs and weights. Its output is projected on a random direction u, so that one backward
pass gives the gradient of the number <u, f(x)>; each weight and input is then moved by ±h along random directions d,
and (<u, f(x + h·d)> − <u, f(x − h·d)>) / 2h is held against <gradient, d>. A few directions tell as much as every
coordinate: a wrong entry changes each of them (`torch.autograd.gradcheck` calls it its fast mode). All that is random
in a block, such as dropout, is drawn anew from the same seed each time, so a block is checked as it is trained.

Where a net has kinks (ReLU, maximum, absolute value) a step across one gives another quotient. Of a million units some
are that near to theirs. So a direction that disagrees is tried again with smaller steps, and the quotients of either
side alone, (f(x + h·d) − f(x)) / h and (f(x) − f(x − h·d)) / h, count as well: a kink is on one side, a wrong gradient
is wrong on both and at every h. Exactly on a kink nothing is tested; weights and inputs are moved a little first.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from chainrule.training.audit.finite import tensors
from chainrule.training.audit.layers import Layer

STEPS = (1e-5, 1e-6, 1e-7)
"""h, as a share of a tensor's root mean square."""
TOLERANCE = 1e-6
"""The relative error up to which the two agree: round-off leaves 1e-10 to 1e-7."""
DIRECTIONS = 2
EVERY_COORDINATE = 8
"""So few numbers are checked one by one."""
AWAY = 0.1
"""How far weights are moved from where they start, in their root mean squares: what begins at 0 would hide the rest."""
FAINT = 1e-3
"""Gradients under this share of a block's largest are held against that, not against themselves."""


class Checked(NamedTuple):
    """A block and the largest relative error of its derivatives, with the weight or input it is of.

    error is None for a block that the loss did not call.
    """

    name: str
    kind: str
    parameters: int
    error: float | None
    worst: str

    @property
    def ok(self) -> bool:
        """Return whether the two derivatives agree."""
        return self.error is None or self.error <= TOLERANCE


class DoublePrecision(TorchFunctionMode):
    """Everything that asks for single precision gets double, as a loss does that calls `float()`."""

    def __torch_function__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        """Call a function of torch with float64 in place of float32."""
        if function is torch.Tensor.float:
            return given[0].double()
        wider = {torch.float32: torch.float64}
        given = tuple(wider.get(value, value) if isinstance(value, torch.dtype) else value for value in given)
        named = {k: wider.get(v, v) if isinstance(v, torch.dtype) else v for k, v in (named or {}).items()}
        return function(*given, **named)


def check(
    objective: nn.Module, layers: Sequence[Layer], batches: Sequence[dict[str, Tensor]], seed: int
) -> Iterator[Checked]:
    """Yield what is found of each layer in turn, and last of the whole objective, its loss included.

    The objective is made one of double precision in training mode, its weights moved a little; it is of no other use
    afterwards. batches: what it is called with, a few rows.
    """
    torch.manual_seed(seed)
    objective.double().train().requires_grad_(True)
    batches = [
        {name: each.double() if each.is_floating_point() else each for name, each in batch.items()} for batch in batches
    ]
    with torch.no_grad():
        for weight in objective.parameters():
            weight.add_(torch.randn_like(weight) * AWAY * max(_rms(weight), 0.1))
    calls = _calls(objective, layers, batches, seed)
    for layer in layers:
        found = [_largest(_errors(module, *calls[module], seed)) for module in layer.modules if module in calls]
        count = sum(weight.numel() for weight in layer.parameters)
        error, worst = max(found, default=(None, ""), key=lambda each: each[0] or 0.0)
        yield Checked(layer.name, layer.kind, count, error, worst)
    error, worst = _largest(_whole(objective, layers, batches, seed))
    yield Checked("loss", type(objective).__name__, sum(each.numel() for each in objective.parameters()), error, worst)


Call = tuple[tuple[Any, ...], dict[str, Any]]


def _calls(
    objective: nn.Module, layers: Sequence[Layer], batches: Sequence[dict[str, Tensor]], seed: int
) -> dict[nn.Module, Call]:
    """Return what each module of the layers is first called with: inputs on the way of the gradient are leaves."""
    calls: dict[nn.Module, Call] = {}
    generator = torch.Generator().manual_seed(seed)

    def enters(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if module not in calls:
            first = next((value for value in given if isinstance(value, Tensor)), None)

            def kept(value: Any) -> Any:
                if not isinstance(value, Tensor) or not value.is_floating_point():
                    return value
                if not value.requires_grad and value is not first:
                    return value.detach().clone()
                # Away from where it is, too: a ReLU before a maximum leaves zeros, of which none is the largest.
                away = torch.randn(value.shape, generator=generator, dtype=value.dtype) * AWAY * _rms(value)
                return (value.detach() + away).requires_grad_()

            calls[module] = (tuple(map(kept, given)), {name: kept(value) for name, value in named.items()})

    modules = [module for layer in layers for module in layer.modules]
    handles = [module.register_forward_pre_hook(enters, with_kwargs=True) for module in modules]
    try:
        with DoublePrecision():
            torch.manual_seed(seed)
            objective(*batches)
    finally:
        for handle in handles:
            handle.remove()
    return calls


Moved = tuple[str, list[Tensor]]
"""What is moved together, by name."""


def _errors(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], seed: int) -> Iterator[tuple[str, float]]:
    """Yield the relative error of each weight and input of a module, by name."""
    inputs = [each for each in (*given, *named.values()) if isinstance(each, Tensor) and each.requires_grad]
    moved: list[Moved] = [(name, [weight]) for name, weight in module.named_parameters()]
    moved += [("the input" if place == 0 else f"input {place + 1}", [each]) for place, each in enumerate(inputs)]

    def value() -> Tensor:
        torch.manual_seed(seed)

        def fresh(each: Any) -> Any:  # some modules work in place
            return each.clone() if isinstance(each, Tensor) else each

        with DoublePrecision():
            result = module(*map(fresh, given), **{name: fresh(each) for name, each in named.items()})
        outputs = [tensor for tensor in tensors(result) if tensor.requires_grad or not torch.is_grad_enabled()]
        directions = torch.Generator().manual_seed(seed)
        parts = [(torch.randn(each.shape, generator=directions, dtype=each.dtype) * each).sum() for each in outputs]
        return torch.stack(parts).sum() if parts else torch.zeros(())

    yield from _compared(value, moved, seed)


def _whole(
    objective: nn.Module, layers: Sequence[Layer], batches: Sequence[dict[str, Tensor]], seed: int
) -> Iterator[tuple[str, float]]:
    """Yield the relative error of the loss in the weights of each layer together."""

    def value() -> Tensor:
        torch.manual_seed(seed)
        with DoublePrecision():
            return objective(*batches)["loss"]  # type: ignore[no-any-return]

    yield from _compared(value, [(layer.name, list(layer.parameters)) for layer in layers if layer.parameters], seed)


def _compared(value: Any, moved: Sequence[Moved], seed: int) -> Iterator[tuple[str, float]]:
    """Yield the largest relative error of a function's derivatives along what is moved, by name."""
    result = value()
    if not moved or not result.requires_grad:
        return
    every = [tensor for _, together in moved for tensor in together]
    found = torch.autograd.grad(result, every, allow_unused=True)
    gradients = {id(tensor): grad for tensor, grad in zip(every, found, strict=True) if grad is not None}
    sizes = {
        name: sum(float(gradients[id(each)].norm()) * _rms(each) for each in together if id(each) in gradients)
        for name, together in moved
    }
    faint = FAINT * max(sizes.values())
    generator = torch.Generator().manual_seed(seed)
    for name, together in moved:
        errors = []
        for direction in _directions(together, generator):
            analytic = sum(
                float((gradients[id(each)] * along).sum())
                for each, along in zip(together, direction, strict=True)
                if id(each) in gradients
            )
            errors.append(_error(value, float(result.detach()), together, direction, analytic, max(sizes[name], faint)))
        yield name, max(errors)


def _directions(together: Sequence[Tensor], generator: torch.Generator) -> Iterator[list[Tensor]]:
    """Yield where to move tensors: along each coordinate of a small one, else along random directions."""
    if len(together) == 1 and together[0].numel() <= EVERY_COORDINATE:
        for place in range(together[0].numel()):
            along = torch.zeros_like(together[0])
            along.view(-1)[place] = _rms(together[0])
            yield [along]
        return
    for _ in range(DIRECTIONS if len(together) == 1 else 1):
        yield [torch.randn(each.shape, generator=generator, dtype=each.dtype) * _rms(each) for each in together]


@torch.no_grad()
def _error(
    value: Any, middle: float, together: Sequence[Tensor], direction: Sequence[Tensor], analytic: float, size: float
) -> float:
    """Return the relative error of the derivative along a direction: the least over steps and sides, for the kinks.

    middle: the value where nothing is moved. size: what errors are held against at least.
    """
    kept = [tensor.clone() for tensor in together]
    least = float("inf")
    for step in STEPS:
        ends = []
        for sign in (1, -1):
            for tensor, was, along in zip(together, kept, direction, strict=True):
                tensor.copy_(was + sign * step * along)
            ends.append(float(value()))
        quotients = ((ends[0] - ends[1]) / (2 * step), (ends[0] - middle) / step, (middle - ends[1]) / step)
        for numeric in quotients:
            scale = max(abs(numeric), abs(analytic), size)
            least = min(least, abs(numeric - analytic) / scale if scale else 0.0)
        if least <= TOLERANCE:
            break
    for tensor, was in zip(together, kept, strict=True):
        tensor.copy_(was)
    return least


def _largest(errors: Iterator[tuple[str, float]]) -> tuple[float, str]:
    """Return the largest error and what it is of; NaN, which is no agreement, is the largest there is."""
    found = [(float("inf") if error != error else error, name) for name, error in errors]
    return max(found, default=(0.0, ""))


def _rms(tensor: Tensor) -> float:
    """Return a tensor's root mean square, 1 where that is 0."""
    return float(tensor.detach().double().square().mean().sqrt()) or 1.0
