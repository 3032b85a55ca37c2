"""Whether a net takes the rows that it is to learn from: tried once, before the training."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.recipes.file import plug_in
from chainrule.system import plugins
from chainrule.system.errors import ParamsError

# Where image nets are at home: whatever takes images at all takes this side.
USUAL_SIDE = 224


def check(net: nn.Module, block: dict[str, Any], facts: dict[str, Any], batch_size: int) -> None:
    """Raise ParamsError, with the remedy, where the net cannot learn from rows of the facts' shape.

    The net is left as it was, and nothing random is drawn.
    """
    inputs = plugins.load("training.inputs", block["modality"])
    failure = _failure(net, inputs.net_inputs(facts, rows=min(batch_size, 2)))
    if failure is None:
        return
    name, options = plug_in(block["net"], "name")
    called = " ".join([name, *([options["arch"]] if "arch" in options else [])])
    if batch_size == 1 and _failure(net, inputs.net_inputs(facts, rows=2)) is None:
        raise ParamsError(f"net {called}: cannot learn from one row at a time; a batch_size of at least 2 is needed")
    if block["modality"] == "image":
        found = f"{facts['width']}×{facts['height']}"
        raise ParamsError(f"net {called}: does not take images of {found} pixels; {_remedy(net, facts, failure)}")
    if block["modality"] == "audio":
        found = f"{facts['samples'] / facts['rate']:g} s in {facts['bands']} bands"
        remedy = "give pretrain.tokenizer more seconds or bands, or take another net"
        raise ParamsError(f"net {called}: does not take spectrograms of {found}; {remedy} ({failure})")
    set_to = ", ".join(f"{key} {value}" for key, value in options.items() if key != "arch")
    raise ParamsError(f"net {called}: does not work with {set_to}; take other values ({failure})")


@torch.no_grad()
def _failure(net: nn.Module, inputs: tuple[Tensor, ...]) -> str | None:
    """Return why the net fails on these inputs as it learns, in one line, or None."""
    kept = {name: buffer.clone() for name, buffer in net.named_buffers()}
    was_training = net.training
    try:
        with torch.random.fork_rng(devices=[]):
            net.train()(*inputs)
    except Exception as error:  # whatever a net raises on a shape, from an assertion to an index
        return " ".join(str(error).split())[:200] or type(error).__name__
    finally:
        net.train(was_training)
        for name, buffer in net.named_buffers():
            buffer.copy_(kept[name])
    return None


def _remedy(net: nn.Module, facts: dict[str, Any], failure: str) -> str:
    """Return what size of image the net takes, in words; it holds no weights afterwards."""
    key = "net.size" if hasattr(net, "size") else "clean.normalise.size"  # the first scales without cleaning anew
    net.to("meta")  # shapes alone, in no time

    def takes(side: int) -> bool:
        return _failure(net, (torch.empty(2, len(facts["mean"]), side, side, device="meta"),)) is None

    if not takes(USUAL_SIDE):
        return f"take another net ({failure})"
    if not takes(2 * USUAL_SIDE):
        return f"it takes {USUAL_SIDE}×{USUAL_SIDE}: set {key} to {USUAL_SIDE}, or take another net"
    least, too_small = USUAL_SIDE, 0
    while least - too_small > 1:
        middle = (least + too_small) // 2
        least, too_small = (middle, too_small) if takes(middle) else (least, middle)
    return f"it takes {least}×{least} and larger: set {key} to {least} or more, or take another net"
