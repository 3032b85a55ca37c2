"""Where a number stopped being one: the first module whose output is not finite, when its batch is seen again."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.training import precision
from chainrule.training.audit.aside import aside


@torch.no_grad()
def first_not_finite(objective: nn.Module, batches: Sequence[dict[str, Tensor]], products: str) -> str:
    """Return in words where NaN or infinity first appears when the objective is called with these batches.

    products: their number format (`training.precision`).

    The weights come first: if an update has spoilt them, no module is to blame for what they make. Of the modules the
    innermost is named, since it ends before those around it. Buffers are as before afterwards.
    """
    spoilt = [name for name, weight in objective.named_parameters() if not bool(weight.isfinite().all())]
    if spoilt:
        more = f" and {len(spoilt) - 1} more" if len(spoilt) > 1 else ""
        return f"the weights {spoilt[0]}{more} are not finite: an update before this batch was too large"
    names = {module: name or "the loss" for name, module in objective.named_modules()}
    found: list[str] = []

    def leaves(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        if not found and not _finite(result):
            most = max((float(each.abs().max()) for each in tensors((given, named)) if each.numel()), default=0.0)
            found.append(
                f"the first output that is not finite is that of {names[module]} ({type(module).__name__}), "
                f"whose inputs are at most {most:.2g}"
            )

    handles = [module.register_forward_hook(leaves, with_kwargs=True) for module in objective.modules()]
    try:
        with aside(objective, batches):
            precision.called(objective, batches, products)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else "every output is finite when the batch is seen again"


def _finite(value: Any) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors(value))


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of real numbers in whatever a module takes or returns."""
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)
