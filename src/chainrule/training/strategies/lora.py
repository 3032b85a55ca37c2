"""Low-rank adapters beside the net's matrices learn, and are added to them at the end (Hu et al. 2021, LoRA,
arXiv:2106.09685).

The net itself stays as it is, its normalisation's statistics included; the model that is written has its shape.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from chainrule.system.errors import ParamsError
from chainrule.training.strategy import above


def prepare(model: nn.Module, given: Any, *, rank: int, alpha: int, targets: list[str] | None) -> None:
    """Put adapters beside the matrices that are named; None: beside all of them. Their change starts at zero."""
    from peft import LoraConfig, get_peft_model
    from transformers.pytorch_utils import Conv1D  # GPT-2's linear layer, turned

    net = model.get_submodule("net")
    able = [name for name, module in net.named_modules() if isinstance(module, Conv1D) or _adaptable(net, name, module)]
    chosen = [name for name in able if targets is None or any(fnmatchcase(f"net.{name}", glob) for glob in targets)]
    for glob in targets or ():
        if not any(fnmatchcase(f"net.{name}", glob) for name in able):
            raise ParamsError(
                f"finetune.strategy.targets: {glob}: no linear layer or convolution is called so; "
                f"there are net.{', net.'.join(able[:3])}, …"
            )
    if not chosen:
        raise ParamsError("finetune.strategy: lora: the net has no linear layer or convolution to adapt; take full")
    turned = all(isinstance(net.get_submodule(name), Conv1D) for name in chosen)
    names = "|".join(map(re.escape, chosen))
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=names, fan_in_fan_out=turned)
    model.net = get_peft_model(net, config)


def learning(model: nn.Module, epoch: int) -> Sequence[nn.Module]:
    """Return the head and the adapters, in every epoch."""
    net = model.get_submodule("net")
    return [*above(model), *(module for name, module in net.named_modules() if name.endswith((".lora_A", ".lora_B")))]


def merge(model: nn.Module) -> None:
    """Add the adapters to the matrices, and take them away: the net is as it was built."""
    model.net = model.net.merge_and_unload()  # type: ignore[operator, union-attr]


def _adaptable(net: nn.Module, name: str, module: nn.Module) -> bool:
    """Return whether it is a linear layer, or a convolution that is not depthwise, and is called as such."""
    if isinstance(net.get_submodule(name.rpartition(".")[0]), nn.MultiheadAttention):
        return False  # of its last layer torch takes the weight alone
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
