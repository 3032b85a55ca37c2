"""What a net is made of, as plain data: each module's output, weights and multiply-adds, seen on a row of data."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from chainrule.evaluation.parts import NotShownError


class Block(NamedTuple):
    """A module and those inside it, in the order in which they were first called; those never called come last.

    name: as in `named_modules`. shape: of its first output without the batch axis, None where that was not seen.
    parameters: weights in it, each once. work: multiply-adds of one row in products of matrices, convolutions and
    attention; None where it was not seen. calls: how often it was called for a row. sealed: it takes no hooks, so that
    nothing is known of its calls.
    """

    name: str
    kind: str
    shape: tuple[int, ...] | None
    parameters: int
    work: int | None
    calls: int
    sealed: bool
    inside: tuple["Block", ...]


@dataclass
class _Seen:
    """What hooks saw of one module."""

    place: int
    work: int = 0
    calls: int = 0
    shape: tuple[int, ...] | None = None


def seen(model: nn.Module, row: Mapping[str, Tensor]) -> Block:
    """Return what a model in evaluation mode is made of, by a call with one row: inputs [1, …] by name.

    The model is as before afterwards. Modules that take no hooks, as scripted ones, are closed boxes: what they are
    made of is not seen, nor what they give. Raises NotShownError where the model cannot be called with the row.
    """
    found: dict[nn.Module, _Seen] = {}
    counter = FlopCounterMode(display=False)
    started: list[int] = []

    def enters(module: nn.Module, given: tuple[Any, ...]) -> None:
        found.setdefault(module, _Seen(len(found)))
        started.append(counter.get_total_flops())

    def leaves(module: nn.Module, given: tuple[Any, ...], result: Any) -> None:
        own = found[module]
        own.work += (counter.get_total_flops() - started.pop()) // 2
        own.calls += 1
        first = first_tensor(result)
        if own.shape is None and first is not None:
            own.shape = tuple(first.shape[1:])

    handles = []
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        for module in model.modules():
            if takes_hooks(module):
                handles += [module.register_forward_pre_hook(enters), module.register_forward_hook(leaves)]
        # Kernels that do a whole encoder or recurrent layer at once would hide its products from the counter.
        torch.backends.mha.set_fastpath_enabled(False)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            with torch.backends.mkldnn.flags(enabled=False), counter:
                model(**row)
    except Exception as error:  # whatever a net of any origin raises when it is looked at
        raise NotShownError(
            f"the model cannot be followed along a row ({' '.join(str(error).split())[:200]})"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for handle in handles:
            handle.remove()
    return _block("", model, found, set())


def takes_hooks(module: nn.Module) -> bool:
    """Return whether a module tells a hook when it is called: compiled ones (TorchScript) do not."""
    return not isinstance(module, torch.jit.ScriptModule)


def first_tensor(value: Any) -> Tensor | None:
    """Return the first tensor in what a module returned: in a mapping, a sequence, or an output class of a library."""
    if isinstance(value, Tensor):
        return value if value.ndim else None
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return next((found for part in parts if (found := first_tensor(part)) is not None), None)


def _block(name: str, module: nn.Module, found: Mapping[nn.Module, _Seen], told: set[nn.Module]) -> Block:
    told.add(module)
    kind, sealed, children = type(module).__name__, not takes_hooks(module), []
    if isinstance(module, torch.jit.ScriptModule):
        kind = str(module.original_name)
    else:
        children = [(own, child) for own, child in module.named_children() if child not in told]
        children.sort(key=lambda each: _first_place(each[1], found))
    inside = tuple(
        _block(f"{name}.{own}".strip("."), child, found, told) for own, child in children if child not in told
    )
    weights = sum(weight.numel() for weight in module.parameters())
    own = found.get(module)
    if own is not None:
        return Block(name, kind, own.shape, weights, own.work, own.calls, sealed, inside)
    # A list of modules, or one of which another method is called, is not seen itself: what is inside tells what it did.
    called = [block for block in inside if block.calls]
    if not called:
        return Block(name, kind, None, weights, None, 0, sealed, inside)
    return Block(name, kind, called[-1].shape, weights, sum(each.work or 0 for each in called), 1, sealed, inside)


def _first_place(module: nn.Module, found: Mapping[nn.Module, _Seen]) -> int:
    return min((found[each].place for each in module.modules() if each in found), default=len(found))
